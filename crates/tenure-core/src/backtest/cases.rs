//! Who stood where at each cut, and what came.

use std::collections::BTreeMap;

use tenure_stats::StatsError;

use super::label::Bought;
use super::plan::Plan;
use super::{Backtest, BacktestError};
use crate::fold::{Projection, States};
use crate::forecast::{Features, Forecast, ForecastError, Method, Origin, PurchaseFit, PurchaseSum};
use crate::id::CustomerId;
use crate::log::{Cut, KnownAt, Log};
use crate::projection::churn::{Churn, ChurnView};
use crate::projection::purchases::{PurchaseView, Purchases, TimeUnit};
use crate::projection::rfm::{Rfm, RfmView};
use crate::report::rfm::{Population, RfmReport};
use crate::report::{Report, Shown};
use crate::time::{Duration, Timestamp};

/// Something that can be folded at any cut: a log, a store.
pub trait Replay {
    /// Why it could not be read.
    type Error;

    /// Folds all facts of a cut.
    ///
    /// # Errors
    /// If it cannot be read.
    fn replay<P>(&self, projection: &P, cut: Cut) -> Result<States<P>, Self::Error>
    where
        P: Projection + Clone + Send + Sync;
}

impl Replay for Log {
    type Error = core::convert::Infallible;

    fn replay<P>(&self, projection: &P, cut: Cut) -> Result<States<P>, Self::Error>
    where
        P: Projection + Clone + Send + Sync,
    {
        Ok(States::of_log(projection.clone(), cut, self))
    }
}

/// A customer at a cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The representative as known at the cut.
    pub id: CustomerId,
    /// As the customer was shown then.
    pub customer: String,
    /// Which cut, counted from the first training cut.
    pub cut: usize,
    /// What a learnt score looks at.
    pub features: Features,
    /// The model's probability of no purchase within the horizon.
    pub p0: f64,
    /// Local days since the last purchase day.
    pub recency_days: u32,
    /// The last purchase day, in days since 1970.
    pub last_day: i32,
    /// Sum of the three RFM scores, 3 to 15; 0 of somebody without an order in the policy's window.
    pub rfm_sum: u8,
    /// Orders less refunds until the cut, in minor units; 0 where currencies are mixed.
    pub value_minor: i128,
    /// The rule score, 0 to 100; none under a policy without one.
    pub rules: Option<u8>,
    /// Whether the customer bought nothing within the horizon.
    pub lapsed: bool,
}

/// All cases, and the models that gave P0.
pub(super) struct Cases {
    /// By cut and shown id.
    pub all: Vec<Case>,
    /// The model of the cuts that are judged.
    pub model: PurchaseFit,
}

/// What is folded at each cut.
type Seen = (Purchases, Rfm, Option<Churn>);

impl Cases {
    /// Folds the log at every cut, and once more to see what came.
    pub(super) fn of<R: Replay>(
        backtest: &Backtest<'_>,
        replay: &R,
    ) -> Result<Self, BacktestError<R::Error>> {
        let Backtest { policy, plan, .. } = backtest;
        let rfm = policy.rfm().map_err(|error| BacktestError::Policy(error.to_string().into()))?;
        let purchases = Purchases::new(policy.exchange());
        let churn = policy.churn.as_ref().map(|_| policy.churn()).transpose();
        let churn = churn.map_err(|error| BacktestError::Policy(error.to_string().into()))?;
        let seen: Seen = (purchases, rfm, churn);
        let came = came(plan, replay)?;
        let mut all = Vec::new();
        let mut model = None;
        for (cut, at) in plan.cuts().enumerate() {
            let states = replay.replay(&seen, plan.knowledge.cut(at)).map_err(BacktestError::Replay)?;
            let views: Vec<_> = states
                .iter()
                .filter_map(|(id, folded)| {
                    let (view, rfm, rules) = states.projection().view(&folded.state, at);
                    Some((id, view?, rfm, rules))
                })
                .collect();
            if views.is_empty() {
                return Err(BacktestError::Empty { cut: at });
            }
            // Judged by what was known at the last cut that was learnt from.
            if cut < plan.train.len() {
                let purchases = views.iter().map(|(_, view, ..)| view);
                model =
                    Some(fit(backtest, purchases, at).map_err(|why| BacktestError::Model { cut: at, why })?);
            }
            let fit = model.as_ref().ok_or(BacktestError::Empty { cut: at })?;
            let forecast = fit.open().map_err(|why| BacktestError::Model { cut: at, why })?;
            let sums = rfm_sums(&seen.1, &states, at);
            for (id, view, rfm, rules) in &views {
                let customer = states.shown(*id);
                let bought = came.get(*id).is_some_and(|folded| folded.state.bought(cut));
                let known =
                    Known { id: *id, cut, rfm_sum: sums.get(&customer).copied().unwrap_or(0), customer };
                let one = known.case(&forecast, (view, rfm, rules.as_ref()), plan.horizon, !bought);
                all.push(one.map_err(|why| BacktestError::Model { cut: at, why })?);
            }
        }
        all.sort_unstable_by(|one, other| {
            (one.cut, &one.customer, one.id).cmp(&(other.cut, &other.customer, other.id))
        });
        match model {
            Some(model) => Ok(Self { all, model }),
            None => Err(BacktestError::Plan(super::PlanError::NoCut { what: "training" })),
        }
    }
}

