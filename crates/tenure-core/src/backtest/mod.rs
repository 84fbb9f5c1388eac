//! Backtests by time travel: what would have been said at past instants, judged by what came.
//!
//! At each cut the log is folded as it was known then, everybody who had bought, or who pays, is scored, and the label is
//! taken from what came strictly later. What is learnt is learnt at earlier cuts, whose labels are complete before the first cut that is
//! judged. So nothing leaks from the future: a fact after a cut changes no score at it, a merge or a void recorded after it
//! neither.

mod cases;
mod judge;
mod plan;
mod purchases;
mod subscriptions;
#[cfg(test)]
mod tests;
mod warning;

use serde::Serialize;
use tenure_stats::StatsError;

pub use cases::Replay;
pub use judge::{Judged, Judgement, OfCut, Share};
pub use plan::{Knowledge, Plan, PlanError};
pub use warning::{LeadDays, Warnings};

use self::cases::{Case, Cases};
use self::purchases::OfPurchases;
use self::subscriptions::OfSubscriptions;
use crate::forecast::{
    ForecastError, Hazard, Learnt, LearntError, LearntFit, Lesson, Method, PurchaseFit, names,
};
use crate::policy::Policy;
use crate::projection::purchases::Purchases;
use crate::projection::recurring::Recurring;
use crate::time::{Duration, Timestamp};

/// A backtest made ready: a policy, a plan, and what is foretold.
///
/// # Laws
/// A fact that happened after a cut changes no score at it, and under [`Knowledge::Recorded`] neither does a fact, a merge or
/// a void that was recorded after it. The order of arrival changes nothing.
///
/// # Example
/// ```
/// use tenure_core::backtest::{Backtest, BacktestError, Knowledge, Plan, Target};
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
/// let backtest = Backtest { policy: &policy, plan, target: Target::Purchases(Method::ParetoNbd) };
/// let nobody = backtest.run(&Log::new(), at("1998-06-30")?);
/// assert_eq!(nobody, Err(BacktestError::Empty { cut: at("1997-06-30")?, of: "to have bought" }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Backtest<'p> {
    /// Whose zone, currency, rates and rules count.
    pub policy: &'p Policy,
    /// At which instants, how far ahead, by which knowledge.
    pub plan: Plan,
    /// What is foretold.
    pub target: Target,
}

/// What is foretold, of whom, and by which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Of everybody who had bought: no order within the horizon, by a model of repeat purchase.
    Purchases(Method),
    /// Of everybody who pays: an instant within the horizon at which nothing is due any more, by a [`Hazard`].
    Subscriptions,
}

/// The model that gave the probabilities.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Model {
    /// Of repeat purchase.
    Purchases(Box<PurchaseFit>),
    /// Of the ends of subscriptions.
    Subscriptions(Hazard),
}

impl Model {
    fn notes(&self) -> Vec<String> {
        match self {
            Self::Purchases(fit) => fit.notes.clone(),
            Self::Subscriptions(_) => Vec::new(),
        }
    }
}

