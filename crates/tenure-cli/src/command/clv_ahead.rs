//! The predicted part of `tenure clv`: what customers will bring, by a model file.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tenure::core::fold::{Projection as _, States};
use tenure::core::forecast::{Forecast, PurchaseFit, PurchaseReport, PurchaseSum};
use tenure::core::projection::acquisition::Acquisition;
use tenure::core::projection::purchases::Purchases;
use tenure::core::projection::revenue::Month;
use tenure::core::projection::value::HistoricValue;
use tenure::core::report::predicted::{
    Ahead, Predicted, PredictedAnswer, PredictedReport, PredictedRow, PredictedSum, Prediction, Spending,
    Valuation,
};
use tenure::core::report::{Report, Shown};
use tenure::core::{Currency, Duration, Timestamp};
use tenure::stats::StatsError;

use crate::args::{self, ValueBy};
use crate::command::{Talk, backtest, fit};
use crate::error::CliError;
use crate::lang::fill;
use crate::question::Question;
use crate::table::{Cell, Table};

/// What is folded: what customers have brought, where they came from, and, where a model is asked, their purchase days.
pub type Folded = (HistoricValue, Acquisition, Option<Purchases>);

/// A model file, opened for a question.
pub struct Model {
    fit: PurchaseFit,
    forecast: Forecast,
    horizon: Duration,
    /// In percent a year.
    discount: f64,
}

/// What the model says.
pub struct Outlook {
    answer: PredictedAnswer,
    customers: BTreeMap<String, Prediction>,
    currency: Currency,
    horizon: Duration,
    discount: f64,
    /// What there is to know.
    pub notes: Vec<String>,
}

impl Model {
    /// The model that is asked for, if one is.
    ///
    /// # Errors
    /// A file that cannot be read or is no model, or one of other data.
    pub fn asked(args: &args::Clv, question: &Question) -> Result<Option<Self>, CliError> {
        let Some(path) = args.model.as_deref() else { return Ok(None) };
        let fit = fit::read(path, question)?;
        let forecast = fit.open().map_err(|error| fit::told(&error))?;
        let horizon = backtest::duration("--horizon", &args.horizon)?;
        Ok(Some(Self { fit, forecast, horizon, discount: args.discount }))
    }

    /// How it was asked.
    pub fn query(&self) -> Value {
        json!({
            "model": self.fit.model,
            "fitted_at": self.fit.origin.as_of,
            "horizon": self.horizon,
            "discount_percent": self.discount,
        })
    }

    /// What everybody who has bought is expected to bring.
    ///
    /// # Errors
    /// Where nothing says what a purchase brings, or a horizon or discount that cannot be.
    pub fn outlook(
        &self,
        states: &States<Folded>,
        zone: tenure::core::Zone,
        at: Timestamp,
        talk: Talk,
    ) -> Result<Outlook, CliError> {
        let wrong = |error: &StatsError| {
            CliError::input(error).hint("tenure clv --model model.json --horizon 365d --discount 10")
        };
        let views: Vec<_> = states
            .iter()
            .filter_map(|(id, folded)| {
                let (value, origin, purchases) = states.projection().view(&folded.state, at);
                Some((id, value.first_order?, origin.origin(), purchases.flatten()?))
            })
            .collect();
        let mut population = PurchaseSum::default();
        for (id, .., purchases) in &views {
            PurchaseReport.add(&mut population, Shown { id: *id, name: "" }, &Some(purchases.clone()));
        }
        let (spending, currency) = self
            .spending(&population, views.iter().map(|(.., view)| view.mean_amount()))
            .map_err(|error| wrong(&error))?;
        let ahead = Ahead {
            unit: Duration::days(if self.forecast.unit().days() > 1.0 { 7 } else { 1 }),
            horizon: self.horizon,
            annual_discount: self.discount / 100.0,
        };
        let valuation = Valuation::new(self.forecast.model(), &spending, ahead, currency)
            .map_err(|error| wrong(&error))?;
        let report = PredictedReport { currency };
        let mut sum = PredictedSum::default();
        let mut customers = BTreeMap::new();
        for (id, first, origin, purchases) in views {
            let prediction = valuation.of(&self.forecast.past(&purchases)).ok();
            let name = states.shown(id);
            let view = Predicted { cohort: Month::of(zone, first), origin, prediction };
            report.add(&mut sum, Shown { id, name: &name }, &view);
            customers.extend(prediction.map(|prediction| (name, prediction)));
        }
        let answer = report.finish(sum);
        let w = talk.words();
        let mut notes: Vec<String> = self.fit.notes.clone();
        if let Spending::Mean { why, .. } = &spending {
            notes.push(fill(w.mean_for_all, &[why]));
        }
        if answer.refused > 0 {
            notes.push(fill(w.unpredicted, &[&answer.refused]));
        }
        Ok(Outlook { answer, customers, currency, horizon: self.horizon, discount: self.discount, notes })
    }

