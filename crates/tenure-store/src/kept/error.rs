//! What can go wrong with kept projections, and what to do about it.

use tenure_core::Position;
use tenure_core::report::rfm::RfmError;

use super::ProjectionName;
use super::lease::LeaseHeld;
use crate::{ReplayError, StoreError};

/// Why a kept projection did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// The store failed or refused. **What to do:** as [`StoreError`] says.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A projection cannot be called so. **What to do:** use 1 to 40 of `a` to `z`, `0` to `9`, `_` and `-`.
    #[error("\"{}\" cannot be the name of a projection", name.escape_debug())]
    Name {
        /// What it was to be called.
        name: String,
    },
    /// The states were made by another policy, or by another version of the projection. **What to do:**
    /// [rebuild](super::Rebuild) them, or use the policy that they were made by.
    #[error("generation {generation} of \"{name}\" was made by another policy")]
    Fingerprint {
        /// Of which projection.
        name: ProjectionName,
        /// The generation, most often the live one.
        generation: u32,
    },
    /// Nothing is kept under the name. **What to do:** see to the name, or [rebuild](super::Rebuild): that makes the
    /// first generation.
    #[error("nothing is kept under the name \"{name}\"")]
    NothingKept {
        /// The name.
        name: ProjectionName,
    },
    /// No other generation was live before the one that is. **What to do:** nothing: there is no way back from the first.
    #[error("no generation of \"{name}\" was live before the present one")]
    NothingBefore {
        /// Of which projection.
        name: ProjectionName,
    },
    /// It is not written down by which policy a generation is made: the projection is no engine's. **What to do:** name the
    /// policy, or [rebuild](super::Rebuild).
    #[error("it is not kept by which policy generation {generation} of \"{name}\" was made")]
    NoPolicy {
        /// Of which projection.
        name: ProjectionName,
        /// Which generation.
        generation: u32,
    },
    /// The policy that is kept with a generation is not the one that its states were made by, or is none. **What to do:**
    /// [rebuild](super::Rebuild) under a policy of your own; find out who wrote to the store.
    #[error("the policy kept with generation {generation} of \"{name}\" does not fit: {why}")]
    PolicyUnfit {
        /// Of which projection.
        name: ProjectionName,
        /// Which generation.
        generation: u32,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// The edges that are kept with a generation are those of another policy than the engine's, which decides otherwise how
    /// customers are scored. **What to do:** [reopen](crate::Engine::reopen) under the kept policy, or
    /// [rebuild](crate::PolicyRebuild) under another one.
    #[error("the edges kept with generation {generation} of \"{name}\" do not fit")]
    EdgesUnfit {
        /// Of which projection.
        name: ProjectionName,
        /// Which generation.
        generation: u32,
        /// Why not.
        source: RfmError,
    },
    /// Another generation became the live one. **What to do:** open the projection again, under its policy.
    #[error("generation {generation} of \"{name}\" is not the live one any more")]
    Superseded {
        /// Of which projection.
        name: ProjectionName,
        /// The one that was.
        generation: u32,
    },
    /// There is no such generation, or it was removed meanwhile. **What to do:** open the projection again.
    #[error("there is no generation {number} of \"{name}\"")]
    NoGeneration {
        /// Of which projection.
        name: ProjectionName,
        /// Which one.
        number: u32,
    },
    /// What stands in the place of a generation or a change is something else. **What to do:** find out who wrote to
    /// the store, or [rebuild](super::Rebuild) under another name.
    #[error("what is kept of \"{name}\" cannot be read")]
    Foreign {
        /// Of which projection.
        name: ProjectionName,
        /// Why.
        source: serde_json::Error,
    },
    /// Somebody else works on it. **What to do:** wait until then, or leave it to them.
    #[error(transparent)]
    Held(#[from] LeaseHeld),
    /// The caller asked to stop. What was kept so far stays, and the next call goes on there.
    #[error("stopped at position {at}")]
    Stopped {
        /// The last position taken in.
        at: Position,
    },
    /// The live generation moved faster than the new one could follow. **What to do:** try again, or let the writers
    /// rest for a moment.
    #[error(
        "the live generation of \"{name}\" moved on {times} times while the new one was to take its place"
    )]
    Overtaken {
        /// Of which projection.
        name: ProjectionName,
        /// How often.
        times: u32,
    },
}

impl KeptError {
    /// Whether another's work is the reason, so that opening again and trying again makes sense.
    pub const fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::Superseded { .. } | Self::Held(_) | Self::Overtaken { .. } => true,
            _ => false,
        }
    }

    /// What to do, in a sentence for people; none where the message says it all.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Name { .. } => Some("use 1 to 40 of a to z, 0 to 9, _ and -"),
            Self::Fingerprint { .. } => Some("rebuild it, or use the policy that it was made by"),
            Self::Superseded { .. } | Self::NoGeneration { .. } => {
                Some("open the projection again, under the policy that is live now")
            }
            Self::Foreign { .. } => Some("find out who wrote to the store, or rebuild under another name"),
            Self::NothingKept { .. } => Some("see to the name; a rebuild makes the first generation"),
            Self::NothingBefore { .. } => Some("there is no way back from the first generation"),
            Self::NoPolicy { .. } => Some("name the policy, or rebuild it"),
            Self::PolicyUnfit { .. } => {
                Some("rebuild it under a policy of your own, and find out who wrote to the store")
            }
            Self::EdgesUnfit { .. } => Some("reopen it under the policy that is kept, or rebuild it"),
            Self::Held(_) => Some("wait until the lease ends, or leave the work to its holder"),
            Self::Overtaken { .. } => Some("try again, or let the writers rest for a moment"),
            Self::Stopped { .. } => None,
        }
    }
}

impl From<ReplayError> for KeptError {
    fn from(error: ReplayError) -> Self {
        match error {
            ReplayError::Store(error) => Self::Store(error),
            ReplayError::Stopped { at } => Self::Stopped { at },
        }
    }
}
