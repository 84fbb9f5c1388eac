//! When a backtest looks, and how far ahead.

use serde::{Deserialize, Serialize};

use crate::log::{Cut, KnownAt};
use crate::time::{Duration, Timestamp};

/// By what it is told what was known at a cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Knowledge {
    /// By when facts were recorded, or by the source's lag where that is given. For a log that was kept as things happened.
    #[default]
    Recorded,
    /// By when facts happened, plus the source's lag where that is given. For a log that was imported afterwards: what came
    /// late, or was corrected later, looks as if it had been known at once.
    AsOccurred,
}

impl Knowledge {
    /// What was known at an instant of what had happened by then.
    pub const fn cut(self, at: Timestamp) -> Cut {
        let known_at = match self {
            Self::Recorded => KnownAt::Instant(at),
            Self::AsOccurred => KnownAt::AsOccurred(at),
        };
        Cut { as_of: Some(at), known_at }
    }
}

/// The cuts of a backtest.
///
/// # Example
/// ```
/// use tenure_core::backtest::{Knowledge, Plan};
/// use tenure_core::{Duration, Timestamp};
/// let at = |day: &str| Timestamp::parse(&format!("{day}T23:59:59.999999Z"));
/// let plan = Plan {
///     train: vec![at("1997-06-30")?],
///     test: vec![at("1997-12-31")?],
///     horizon: Duration::days(181),
///     knowledge: Knowledge::AsOccurred,
/// };
/// plan.check(at("1998-06-30")?)?;
/// // The labels of the training cut must be complete before anything is judged by what was learnt from them.
/// let early = Plan { test: vec![at("1997-12-01")?], ..plan };
/// assert!(early.check(at("1998-06-30")?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Where it is learnt, ascending; at least one.
    pub train: Vec<Timestamp>,
    /// Where it is judged, ascending; at least one.
    pub test: Vec<Timestamp>,
    /// Whoever buys nothing within this time after a cut has lapsed at it.
    pub horizon: Duration,
    /// By what it is told what was known.
    pub knowledge: Knowledge,
}

impl Plan {
    /// The most cuts.
    pub const MOST: usize = 1_000;

    /// Cuts at equal steps as far as labels are complete: the earlier ones train, of which there are about a third, and those
    /// that lie a horizon after the last of them are judged.
    ///
    /// # Errors
    /// [`PlanError`] where that leaves nothing to learn from or nothing to judge; as [`Self::check`].
    pub fn steps(
        from: Timestamp,
        step: Duration,
        horizon: Duration,
        end: Timestamp,
        knowledge: Knowledge,
    ) -> Result<Self, PlanError> {
        if step == Duration::ZERO {
            return Err(PlanError::NoStep);
        }
        let mut cuts = Vec::new();
        let mut next = Some(from);
        while let Some(cut) = next.filter(|cut| cut.checked_add(horizon).is_some_and(|over| over <= end)) {
            cuts.push(cut);
            if cuts.len() > Self::MOST {
                return Err(PlanError::TooMany { most: Self::MOST });
            }
            next = cut.checked_add(step);
        }
        let after = |last: &Timestamp| {
            let open = last.checked_add(horizon);
            cuts.iter().copied().filter(|cut| open.is_some_and(|open| *cut >= open)).collect::<Vec<_>>()
        };
        let third = cuts.len().div_ceil(3);
        for training in (1..=third).rev() {
            let (train, _) = cuts.split_at(training.min(cuts.len()));
            let test = train.last().map(after).unwrap_or_default();
            if !test.is_empty() {
                let plan = Self { train: train.to_vec(), test, horizon, knowledge };
                return plan.check(end).map(|()| plan);
            }
        }
        Err(PlanError::TooShort { from, end, horizon })
    }

    /// Whether nothing leaks and every label is complete; `end` is the log's latest fact.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn check(&self, end: Timestamp) -> Result<(), PlanError> {
        if self.horizon == Duration::ZERO {
            return Err(PlanError::NoHorizon);
        }
        if self.train.len() + self.test.len() > Self::MOST {
            return Err(PlanError::TooMany { most: Self::MOST });
        }
        for (cuts, what) in [(&self.train, "training"), (&self.test, "test")] {
            if cuts.is_empty() {
                return Err(PlanError::NoCut { what });
            }
            if let Some([earlier, later]) = cuts.array_windows().find(|[earlier, later]| earlier >= later) {
                return Err(PlanError::Order { earlier: *earlier, later: *later });
            }
        }
        let (trained, first) = (self.train.last(), self.test.first());
        if let Some((trained, first)) = trained.zip(first) {
            let over = trained.checked_add(self.horizon);
            if over.is_none_or(|over| *first < over) {
                return Err(PlanError::Leak { trained: *trained, first: *first, horizon: self.horizon });
            }
        }
        match self.test.last() {
            Some(cut) if cut.checked_add(self.horizon).is_none_or(|over| over > end) => {
                Err(PlanError::Open { cut: *cut, horizon: self.horizon, end })
            }
            _ => Ok(()),
        }
    }

    /// All cuts, ascending: those that train, then those that are judged.
    pub fn cuts(&self) -> impl Iterator<Item = Timestamp> {
        self.train.iter().chain(&self.test).copied()
    }
}

/// Why a plan is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// **What to do:** give a horizon.
    #[error("a horizon of no length has no labels: give one such as 90d")]
    NoHorizon,
    /// **What to do:** give a step.
    #[error("a step of no length has no end: give one such as 30d")]
    NoStep,
    /// **What to do:** name one.
    #[error("there is no {what} cut: name at least one")]
    NoCut {
        /// Which kind.
        what: &'static str,
    },
    /// **What to do:** take longer steps.
    #[error("more than {most} cuts: take longer steps")]
    TooMany {
        /// The most.
        most: usize,
    },
    /// **What to do:** name each cut once, in order of time.
    #[error("the cut {later} does not lie after {earlier}: name each cut once, in order of time")]
    Order {
        /// The one before it.
        earlier: Timestamp,
        /// The one that does not lie after.
        later: Timestamp,
    },
    /// **What to do:** judge later, learn earlier, or look less far ahead.
    #[error(
        "the labels of the training cut {trained} are complete {horizon} later, after the test cut {first}: what is learnt would know its future; judge later, learn earlier, or take a shorter horizon"
    )]
    Leak {
        /// The last training cut.
        trained: Timestamp,
        /// The first test cut.
        first: Timestamp,
        /// How far labels look ahead.
        horizon: Duration,
    },
    /// **What to do:** judge earlier, or look less far ahead.
    #[error(
        "the labels of the test cut {cut} are complete {horizon} later, but the log ends at {end}: judge earlier or take a shorter horizon"
    )]
    Open {
        /// The last test cut.
        cut: Timestamp,
        /// How far labels look ahead.
        horizon: Duration,
        /// The log's latest fact.
        end: Timestamp,
    },
    /// **What to do:** begin earlier, or look less far ahead.
    #[error(
        "from {from} to the log's end at {end} there is no room for a training cut and, {horizon} later, a test cut with another {horizon} to come: begin earlier or take a shorter horizon"
    )]
    TooShort {
        /// Where cuts begin.
        from: Timestamp,
        /// The log's latest fact.
        end: Timestamp,
        /// How far labels look ahead.
        horizon: Duration,
    },
}
