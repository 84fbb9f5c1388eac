//! Who ends the last subscription within the horizon.

use std::collections::BTreeMap;

use super::cases::{Case, Known, Subject};
use super::{Model, Plan};
use crate::event::{By, EventView};
use crate::fold::{Fingerprint, Projection, States};
use crate::forecast::{Features, ForecastError, Hazard, Life};
use crate::id::CustomerId;
use crate::projection::churn::{Churn, ChurnView};
use crate::projection::recurring::{Recurring, RecurringState, RecurringView};
use crate::time::{Duration, Timestamp};

/// Everybody who pays; whoever has nothing due at an instant of the horizon has lapsed.
pub(super) struct OfSubscriptions<'p> {
    plan: &'p Plan,
    seen: (Recurring, LastActivity, Option<Churn>),
}

impl<'p> OfSubscriptions<'p> {
    pub(super) const fn new(plan: &'p Plan, recurring: Recurring, churn: Option<Churn>) -> Self {
        Self { plan, seen: (recurring, LastActivity, churn) }
    }
}

/// What is known of somebody who pays or has paid.
pub(super) struct Payer {
    recurring: RecurringView,
    lives: Vec<Life>,
    last_activity: Option<Timestamp>,
    rules: Option<ChurnView>,
}

impl Subject for OfSubscriptions<'_> {
    type Seen = (Recurring, LastActivity, Option<Churn>);
    type View = Payer;
    type Model = Hazard;
    type Came = Recurring;

    const OF: &'static str = "to pay";
    const FEATURES: &'static [&'static str] =
        &["ln_age", "again", "ln_amount", "shrunk", "ln_silence", "ln_p_end"];
    const SCORE: &'static str = "p_end";
    const BASELINES: [&'static str; 2] = ["recency", "age"];

    fn seen(&self) -> &Self::Seen {
        &self.seen
    }

    fn came(&self) -> Recurring {
        self.seen.0.clone()
    }

    fn views(&self, states: &States<Self::Seen>, at: Timestamp) -> Vec<(CustomerId, Payer)> {
        let each = states.iter().filter_map(|(id, folded)| {
            let (recurring, last_activity, rules) = states.projection().view(&folded.state, at);
            let lives = Life::all(&recurring, at);
            (!lives.is_empty()).then_some((id, Payer { recurring, lives, last_activity, rules }))
        });
        each.collect()
    }

    fn fit(&self, views: &[(CustomerId, Payer)], _: Timestamp) -> Result<Hazard, ForecastError> {
        let mut lives: BTreeMap<Life, u64> = BTreeMap::new();
        for life in views.iter().flat_map(|(_, payer)| &payer.lives) {
            *lives.entry(*life).or_default() += 1;
        }
        Ok(Hazard::of(&lives)?)
    }

    fn case(
        &self,
        known: Known<'_, Payer>,
        hazard: &Hazard,
        came: Option<&RecurringState>,
    ) -> Result<Option<Case>, ForecastError> {
        let Payer { recurring, lives, last_activity, rules } = known.view;
        let Some(life) = lives.last().copied().filter(|life| !life.ended) else { return Ok(None) };
        let (at, p) = (known.at, hazard.p_end(life, self.plan.horizon));
        let began = at.checked_sub(life.lasts).unwrap_or(Timestamp::MIN);
        let minor = recurring.at(at);
        let most = recurring.steps.iter().filter(|step| step.at >= began && step.at <= at);
        let shrunk = most.map(|step| step.minor).max().is_some_and(|most| minor < most);
        let silent = days(last_activity.map_or(life.lasts, |last| at.since(last)));
        let currency = recurring.counted.currency(self.seen.0.exchange().currency()).ok();
        let features = vec![
            libm::log1p(days(life.lasts)),
            f64::from(u8::from(life.again)),
            libm::log1p(currency.map_or(0.0, |currency| currency.units(minor))),
            f64::from(u8::from(shrunk)),
            libm::log1p(silent),
            libm::log(p.max(f64::MIN_POSITIVE)),
        ];
        let came = came.map(|state| self.seen.0.view(state, at)).unwrap_or_default();
        let lapse = nothing_due(&came, (at, self.plan.horizon));
        let ahead = |lapse: Timestamp| {
            let until = lapse.as_micros().saturating_sub(at.as_micros());
            until.div_euclid(DAY) + i64::from(until.rem_euclid(DAY) > 0)
        };
        Ok(Some(Case {
            id: known.id,
            customer: known.customer,
            cut: known.cut,
            features: Features::of_numbers(features).and_signals(rules.as_ref()),
            p,
            baselines: [libm::log1p(silent), -libm::log1p(days(life.lasts))],
            value_minor: currency.map_or(0, |_| minor),
            rules: rules.as_ref().map(|rules| rules.score),
            since: self.seen.0.exchange().zone().day(began),
            lead_days: lapse.map(ahead),
            lapsed: lapse.is_some(),
        }))
    }

    fn told(hazard: Hazard) -> Model {
        Model::Subscriptions(hazard)
    }
}

/// The first instant, later than the cut and not later than the horizon after it, at which nothing is due; the cut itself
/// where, as is known now, nothing was due there any more.
fn nothing_due(view: &RecurringView, (cut, horizon): (Timestamp, Duration)) -> Option<Timestamp> {
    if view.at(cut) <= 0 {
        return Some(cut);
    }
    let until = cut.checked_add(horizon).unwrap_or(Timestamp::MAX);
    let ends = view.steps.iter().find(|step| step.at > cut && step.minor <= 0)?;
    (ends.at <= until).then_some(ends.at)
}

const DAY: i64 = 86_400_000_000;

fn days(duration: Duration) -> f64 {
    duration.as_seconds() / 86_400.0
}

/// When the customer last did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastActivity;

impl Projection for LastActivity {
    type State = Option<Timestamp>;
    type View = Option<Timestamp>;

    fn init(&self) -> Option<Timestamp> {
        None
    }

    fn apply(&self, last: &mut Option<Timestamp>, fact: &EventView<'_>) {
        if fact.kind.by() == By::Customer {
            *last = (*last).max(Some(fact.occurred_at));
        }
    }

    fn view(&self, last: &Option<Timestamp>, _: Timestamp) -> Option<Timestamp> {
        *last
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("last_activity", 1, &())
    }
}
