//! Backtests by time travel: what would have been said at past instants, judged by what came.
//!
//! At each cut the log is folded as it was known then, everybody who had bought is scored, and the label is taken from what
//! came strictly later. What is learnt is learnt at earlier cuts, whose labels are complete before the first cut that is
//! judged. So nothing leaks from the future: a fact after a cut changes no score at it, a merge or a void recorded after it
//! neither.

mod cases;
mod judge;
mod label;
mod plan;
#[cfg(test)]
mod tests;
mod warning;

use tenure_stats::StatsError;

pub use cases::{Case, Replay};
pub use judge::{Judged, Judgement, OfCut, Share};
pub use plan::{Knowledge, Plan, PlanError};
pub use warning::{LeadDays, Warnings};

use self::cases::Cases;
use crate::forecast::{ForecastError, Learnt, LearntError, LearntFit, Lesson, Method, PurchaseFit, names};
use crate::policy::Policy;
use crate::time::{Duration, Timestamp};
use serde::Serialize;

/// A backtest made ready: a policy, a plan and a model of repeat purchase.
///
/// # Laws
/// A fact that happened after a cut changes no score at it, and under [`Knowledge::Recorded`] neither does a fact, a merge or
/// a void that was recorded after it. The order of arrival changes nothing.
///
/// # Example
/// ```
/// use tenure_core::backtest::{Backtest, BacktestError, Knowledge, Plan};
/// use tenure_core::forecast::Method;
/// use tenure_core::log::Log;
/// use tenure_core::{Duration, Policy, Timestamp};
/// let at = |day: &str| Timestamp::parse(&format!("{day}T23:59:59.999999Z"));
/// let policy = Policy::preset("retail").ok_or("no such preset")?;
/// let plan = Plan {
///     train: vec![at("1997-06-30")?],
///     test: vec![at("1997-12-31")?],
///     horizon: Duration::days(181),
///     knowledge: Knowledge::Recorded,
/// };
/// let backtest = Backtest { policy: &policy, plan, method: Method::ParetoNbd };
/// let nobody = backtest.run(&Log::new(), at("1998-06-30")?);
/// assert_eq!(nobody, Err(BacktestError::Empty { cut: at("1997-06-30")? }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Backtest<'p> {
    /// Whose zone, currency, rates and rules count.
    pub policy: &'p Policy,
    /// At which instants, how far ahead, by which knowledge.
    pub plan: Plan,
    /// Which model gives P0.
    pub method: Method,
}

/// What a backtest found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BacktestAnswer {
    /// The plan, checked.
    pub plan: Plan,
    /// The model that gave P0 to the cuts that are judged, fitted at the last training cut.
    pub model: PurchaseFit,
    /// The learnt score; none where there was too little to learn from.
    pub learnt: Option<Learnt>,
    /// What there is to know besides.
    pub notes: Vec<String>,
    /// Every score, judged: learnt, P0, rules, and the baselines that are always there.
    pub scores: Vec<Judged>,
}

