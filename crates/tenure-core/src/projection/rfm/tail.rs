//! RFM with what it was just before the customer's last order or refund: what is needed to tell what that changed.

use serde::{Deserialize, Serialize};

use super::{Rfm, RfmState, RfmValues, RfmView};
use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::id::EventId;
use crate::money::Currency;
use crate::time::Timestamp;

/// [`Rfm`] for those who keep the states of everybody and tell changes of segment as they come: it remembers no edges, so
/// a state serves any.
///
/// # Laws
/// A [`SegmentTimeline`](crate::report::rfm::SegmentTimeline) that goes on from its state gives the timeline of the whole
/// history, less the changes before the instant of the last order or refund.
///
/// # Example
/// ```
/// use tenure_core::fold::{Projection, fold};
/// use tenure_core::projection::rfm::RfmTail;
/// use tenure_core::{Policy, Timestamp};
/// let tail = RfmTail::new(Policy::default().rfm()?);
/// let view = tail.view(&fold(&tail, []), Timestamp::parse("2024-05-03T01:00:00Z")?);
/// assert!(view.values.is_none()); // nobody has ordered
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RfmTail {
    rfm: Rfm,
    fingerprint: Fingerprint,
}

/// State of [`RfmTail`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RfmTailState {
    pub(crate) rfm: RfmState,
    /// What the customer was scored by in the microsecond before the last instant.
    pub(crate) before: Option<Scored>,
    /// The instant of the last order or refund.
    pub(crate) latest: Timestamp,
    /// The orders and refunds of that instant, sorted; none before the first.
    pub(crate) facts: Vec<EventId>,
}

/// What a customer is scored by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scored {
    pub values: RfmValues,
    /// The first and the last currency by code.
    pub currencies: Option<(Currency, Currency)>,
}

/// The last microsecond before an instant; none before the first.
pub(crate) const fn just_before(at: Timestamp) -> Option<Timestamp> {
    Timestamp::from_micros(at.as_micros() - 1)
}

impl RfmTail {
    /// The tails of RFM under a policy.
    pub fn new(rfm: Rfm) -> Self {
        let fingerprint = Fingerprint::of("rfm_tail", 1, &rfm.fingerprint().0);
        Self { rfm, fingerprint }
    }

    /// The RFM of the policy.
    pub const fn rfm(&self) -> &Rfm {
        &self.rfm
    }

    /// Whether a fact can change the values of RFM.
    #[inline]
    pub(crate) const fn counts(fact: &EventView<'_>) -> bool {
        matches!(fact.kind, Kind::OrderPlaced | Kind::OrderRefunded)
    }
}

impl Projection for RfmTail {
    type State = RfmTailState;
    type View = RfmView;

    fn init(&self) -> RfmTailState {
        RfmTailState { rfm: self.rfm.init(), before: None, latest: Timestamp::MIN, facts: Vec::new() }
    }

    #[inline]
    fn apply(&self, state: &mut RfmTailState, fact: &EventView<'_>) {
        if !Self::counts(fact) {
            return;
        }
        if fact.occurred_at != state.latest {
            let before = just_before(fact.occurred_at);
            state.before = before.and_then(|before| self.rfm.view(&state.rfm, before).scored());
            state.latest = fact.occurred_at;
            state.facts.clear();
        }
        if let Err(place) = state.facts.binary_search(&fact.id) {
            // Mostly it is the only one, of very many customers.
            state.facts.reserve_exact(1);
            state.facts.insert(place, fact.id);
        }
        self.rfm.apply(&mut state.rfm, fact);
    }

    #[inline]
    fn prefetch(&self, state: &RfmTailState) {
        self.rfm.prefetch(&state.rfm);
    }

    fn view(&self, state: &RfmTailState, as_of: Timestamp) -> RfmView {
        self.rfm.view(&state.rfm, as_of)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, state: &RfmTailState) -> bool {
        self.rfm.fits(&state.rfm) && state.facts.is_sorted_by(|a, b| a < b)
    }
}
