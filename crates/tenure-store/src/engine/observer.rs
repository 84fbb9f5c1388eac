//! What an engine does, told in numbers: for metrics.

use core::fmt;
use std::sync::OnceLock;

use tenure_core::{Position, Timestamp};

/// Is told what an engine did, when it is done: count it, add it up, send it to whatever you measure with. There is
/// nothing personal in it, and no customer.
///
/// It is called by the task that did the work, before the work is answered, so it must not wait for anything.
/// [`Engine::observe`](super::Engine::observe) sets it. Every call of the store can be timed by [`Around`](crate::Around);
/// spans for tracing are the feature `tracing`.
pub trait Observer: Send + Sync {
    /// Something was done.
    fn observe(&self, done: &Done);
}

impl<F: Fn(&Done) + Send + Sync> Observer for F {
    fn observe(&self, done: &Done) {
        self(done);
    }
}

/// What an engine did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// It took a page of the log in.
    TookIn {
        /// Facts in the page.
        facts: usize,
        /// Persons who were folded again from their histories: by a late fact, a void, a merge or an erasure.
        refolded: usize,
        /// Changes of stage and segment, told and taken back.
        changes: usize,
        /// Up to where the log is taken in now. The head of the store less this is how far the engine is behind.
        position: Position,
    },
    /// It left out a fact that cannot be read.
    Parked {
        /// Where that stands.
        position: Position,
    },
    /// It let time pass.
    Passed {
        /// Customers whose time had come.
        visited: usize,
        /// Changes of stage and segment.
        changes: usize,
        /// Up to when.
        now: Timestamp,
    },
}

/// Who is told, if anybody is.
#[derive(Default)]
pub(super) struct Observed(OnceLock<Box<dyn Observer>>);

impl Observed {
    pub(super) fn set(&self, observer: Box<dyn Observer>) -> bool {
        self.0.set(observer).is_ok()
    }

    pub(super) fn tell(&self, done: &Done) {
        #[cfg(feature = "tracing")]
        tracing::debug!(?done, "tenure engine");
        if let Some(observer) = self.0.get() {
            observer.observe(done);
        }
    }
}

impl fmt::Debug for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observed").field(&self.0.get().is_some()).finish()
    }
}
