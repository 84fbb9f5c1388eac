//! What `tenure churn` shows beside the score: how likely a customer is to buy nothing, and to end the last subscription.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};
use tenure::core::fold::{Projection as _, States};
use tenure::core::forecast::{Forecast, Hazard, LearntView, Life, PurchaseFit};
use tenure::core::projection::purchases::Purchases;
use tenure::core::projection::recurring::Recurring;
use tenure::core::report::churn::{WarningAnswer, Watched};
use tenure::core::{Duration, Timestamp};

use crate::command::{Talk, fit};
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table};

/// What is folded: what the list shows, where a model is asked purchase days, and what is due a month.
pub type Folded = (Watched, Option<Purchases>, Recurring);

/// How far ahead is looked where nothing else is asked for.
const HORIZON: Duration = Duration::days(90);

/// A model file, opened for a question.
#[derive(Debug)]
pub struct Model {
    fit: PurchaseFit,
    forecast: Forecast,
    horizon: Duration,
}

impl Model {
    /// Reads a model file and holds it against what it is asked about. Without a horizon it looks as far ahead as its learnt
    /// score does.
    ///
    /// # Errors
    /// A file that cannot be read or is no model, or one of other data.
    pub fn open(path: &Path, horizon: Option<Duration>, question: &Question) -> Result<Self, CliError> {
        let fit = fit::read(path, question)?;
        let forecast = fit.open().map_err(|error| fit::told(&error))?;
        let learnt = || fit.learnt.as_ref().map(|learnt| learnt.horizon);
        let horizon = horizon.or_else(learnt).unwrap_or(HORIZON);
        Ok(Self { fit, forecast, horizon })
    }

    fn query(&self) -> Value {
        json!({"model": self.fit.model, "learnt": self.is_learnt(), "horizon": self.horizon, "fitted_at": self.fit.origin.as_of})
    }

    /// Whether the learnt score says it: it does for the horizon that it was learnt for, and for no other.
    fn is_learnt(&self) -> bool {
        self.fit.learnt.as_ref().is_some_and(|learnt| learnt.horizon == self.horizon)
    }

    /// What a learnt score is made of, as JSON: the baseline and the contributions add up to the log-odds, which the
    /// calibration makes a probability of.
    fn parts(&self, view: &LearntView) -> Value {
        let Some(learnt) = &self.fit.learnt else { return Value::Null };
        let names = learnt.score.features.iter().zip(&view.contributions);
        let contributions: Vec<Value> =
            names.map(|(feature, log_odds)| json!({"feature": feature.name, "log_odds": log_odds})).collect();
        json!({
            "log_odds": view.log_odds,
            "baseline": learnt.score.baseline,
            "contributions": contributions,
            "calibration": learnt.score.calibration,
        })
    }
}

/// What there is to look ahead with.
#[derive(Debug, Default)]
pub struct Outlook {
    /// A model of repeat purchase; none: nothing says how likely anybody is to buy nothing.
    pub model: Option<Model>,
    /// How far ahead is looked, if that was asked.
    pub horizon: Option<Duration>,
}

impl Outlook {
    /// How far ahead is looked.
    fn horizon(&self) -> Duration {
        let of_model = || self.model.as_ref().map(|model| model.horizon);
        self.horizon.or_else(of_model).unwrap_or(HORIZON)
    }