/// Everything that came within the horizon after a cut, as it is known today.
fn came<R: Replay>(plan: &Plan, replay: &R) -> Result<States<Bought>, BacktestError<R::Error>> {
    let end = plan.cuts().last().and_then(|last| last.checked_add(plan.horizon)).unwrap_or(Timestamp::MAX);
    let cut = Cut { as_of: Some(end), known_at: KnownAt::Latest };
    replay.replay(&Bought::after(plan.cuts(), plan.horizon), cut).map_err(BacktestError::Replay)
}

/// The model of a cut; NBD where the one asked for has no best fit.
fn fit<'v>(
    backtest: &Backtest<'_>,
    purchases: impl Iterator<Item = &'v PurchaseView>,
    at: Timestamp,
) -> Result<PurchaseFit, ForecastError> {
    let mut sum = PurchaseSum::default();
    purchases.for_each(|view| sum.add(view));
    let origin = || Origin {
        zone: backtest.policy.zone,
        as_of: at,
        known_at: Some(at),
        policy: backtest.policy.name.clone(),
        policy_hash: backtest.policy.hash(),
        log: "".into(),
        histories: sum.digest(),
    };
    let one = |method| PurchaseFit::of(&sum, method, TimeUnit::Weeks, origin());
    match one(backtest.method) {
        Err(ForecastError::Fit {
            why: why @ (StatsError::NoOptimum { .. } | StatsError::NotConverged { .. }),
            ..
        }) => {
            let mut simpler = one(Method::Nbd)?;
            simpler.notes.push(format!("{why}: NBD is used"));
            Ok(simpler)
        }
        other => other,
    }
}

/// The sum of the three scores by shown id; nothing where a population cannot be scored.
fn rfm_sums(rfm: &Rfm, states: &States<Seen>, at: Timestamp) -> BTreeMap<String, u8> {
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

/// Who a case is about.
struct Known {
    id: CustomerId,
    customer: String,
    cut: usize,
    rfm_sum: u8,
}

impl Known {
    fn case(
        self,
        forecast: &Forecast,
        (view, rfm, rules): (&PurchaseView, &RfmView, Option<&ChurnView>),
        horizon: Duration,
        lapsed: bool,
    ) -> Result<Case, ForecastError> {
        let p0 = forecast.p_no_purchase(view, horizon.as_seconds() / 86_400.0)?;
        Ok(Case {
            id: self.id,
            customer: self.customer,
            cut: self.cut,
            features: Features::of(view, p0).and_signals(rules),
            p0,
            recency_days: view.recency_days(),
            last_day: view.last_day(),
            rfm_sum: self.rfm_sum,
            rules: rules.map(|rules| rules.score),
            value_minor: rfm.monetary().map_or(0, |money| money.minor),
            lapsed,
        })
    }
}
