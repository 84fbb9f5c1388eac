//! Where a customer stands, and what silence will do within a time: without a look at the history.

use super::machine::{StageMachine, StageState, StageView};
use super::timeline::StageChange;
use crate::event::EventView;
use crate::fold::{Fingerprint, Projection};
use crate::time::{Duration, Timestamp};

/// A machine that looks ahead.
#[derive(Clone, Copy, Debug)]
pub struct StageOutlook<'m> {
    /// What is folded.
    pub machine: &'m StageMachine,
    /// How far it looks.
    pub horizon: Duration,
}

/// Where a customer stands and what comes if nothing more happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// The stage as of the instant asked for; none before the first fact.
    pub now: Option<StageView>,
    /// The changes after that instant, up to and with the horizon.
    pub ahead: Vec<StageChange>,
}

impl Projection for StageOutlook<'_> {
    type State = StageState;
    type View = Outlook;

    fn init(&self) -> StageState {
        self.machine.init()
    }

    #[inline]
    fn apply(&self, state: &mut StageState, fact: &EventView<'_>) {
        self.machine.apply(state, fact);
    }

    fn view(&self, state: &StageState, as_of: Timestamp) -> Outlook {
        let until = as_of.checked_add(self.horizon).unwrap_or(Timestamp::MAX);
        Outlook { now: self.machine.view(state, as_of), ahead: self.machine.ahead(state, as_of, until) }
    }

    fn next_change(&self, state: &StageState, after: Timestamp) -> Option<Timestamp> {
        self.machine.next_change(state, after)
    }

    /// The machine's: the state does not depend on how far one looks.
    fn fingerprint(&self) -> Fingerprint {
        self.machine.fingerprint()
    }

    fn fits(&self, state: &StageState) -> bool {
        self.machine.fits(state)
    }
}
