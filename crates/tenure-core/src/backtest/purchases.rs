//! Who buys nothing within the horizon.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenure_stats::StatsError;

use super::cases::{Case, Known, Subject};
use super::{Model, Plan};
use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection, States};
use crate::forecast::{
    FEATURES, Features, Forecast, ForecastError, Method, Origin, PurchaseFit, PurchaseSum,
};
use crate::id::CustomerId;
use crate::policy::Policy;
use crate::projection::churn::{Churn, ChurnView};
use crate::projection::purchases::{PurchaseView, Purchases, TimeUnit};
use crate::projection::rfm::{Rfm, RfmView};
use crate::report::rfm::{Population, RfmReport};
use crate::report::{Report, Shown};
use crate::time::{Duration, Timestamp};

/// Everybody who had bought; whoever buys nothing within the horizon has lapsed.
pub(super) struct OfPurchases<'p> {
    policy: &'p Policy,
    plan: &'p Plan,
    method: Method,
    seen: (Purchases, Rfm, Option<Churn>),
}

impl<'p> OfPurchases<'p> {
    pub(super) const fn new(
        (policy, plan): (&'p Policy, &'p Plan),
        method: Method,
        seen: (Purchases, Rfm, Option<Churn>),
    ) -> Self {
        Self { policy, plan, method, seen }
    }
}

/// What is known of a buyer.
pub(super) struct Buyer {
    purchases: PurchaseView,
    rfm: RfmView,
    /// The sum of the three scores, 3 to 15; 0 of somebody without an order in the policy's window.
    rfm_sum: u8,
    rules: Option<ChurnView>,
}

impl Subject for OfPurchases<'_> {
    type Seen = (Purchases, Rfm, Option<Churn>);
    type View = Buyer;
    type Model = (PurchaseFit, Forecast);
    type Came = Bought;

    const OF: &'static str = "to have bought";
    const FEATURES: &'static [&'static str] = &FEATURES;
    const SCORE: &'static str = "p0";
    const BASELINES: [&'static str; 2] = ["recency", "rfm_sum"];

    fn seen(&self) -> &Self::Seen {
        &self.seen
    }

    fn came(&self) -> Bought {
        Bought::after(self.plan.cuts(), self.plan.horizon)
    }

    fn views(&self, states: &States<Self::Seen>, at: Timestamp) -> Vec<(CustomerId, Buyer)> {
        let sums = rfm_sums(&self.seen.1, states, at);
        let each = states.iter().filter_map(|(id, folded)| {
            let (purchases, rfm, rules) = states.projection().view(&folded.state, at);
            let rfm_sum = sums.get(&states.shown(id)).copied().unwrap_or(0);
            Some((id, Buyer { purchases: purchases?, rfm, rfm_sum, rules }))
        });
        each.collect()
    }

    /// NBD where the one asked for has no best fit.
    fn fit(&self, views: &[(CustomerId, Buyer)], at: Timestamp) -> Result<Self::Model, ForecastError> {
        let mut sum = PurchaseSum::default();
        for (_, buyer) in views {
            sum.add(&buyer.purchases);
        }
        let origin = || Origin {
            zone: self.policy.zone,
            as_of: at,
            known_at: Some(at),
            policy: self.policy.name.clone(),
            policy_hash: self.policy.hash(),
            log: "".into(),
            histories: sum.digest(),
        };
        let one = |method| PurchaseFit::of(&sum, method, TimeUnit::Weeks, origin());
        let fit = match one(self.method) {
            Err(ForecastError::Fit {
                why: why @ (StatsError::NoOptimum { .. } | StatsError::NotConverged { .. }),
                ..
            }) => {
                let mut simpler = one(Method::Nbd)?;
                simpler.notes.push(format!("{why}: NBD is used"));
                simpler
            }
            other => other?,
        };
        let forecast = fit.open()?;
        Ok((fit, forecast))
    }

    fn case(
        &self,
        known: Known<'_, Buyer>,
        (_, forecast): &Self::Model,
        came: Option<&BoughtState>,
    ) -> Result<Option<Case>, ForecastError> {
        let Buyer { purchases, rfm, rfm_sum, rules } = known.view;
        let p = forecast.p_no_purchase(purchases, self.plan.horizon.as_seconds() / 86_400.0)?;
        let recency = purchases.recency_days();
        Ok(Some(Case {
            id: known.id,
            customer: known.customer,
            cut: known.cut,
            features: Features::of(purchases, p).and_signals(rules.as_ref()),
            p,
            // A high sum is a good customer.
            baselines: [libm::log1p(f64::from(recency)), -f64::from(*rfm_sum)],
            value_minor: rfm.monetary().map_or(0, |money| money.minor),
            rules: rules.as_ref().map(|rules| rules.score),
            since: purchases.last_day(),
            lead_days: Some(self.plan.horizon.as_days() - i64::from(recency)),
            lapsed: !came.is_some_and(|state| state.bought(known.cut)),
        }))
    }

    fn told((fit, _): Self::Model) -> Model {
        Model::Purchases(Box::new(fit))
    }
}

/// The sum of the three scores by shown id; nothing where a population cannot be scored.
fn rfm_sums(
    rfm: &Rfm,
    states: &States<(Purchases, Rfm, Option<Churn>)>,
    at: Timestamp,
) -> BTreeMap<String, u8> {
    let report = RfmReport::new(rfm, at);
    let mut population = Population::default();
    for (id, folded) in states.iter() {
        let (_, view, _) = states.projection().view(&folded.state, at);
        report.add(&mut population, Shown { id, name: &states.shown(id) }, &view);
    }
    let Ok(answer) = report.finish(population) else { return BTreeMap::new() };
    answer
        .customers
        .into_iter()
        .map(|row| (row.customer, row.scores.r + row.scores.f + row.scores.m))
        .collect()
}

/// For each cut, whether a customer has an order later than the cut and not later than the horizon after it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bought {
    /// Later than, and not later than; in microseconds.
    windows: Vec<(i64, i64)>,
}

impl Bought {
    pub(super) fn after(cuts: impl Iterator<Item = Timestamp>, horizon: Duration) -> Self {
        let window = |cut: Timestamp| (cut.as_micros(), cut.as_micros().saturating_add(horizon.as_micros()));
        Self { windows: cuts.map(window).collect() }
    }
}

/// One bit for each cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct BoughtState(Vec<bool>);

impl BoughtState {
    pub(super) fn bought(&self, cut: usize) -> bool {
        self.0.get(cut).copied().unwrap_or(false)
    }
}

impl Projection for Bought {
    type State = BoughtState;
    type View = BoughtState;

    fn init(&self) -> BoughtState {
        BoughtState::default()
    }

    fn apply(&self, state: &mut BoughtState, fact: &EventView<'_>) {
        if fact.kind != Kind::OrderPlaced {
            return;
        }
        let at = fact.occurred_at.as_micros();
        for (cut, (after, until)) in self.windows.iter().enumerate() {
            if *after < at && at <= *until {
                if state.0.len() <= cut {
                    state.0.resize(cut + 1, false);
                }
                state.0.iter_mut().skip(cut).take(1).for_each(|bought| *bought = true);
            }
        }
    }

    fn view(&self, state: &BoughtState, _: Timestamp) -> BoughtState {
        state.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("bought", 1, &self.windows)
    }
}