/// What a backtest found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BacktestAnswer {
    /// The plan, checked.
    pub plan: Plan,
    /// The model of the cuts that are judged, fitted at the last training cut.
    pub model: Model,
    /// The learnt score; none where there was too little to learn from.
    pub learnt: Option<Learnt>,
    /// What there is to know besides.
    pub notes: Vec<String>,
    /// Every score, judged: learnt, that of the model, rules, and the baselines that are always there.
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
        self.judge(&self.cases(replay)?)
    }

    /// Who stood where at each cut, and what came.
    fn cases<R: Replay>(&self, replay: &R) -> Result<Cases, BacktestError<R::Error>> {
        let unfit = |error: &dyn core::fmt::Display| BacktestError::Policy(error.to_string().into());
        let policy = self.policy;
        let churn = policy.churn.as_ref().map(|_| policy.churn()).transpose();
        let churn = churn.map_err(|error| unfit(&error))?;
        match self.target {
            Target::Purchases(method) => {
                let rfm = policy.rfm().map_err(|error| unfit(&error))?;
                let seen = (Purchases::new(policy.exchange()), rfm, churn);
                Cases::of(&OfPurchases::new((policy, &self.plan), method, seen), self, replay)
            }
            Target::Subscriptions => {
                let recurring = Recurring::new(policy.exchange());
                Cases::of(&OfSubscriptions::new(&self.plan, recurring, churn), self, replay)
            }
        }
    }

    /// Judges the scores of cases.
    fn judge<E>(&self, cases: &Cases) -> Result<BacktestAnswer, BacktestError<E>> {
        let mut notes = cases.model.notes();
        let learnt = match self.learn(cases) {
            Ok(learnt) => Some(learnt),
            Err(error) => {
                notes.push(format!("nothing learnt: {error}"));
                None
            }
        };
        let all = &cases.all;
        let mut scores = Vec::new();
        if let Some(learnt) = &learnt {
            let p = all.iter().map(|case| learnt.score(&case.features).map(|view| view.p));
            scores.push(judge::Scores { name: "learnt", p: p.collect::<Result<_, _>>()? });
        }
        scores.push(judge::Scores { name: cases.score, p: all.iter().map(|case| case.p).collect() });
        let mut others: Vec<(&'static str, Vec<f64>)> = Vec::new();
        if all.iter().any(|case| case.rules.is_some()) {
            let rules = |case: &Case| f64::from(case.rules.unwrap_or(0));
            others.push(("rules", all.iter().map(rules).collect()));
        }
        let [first, second] = cases.baselines;
        others.push((first, all.iter().map(|case| case.baselines[0]).collect()));
        others.push((second, all.iter().map(|case| case.baselines[1]).collect()));
        for (name, raw) in others {
            match judge::Scores::calibrated((name, &raw), all, &self.plan) {
                Ok(score) => scores.push(score),
                Err(error) => notes.push(format!("no score {name}: {error}")),
            }
        }
        let judged: Result<Vec<Judged>, StatsError> =
            scores.iter().map(|scores| scores.judge(all, &self.plan)).collect();
        let model = cases.model.clone();
        Ok(BacktestAnswer { plan: self.plan.clone(), model, learnt, notes, scores: judged? })
    }

    /// Learns at the training cuts; with several, the last one calibrates what the others taught.
    fn learn(&self, cases: &Cases) -> Result<Learnt, LearntError> {
        let signals = self.policy.churn.iter().flat_map(|churn| &churn.signals);
        let names = names(cases.features, signals.map(|signal| signal.code.as_ref()));
        let last = self.plan.train.len().saturating_sub(1);
        let lessons = |of: &dyn Fn(usize) -> bool| -> Vec<Lesson> {
            let cases = cases.all.iter().filter(|case| of(case.cut));
            cases.map(|case| Lesson { features: case.features.clone(), lapsed: case.lapsed }).collect()
        };
        if last == 0 {
            return Learnt::of(&names, &lessons(&|cut| cut == 0), &[]);
        }
        Learnt::of(&names, &lessons(&|cut| cut < last), &lessons(&|cut| cut == last))
    }
}

/// Learns a score of purchases at one cut whose labels are complete, to be kept beside the model that is asked with it.
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
    let backtest = Backtest { policy, plan, target: Target::Purchases(method) };
    let cases = backtest.cases(replay)?;
    Ok(LearntFit { horizon, cut, score: backtest.learn(&cases)? })
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
    /// Nobody had bought, nobody pays, or nothing was known. **What to do:** begin later; for a log that was imported afterwards ask by
    /// when things happened ([`Knowledge::AsOccurred`]).
    #[error(
        "at the cut {cut} nobody was known {of}: begin later, or, if the log was imported afterwards, judge by when things happened"
    )]
    Empty {
        /// Which one.
        cut: Timestamp,
        /// Whom it is about: `to have bought`, `to pay`.
        of: &'static str,
    },
    /// The model. **What to do:** begin later, so that there is more to go by.
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
