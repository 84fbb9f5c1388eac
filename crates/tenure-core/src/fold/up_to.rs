//! The same projection, blind to what happened after an instant.

use super::{Fingerprint, Projection};
use crate::event::EventView;
use crate::time::Timestamp;

/// Folds only the facts up to and with an instant. Two of them in a tuple answer for two instants in one pass.
///
/// Views are as of that instant at the latest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpTo<P> {
    /// What is folded.
    pub projection: P,
    /// The last instant that counts.
    pub at: Timestamp,
}

impl<P: Projection> Projection for UpTo<P> {
    type State = P::State;
    type View = P::View;

    fn init(&self) -> P::State {
        self.projection.init()
    }

    fn apply(&self, state: &mut P::State, fact: &EventView<'_>) {
        if fact.occurred_at <= self.at {
            self.projection.apply(state, fact);
        }
    }

    fn view(&self, state: &P::State, as_of: Timestamp) -> P::View {
        self.projection.view(state, as_of.min(self.at))
    }

    fn next_change(&self, state: &P::State, after: Timestamp) -> Option<Timestamp> {
        self.projection.next_change(state, after).filter(|at| *at <= self.at)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.projection.fingerprint().and(Fingerprint::of("up_to", 1, &self.at))
    }

    fn fits(&self, state: &P::State) -> bool {
        self.projection.fits(state)
    }
}