    /// What is said about the customers of a list.
    ///
    /// # Errors
    /// Where a number cannot be computed.
    pub fn look(
        &self,
        states: &States<Folded>,
        result: &WarningAnswer,
        at: Timestamp,
    ) -> Result<Ahead<'_>, CliError> {
        let mut lives: BTreeMap<Life, u64> = BTreeMap::new();
        let recurring = &states.projection().2;
        for (_, folded) in states.iter() {
            for life in Life::all(&recurring.view(&folded.state.2, at), at) {
                *lives.entry(life).or_default() += 1;
            }
        }
        let mut ahead =
            Ahead { outlook: self, pays: !lives.is_empty(), notes: Vec::new(), of: BTreeMap::new() };
        let hazard = match Hazard::of(&lives) {
            Ok(hazard) => Some(hazard),
            Err(why) => {
                if ahead.pays {
                    ahead.notes.push(format!("no hazard: {why}"));
                }
                None
            }
        };
        let listed: BTreeSet<&str> = result.customers.iter().map(|one| one.customer.as_str()).collect();
        for (id, folded) in states.iter() {
            let name = states.shown(id);
            if !listed.contains(name.as_str()) {
                continue;
            }
            let ((rules, ..), purchases, paying) = states.projection().view(&folded.state, at);
            let mut one = Likely::default();
            if let (Some(model), Some(view)) = (&self.model, purchases.flatten()) {
                let learnt = if model.is_learnt() {
                    model.fit.learnt_of(&model.forecast, &view, Some(&rules))
                } else {
                    Ok(None)
                };
                if let Some(learnt) = learnt.map_err(|error| fit::told(&error))? {
                    (one.p_no_purchase, one.learnt) = (Some(learnt.p), Some(model.parts(&learnt)));
                } else {
                    let days = model.horizon.as_seconds() / 86_400.0;
                    let p = model.forecast.p_no_purchase(&view, days);
                    one.p_no_purchase = Some(p.map_err(|error| fit::told(&error))?);
                }
            }
            let life = Life::all(&paying, at).last().copied().filter(|life| !life.ended);
            one.p_end = hazard.zip(life).map(|(hazard, life)| hazard.p_end(life, self.horizon()));
            ahead.of.insert(name, one);
        }
        Ok(ahead)
    }

    /// What was asked, for the answer.
    pub fn query(&self) -> (Value, Duration) {
        (json!(self.model.as_ref().map(Model::query)), self.horizon())
    }
}

/// How likely one customer is to leave.
#[derive(Debug, Default)]
struct Likely {
    p_no_purchase: Option<f64>,
    learnt: Option<Value>,
    p_end: Option<f64>,
}

/// What is said about the customers of a list, by the name shown.
#[derive(Debug)]
pub struct Ahead<'o> {
    outlook: &'o Outlook,
    /// Whether anybody pays or has paid by subscription.
    pays: bool,
    /// Why something is not said.
    pub notes: Vec<String>,
    of: BTreeMap<String, Likely>,
}

impl Ahead<'_> {
    /// Adds what is said to a customer's row of JSON.
    pub fn tell(&self, customer: &str, row: &mut Map<String, Value>) {
        let one = self.of.get(customer);
        if self.outlook.model.is_some() {
            row.insert("p_no_purchase".into(), json!(one.and_then(|one| one.p_no_purchase)));
            row.insert("learnt".into(), json!(one.and_then(|one| one.learnt.as_ref())));
        }
        if self.pays {
            row.insert("p_end".into(), json!(one.and_then(|one| one.p_end)));
        }
    }

    /// The table with a column for each thing that is said.
    pub fn columns(&self, mut table: Table, talk: Talk) -> Table {
        let w = talk.words();
        if let Some(model) = &self.outlook.model {
            table = table.with_column("p_no_purchase", fill(w.p_no_purchase, &[&model.horizon]));
        }
        if self.pays {
            table = table.with_column("p_end", fill(w.p_end, &[&self.outlook.horizon()]));
        }
        table
    }

    /// A customer's cells of these columns.
    pub fn cells(&self, customer: &str) -> Vec<Cell> {
        let one = self.of.get(customer);
        let cell = |p: Option<f64>| p.map_or(Cell::Empty, Cell::Percent);
        let of_model = self.outlook.model.iter().map(|_| cell(one.and_then(|one| one.p_no_purchase)));
        let of_hazard = self.pays.then(|| cell(one.and_then(|one| one.p_end)));
        of_model.chain(of_hazard).collect()
    }
}