impl Backtest<'_> {
    /// Walks the cuts and judges every score.
    ///
    /// # Errors
    /// [`BacktestError`]: a plan that leaks or ends in the open, a log that cannot be read, cuts without customers, a model
    /// that cannot be fitted.
    pub fn run<R: Replay>(
        &self,
        replay: &R,
        end: Timestamp,
    ) -> Result<BacktestAnswer, BacktestError<R::Error>> {
        self.plan.check(end)?;
        let Cases { all, model } = Cases::of(self, replay)?;
        self.judge(&all, model)
    }

    /// Judges the scores of cases.
    fn judge<E>(&self, cases: &[Case], model: PurchaseFit) -> Result<BacktestAnswer, BacktestError<E>> {
        let mut notes = model.notes.clone();
        let learnt = match self.learn(cases) {
            Ok(learnt) => Some(learnt),
            Err(error) => {
                notes.push(format!("nothing learnt: {error}"));
                None
            }
        };
        let mut scores = Vec::new();
        if let Some(learnt) = &learnt {
            let p = cases.iter().map(|case| learnt.score(&case.features).map(|view| view.p));
            scores.push(judge::Scores { name: "learnt", p: p.collect::<Result<_, _>>()? });
        }
        scores.push(judge::Scores { name: "p0", p: cases.iter().map(|case| case.p0).collect() });
        if cases.iter().any(|case| case.rules.is_some()) {
            let rules = |case: &Case| f64::from(case.rules.unwrap_or(0));
            match judge::Scores::calibrated("rules", cases, &self.plan, rules) {
                Ok(score) => scores.push(score),
                Err(error) => notes.push(format!("no score by rules: {error}")),
            }
        }
        let recency = |case: &Case| libm::log1p(f64::from(case.recency_days));
        scores.push(judge::Scores::calibrated("recency", cases, &self.plan, recency)?);
        // A high sum is a good customer.
        let rfm_sum = |case: &Case| -f64::from(case.rfm_sum);
        match judge::Scores::calibrated("rfm_sum", cases, &self.plan, rfm_sum) {
            Ok(score) => scores.push(score),
            Err(error) => notes.push(format!("no baseline rfm_sum: {error}")),
        }
        let judged: Result<Vec<Judged>, StatsError> =
            scores.iter().map(|scores| scores.judge(cases, &self.plan)).collect();
        Ok(BacktestAnswer { plan: self.plan.clone(), model, learnt, notes, scores: judged? })
    }

    /// Learns at the training cuts; with several, the last one calibrates what the others taught.
    fn learn(&self, cases: &[Case]) -> Result<Learnt, LearntError> {
        let signals = self.policy.churn.iter().flat_map(|churn| &churn.signals);
        let names = names(signals.map(|signal| signal.code.as_ref()));
        let last = self.plan.train.len().saturating_sub(1);
        let lessons = |of: &dyn Fn(usize) -> bool| -> Vec<Lesson> {
            let cases = cases.iter().filter(|case| of(case.cut));
            cases.map(|case| Lesson { features: case.features.clone(), lapsed: case.lapsed }).collect()
        };
        if last == 0 {
            return Learnt::of(&names, &lessons(&|cut| cut == 0), &[]);
        }
        Learnt::of(&names, &lessons(&|cut| cut < last), &lessons(&|cut| cut == last))
    }
}

/// Learns a score at one cut whose labels are complete, to be kept beside the model that is asked with it.
///
/// # Errors
/// As [`Backtest::run`]; [`BacktestError::Learnt`] with too little to learn from.
pub fn learn_at<R: Replay>(
    policy: &Policy,
    method: Method,
    (cut, horizon, knowledge): (Timestamp, Duration, Knowledge),
    replay: &R,
) -> Result<LearntFit, BacktestError<R::Error>> {
    let plan = Plan { train: vec![cut], test: Vec::new(), horizon, knowledge };
    let backtest = Backtest { policy, plan, method };
    let Cases { all, .. } = Cases::of(&backtest, replay)?;
    Ok(LearntFit { horizon, cut, score: backtest.learn(&all)? })
}

/// Why a backtest has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BacktestError<E> {
    /// The plan. **What to do:** as the error says.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The log could not be read.
    #[error("the log could not be read")]
    Replay(E),
    /// The policy's RFM part. **What to do:** correct the policy.
    #[error("policy: {0}")]
    Policy(Box<str>),
    /// Nobody had bought, or nothing was known. **What to do:** begin later; for a log that was imported afterwards ask by
    /// when things happened ([`Knowledge::AsOccurred`]).
    #[error(
        "at the cut {cut} nobody was known to have bought: begin later, or, if the log was imported afterwards, judge by when things happened"
    )]
    Empty {
        /// Which one.
        cut: Timestamp,
    },
    /// The model of repeat purchase. **What to do:** begin later, so that there is more to go by.
    #[error("at the cut {cut}: {why}")]
    Model {
        /// Which one.
        cut: Timestamp,
        /// Why.
        why: ForecastError,
    },
    /// A number.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// A learnt score of one case.
    #[error(transparent)]
    Learnt(#[from] LearntError),
}
