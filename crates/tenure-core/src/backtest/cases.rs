//! Who stood where at each cut, and what came.

use super::plan::Plan;
use super::{Backtest, BacktestError, Model};
use crate::fold::{Projection, States};
use crate::forecast::{Features, ForecastError};
use crate::id::CustomerId;
use crate::log::{Cut, KnownAt, Log};
use crate::time::Timestamp;

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
pub(super) struct Case {
    /// The representative as known at the cut.
    pub id: CustomerId,
    /// As the customer was shown then.
    pub customer: String,
    /// Which cut, counted from the first training cut.
    pub cut: usize,
    /// What a learnt score looks at.
    pub features: Features,
    /// The model's probability to lapse within the horizon.
    pub p: f64,
    /// One number for each baseline.
    pub baselines: [f64; 2],
    /// Money that is at stake, in minor units; 0 where currencies are mixed.
    pub value_minor: i128,
    /// The rule score, 0 to 100; none under a policy without one.
    pub rules: Option<u8>,
    /// The day, in days since 1970, from which on a silence or a life counts: one and the same at every cut that sees it.
    pub since: i32,
    /// Days from the cut to the lapse, where there may be one; at 0 and below the customer has lapsed before.
    pub lead_days: Option<i64>,
    /// Whether the customer lapsed within the horizon.
    pub lapsed: bool,
}

/// What is foretold: of whom, by what is known of them at a cut, and what came.
pub(super) trait Subject {
    /// What is folded at each cut.
    type Seen: Projection + Clone + Send + Sync;
    /// What is known of a customer then.
    type View;
    /// What gives the probability.
    type Model;
    /// What is folded of everything to the last horizon.
    type Came: Projection + Clone + Send + Sync;

    /// Whom it is about: nobody was known ...
    const OF: &'static str;
    /// The names of features, before those of signals.
    const FEATURES: &'static [&'static str];
    /// The name of the model's score.
    const SCORE: &'static str;
    /// The names of the baselines.
    const BASELINES: [&'static str; 2];

    /// What is folded at each cut.
    fn seen(&self) -> &Self::Seen;

    /// What is folded of everything to the last horizon.
    fn came(&self) -> Self::Came;

    /// Everybody who is known at a cut, and of whom there is anything to learn.
    fn views(&self, states: &States<Self::Seen>, at: Timestamp) -> Vec<(CustomerId, Self::View)>;

    /// The model of a cut.
    ///
    /// # Errors
    /// Where it cannot be fitted.
    fn fit(&self, views: &[(CustomerId, Self::View)], at: Timestamp) -> Result<Self::Model, ForecastError>;

    /// A customer at a cut; none of whom there is nothing to foretell. `came` is what is known of the customer's time to the
    /// last horizon.
    ///
    /// # Errors
    /// Where a number cannot be computed.
    fn case(
        &self,
        known: Known<'_, Self::View>,
        model: &Self::Model,
        came: Option<&<Self::Came as Projection>::State>,
    ) -> Result<Option<Case>, ForecastError>;

    /// The model, to be told.
    fn told(model: Self::Model) -> Model;
}

/// A customer at a cut, before what came is looked at.
pub(super) struct Known<'v, V> {
    pub id: CustomerId,
    pub customer: String,
    pub cut: usize,
    pub at: Timestamp,
    pub view: &'v V,
}

/// All cases, and the model that gave their probabilities.
#[derive(Clone)]
pub(super) struct Cases {
    /// By cut and shown id.
    pub all: Vec<Case>,
    /// The model of the cuts that are judged.
    pub model: Model,
    pub features: &'static [&'static str],
    pub score: &'static str,
    pub baselines: [&'static str; 2],
}

impl Cases {
    /// Folds the log at every cut, and once more to see what came.
    pub(super) fn of<S: Subject, R: Replay>(
        subject: &S,
        backtest: &Backtest<'_>,
        replay: &R,
    ) -> Result<Self, BacktestError<R::Error>> {
        let plan = &backtest.plan;
        let came = replay.replay(&subject.came(), all_of(plan)).map_err(BacktestError::Replay)?;
        let mut all = Vec::new();
        let mut model = None;
        for (cut, at) in plan.cuts().enumerate() {
            let failed = |why| BacktestError::Model { cut: at, why };
            let states =
                replay.replay(subject.seen(), plan.knowledge.cut(at)).map_err(BacktestError::Replay)?;
            let views = subject.views(&states, at);
            if views.is_empty() {
                return Err(BacktestError::Empty { cut: at, of: S::OF });
            }
            // Judged by what was known at the last cut that was learnt from.
            if cut < plan.train.len() {
                model = Some(subject.fit(&views, at).map_err(failed)?);
            }
            let model = model.as_ref().ok_or(BacktestError::Empty { cut: at, of: S::OF })?;
            let before = all.len();
            for (id, view) in &views {
                let known = Known { id: *id, customer: states.shown(*id), cut, at, view };
                let came = came.get(*id).map(|folded| &folded.state);
                all.extend(subject.case(known, model, came).map_err(failed)?);
            }
            if all.len() == before {
                return Err(BacktestError::Empty { cut: at, of: S::OF });
            }
        }
        all.sort_unstable_by(|one, other| {
            (one.cut, &one.customer, one.id).cmp(&(other.cut, &other.customer, other.id))
        });
        let model = model.ok_or(BacktestError::Plan(super::PlanError::NoCut { what: "training" }))?;
        Ok(Self {
            all,
            model: S::told(model),
            features: S::FEATURES,
            score: S::SCORE,
            baselines: S::BASELINES,
        })
    }
}

/// Everything that came within the horizon after a cut, as it is known today.
fn all_of(plan: &Plan) -> Cut {
    let end = plan.cuts().last().and_then(|last| last.checked_add(plan.horizon)).unwrap_or(Timestamp::MAX);
    Cut { as_of: Some(end), known_at: KnownAt::Latest }
}
