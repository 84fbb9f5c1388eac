//! Where a customer stands, with what is needed to explain every change from there on: bounded, unlike a timeline.

use blake3::Hasher;

use super::machine::{StageMachine, StageState};
use super::timeline::{StageChange, Timeline, TimelineState};
use crate::event::EventView;
use crate::fold::{Fingerprint, Projection};
use crate::id::{ChangeId, CustomerId};
use crate::time::Timestamp;

/// A [`Timeline`] that forgets what lies before the customer's last instant, for those who keep the states of
/// everybody and tell changes as they come.
///
/// # Laws
/// Going on from its state by [`Timeline::apply`](Projection::apply) gives the timeline of the whole history, less the
/// changes before the instant of the state's last fact.
///
/// # Example
/// ```
/// use tenure_core::fold::{Projection, fold};
/// use tenure_core::projection::stage::StageTail;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
/// let tail = StageTail::new(Policy::preset("retail").ok_or("no such preset")?.stages()?);
/// let at = |text| Timestamp::parse(text);
/// let order = |n: &str, on| {
///     let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
///     Event::new(EventId::from_foreign("shop", n), Customer::parse("ann", "shop")?, at(on)?, order)
///         .map_err(Box::<dyn std::error::Error>::from)
/// };
/// let (first, second) = (order("1", "2024-05-01T10:00:00Z")?, order("2", "2024-05-09T10:00:00Z")?);
/// let state = fold(&tail, [first.view(), second.view()]);
/// let changes = tail.view(&state, at("2024-05-10T00:00:00Z")?);
/// let to: Vec<&str> = changes.iter().map(|change| tail.machine().policy().code(change.to)).collect();
/// assert_eq!(to, ["active"]); // the first order's changes are forgotten
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StageTail {
    timeline: Timeline,
    fingerprint: Fingerprint,
    /// What ids of changes depend on: the policy of stages and nothing of how a state is kept.
    policy: Fingerprint,
}

impl StageTail {
    /// The tails of timelines under a machine's policy.
    pub fn new(machine: StageMachine) -> Self {
        let fingerprint = Fingerprint::of("stage_tail", 1, machine.policy());
        let policy = Fingerprint::of("stage_change", 1, machine.policy());
        Self { timeline: Timeline::new(machine), fingerprint, policy }
    }

    /// The timeline that goes on where a state ends.
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The machine, which names stages and rules.
    pub const fn machine(&self) -> &StageMachine {
        self.timeline.machine()
    }

    /// The machine's part of a state.
    pub const fn stage(state: &TimelineState) -> &StageState {
        &state.machine
    }

    /// The id of a customer's change; `customer` is the representative. Hash of policy, customer, stages and instant: the
    /// rest of a policy file, the rule and the cause have no part in it.
    ///
    /// # Laws
    /// At one instant no stage is entered twice, so the changes of one timeline have ids of their own.
    pub fn change_id(&self, customer: CustomerId, change: &StageChange) -> ChangeId {
        let policy = self.machine().policy();
        let mut hash = Hasher::new();
        hash.update(&self.policy.0);
        hash.update(customer.as_bytes());
        hash.update(&change.at.as_micros().to_be_bytes());
        for code in [change.from.map_or("", |stage| policy.code(stage)), policy.code(change.to)] {
            hash.update(code.as_bytes());
            hash.update(b"\0");
        }
        ChangeId::from_hash(*hash.finalize().as_bytes())
    }
}

impl Projection for StageTail {
    type State = TimelineState;
    /// The changes from the last fact's instant on.
    type View = Vec<StageChange>;

    fn init(&self) -> TimelineState {
        self.timeline.init()
    }

    #[inline]
    fn apply(&self, state: &mut TimelineState, fact: &EventView<'_>) {
        self.timeline.apply(state, fact);
        // Nothing is allocated where nothing changed.
        state.changes = Vec::new();
    }

    fn view(&self, state: &TimelineState, as_of: Timestamp) -> Vec<StageChange> {
        self.timeline.view(state, as_of)
    }

    fn next_change(&self, state: &TimelineState, after: Timestamp) -> Option<Timestamp> {
        self.timeline.next_change(state, after)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, state: &TimelineState) -> bool {
        state.changes.is_empty() && self.timeline.fits(state)
    }
}
