//! What can go wrong with an engine, and what to do about it.

use tenure_core::Position;
use tenure_core::log::Appended;
use tenure_core::policy::Unfit;
use tenure_core::projection::rfm::RfmPolicyError;
use tenure_core::report::rfm::RfmError;

use crate::{KeptError, ReplayError, StoreError};

/// Why an engine did not do what it was asked.
///
/// Ask [`is_conflict`](Self::is_conflict), [`is_retryable`](Self::is_retryable) and [`hint`](Self::hint) instead of
/// reading the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The policy has no stages, or is wrong. **What to do:** begin with a preset, or read which field it is.
    #[error("the policy cannot be used")]
    Policy(#[source] Unfit),
    /// The store failed, or refused the facts: then nothing was written. **What to do:** as [`StoreError`] says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The facts are stored and durable, but the engine could not take them in. **What to do:** do not treat it as a
    /// failure to record; [`refresh`](crate::Engine::refresh) when the source allows. Sent again, the facts are not
    /// stored twice.
    #[error("the facts are stored, but what follows from them could not be computed")]
    Behind {
        /// Where the facts stand.
        stored: Appended,
        /// What kept the engine from taking them in.
        source: Box<EngineError>,
    },
    /// The checkpoint belongs to a longer log. **What to do:** see whether the store is the right one, or an old copy.
    #[error("the checkpoint is at position {at}, the log ends at {head}")]
    Checkpoint {
        /// The position of the checkpoint.
        at: Position,
        /// The last position of the log.
        head: Position,
    },
    /// The engine keeps nothing, so there is nothing to rebuild. **What to do:** open it by
    /// [`open_kept`](crate::Engine::open_kept).
    #[error("the engine keeps nothing that could be rebuilt")]
    NotKept,
    /// What the engine keeps cannot be gone on with. **What to do:** as [`KeptError`] says.
    #[error(transparent)]
    Kept(KeptError),
    /// The population cannot be scored. **What to do:** as [`RfmError`] says.
    #[error(transparent)]
    Rfm(#[from] RfmError),
    /// The policy has no such stage. **What to do:** name one that it has.
    #[error("the policy has no stage \"{code}\"; it has {known}")]
    Stage {
        /// What was asked for.
        code: Box<str>,
        /// The codes that it has.
        known: Box<str>,
    },
}

impl EngineError {
    /// Whether another writer's work can be the reason, so that reading again and deciding again makes sense.
    pub const fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::Kept(error) => error.is_conflict(),
            _ => false,
        }
    }

    /// Whether the same call, sent again unchanged, may succeed.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Behind { source, .. } => source.is_retryable(),
            _ => false,
        }
    }

    /// What to do, in a sentence for people; none where the message says it all.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Policy(_) => Some(
                "an engine needs [[stage]] and [[rule]] tables; the presets retail, saas and b2b have them",
            ),
            Self::Store(error) => error.hint(),
            Self::Kept(error) => error.hint(),
            Self::Behind { .. } => {
                Some("the facts are safe: do not record them under other ids; refresh later")
            }
            Self::Checkpoint { .. } => Some("see whether this is the right store, or an old copy of it"),
            Self::NotKept => Some("open it by open_kept, under a name"),
            Self::Rfm(error) => Some(error.hint()),
            Self::Stage { .. } => None,
        }
    }
}

impl From<KeptError> for EngineError {
    fn from(error: KeptError) -> Self {
        match error {
            KeptError::Store(error) => Self::Store(error),
            error => Self::Kept(error),
        }
    }
}

impl From<Unfit> for EngineError {
    fn from(error: Unfit) -> Self {
        Self::Policy(error)
    }
}

impl From<RfmPolicyError> for EngineError {
    fn from(RfmPolicyError { path, why }: RfmPolicyError) -> Self {
        Self::Policy(Unfit { path, why })
    }
}

/// A replay that nobody stops ends, or the store failed.
pub(super) fn of_replay(error: ReplayError) -> StoreError {
    match error {
        ReplayError::Store(error) => error,
        ReplayError::Stopped { .. } => StoreError::backend("a replay that nobody stopped has stopped"),
    }
}