    /// What purchases bring: as the file says, else as the present population does.
    fn spending(
        &self,
        population: &PurchaseSum,
        amounts: impl Iterator<Item = f64>,
    ) -> Result<(Spending, Currency), StatsError> {
        if let Some((spend, currency)) = self.forecast.spend().copied().zip(self.forecast.currency()) {
            return Ok((Spending::GammaGamma(spend), currency));
        }
        let (count, sum) = amounts.fold((0.0, 0.0), |(count, sum), amount| (count + 1.0, sum + amount));
        let mean = (count > 0.0).then(|| sum / count);
        match population.currencies() {
            Some((currency, last)) if currency == last => {
                Ok((Spending::fit(population.spends(), mean)?, currency))
            }
            _ => Err(StatsError::TooFew { what: "amounts of one currency", seen: 0, needed: 1 }),
        }
    }
}

impl Outlook {
    /// As JSON: the groups asked for, and customers likewise.
    pub fn json(&self, by: ValueBy, listed: &[&str]) -> Value {
        let rows = match by {
            ValueBy::Customer => {
                let one = |name: &&str| {
                    let prediction = self.customers.get(*name)?;
                    Some(
                        json!({"customer": name, "purchases": prediction.purchases, "spend": prediction.spend, "clv": self.money(prediction)}),
                    )
                };
                json!(listed.iter().filter_map(one).collect::<Vec<_>>())
            }
            _ => json!(self.rows(by)),
        };
        json!({"total": self.answer.total, "rows": rows, "refused": self.answer.refused})
    }

    fn money(&self, prediction: &Prediction) -> tenure::core::MoneySum {
        tenure::core::MoneySum { minor: prediction.clv_minor, currency: self.currency }
    }

    fn rows(&self, by: ValueBy) -> &[PredictedRow] {
        match by {
            ValueBy::Customer => &[],
            ValueBy::Cohort => &self.answer.cohorts,
            ValueBy::Channel => &self.answer.channels,
            ValueBy::Campaign => &self.answer.campaigns,
        }
    }

    /// As a table: everybody last, or the customers listed.
    pub fn table(&self, by: ValueBy, listed: &[&str], talk: Talk) -> Table {
        let w = talk.words();
        let title = fill(w.predicted, &[&self.horizon, &self.discount]);
        if by == ValueBy::Customer {
            let columns =
                [("customer", w.customer), ("purchases", w.expected_purchases), ("clv", w.predicted_clv)];
            let mut table = Table::new(title, &columns);
            for name in listed {
                if let Some(prediction) = self.customers.get(*name) {
                    table.push(vec![
                        (*name).into(),
                        format!("{:.2}", prediction.purchases).into(),
                        Cell::Money(self.money(prediction)),
                    ]);
                }
            }
            return table;
        }
        let columns = [
            ("group", by.code()),
            ("customers", w.customers),
            ("purchases", w.expected_purchases),
            ("clv", w.predicted_clv),
            ("average", w.average),
        ];
        let mut table = Table::new(title, &columns);
        let cells = |name: Cell, row: &PredictedRow| {
            let average = row.average.map_or(Cell::Empty, Cell::Money);
            vec![
                name,
                row.customers.into(),
                format!("{:.2}", row.purchases).into(),
                Cell::Money(row.clv),
                average,
            ]
        };
        for row in self.rows(by) {
            table.push(cells(super::clv::name(row.name.as_deref(), talk), row));
        }
        table.push(cells(w.everybody.into(), &self.answer.total));
        table
    }
}
