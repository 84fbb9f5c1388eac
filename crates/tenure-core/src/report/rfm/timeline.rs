//! All changes of a customer's segment under fixed edges, each with its cause.

use blake3::Hasher;
use serde::{Deserialize, Serialize};

use super::{RfmEdges, RfmError};
use crate::event::EventView;
use crate::fold::{Fingerprint, Projection};
use crate::id::{ChangeId, CustomerId, EventId};
use crate::money::Currency;
use crate::projection::rfm::{
    Rfm, RfmState, RfmTail, RfmTailState, RfmValues, RfmView, Scored, Turn, just_before,
};
use crate::time::Timestamp;

/// A change of segment, in codes. No code: the customer is unscored, or has amounts in another currency than the edges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentChange {
    /// When.
    pub at: Timestamp,
    /// The segment left.
    pub from: Option<Box<str>>,
    /// The segment entered.
    pub to: Option<Box<str>>,
    /// What brought it about.
    pub cause: SegmentCause,
}

/// What brought a change of segment about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SegmentCause {
    /// The orders and refunds of that instant, all of them, sorted.
    Facts(Vec<EventId>),
    /// Recency reached a number of days; or fell below it, where a clock was put back over midnight.
    Recency {
        /// Which number.
        days: u32,
        /// The beginning of the last purchase day.
        since: Timestamp,
    },
    /// An order or a refund left the look-back window.
    Window {
        /// When that had happened.
        since: Timestamp,
    },
}

/// The timeline of a customer's segments relative to edges that stay as they are: a segment is then a piecewise constant
/// function of the customer's facts and time.
///
/// # Laws
/// At every instant the last change up to it leads to the segment of the values at that instant, and no two changes have one
/// instant.
///
/// # Example
/// ```
/// use tenure_core::fold::{Projection, fold};
/// use tenure_core::report::Report;
/// use tenure_core::report::rfm::{RfmReport, SegmentTimeline};
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
/// let fixed = "zone = \"UTC\"\n[rfm]\nscoring = \"fixed\"\n[rfm.fixed]\nr_days = [10, 20, 30, 40]\nf = [2, 3, 4, 5]\nm = [\"1\", \"2\", \"3\", \"4\"]";
/// let rfm = Policy::parse(fixed, "fixed")?.rfm()?;
/// let at = |day: &str| Timestamp::parse(&format!("{day}T10:00:00Z"));
/// let edges = RfmReport::new(&rfm, at("2024-05-01")?).finish(Default::default())?.edges; // nobody is needed for fixed ones
/// let segments = SegmentTimeline::new(rfm, edges)?;
///
/// let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
/// let order = Event::new(EventId::from_foreign("shop", "1"), Customer::parse("ann", "shop")?, at("2024-05-01")?, order)?;
/// let changes = segments.view(&fold(&segments, [order.view()]), at("2024-06-30")?);
/// let told: Vec<_> = changes.iter().map(|change| (change.at.to_string(), change.to.as_deref())).collect();
/// assert_eq!(told[0], ("2024-05-01T10:00:00Z".into(), Some("new_customers")));
/// assert_eq!(told[1], ("2024-05-11T00:00:00Z".into(), Some("promising"))); // ten days ago
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentTimeline {
    tail: RfmTail,
    edges: RfmEdges,
    hash: String,
    /// The recencies at which a segment may change.
    recencies: Vec<u32>,
    fingerprint: Fingerprint,
    /// What ids of changes depend on: the edges, which name their policy, and nothing of how a state is kept.
    of_edges: Fingerprint,
}

/// State of [`SegmentTimeline`]: where the values stand, and the changes before the instant of the last order or refund.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentState {
    tail: RfmTailState,
    changes: Vec<SegmentChange>,
}

impl From<RfmTailState> for SegmentState {
    /// Goes on where a tail ends.
    fn from(tail: RfmTailState) -> Self {
        Self { tail, changes: Vec::new() }
    }
}

impl SegmentTimeline {
    /// Timelines relative to edges.
    ///
    /// # Errors
    /// [`RfmError::OtherPolicy`] and [`RfmError::MixedCurrencies`] if the edges are those of another policy;
    /// [`RfmError::NoEdges`] if nobody can be placed by them alone.
    pub fn new(rfm: Rfm, edges: RfmEdges) -> Result<Self, RfmError> {
        edges.check(rfm.policy_hash(), rfm.currency())?;
        edges.place(&rfm, &RfmValues { recency_days: 0, frequency: 1, monetary_minor: 0 })?;
        let of_edges = Fingerprint::of("segment_change", 1, &edges);
        let tail = RfmTail::new(rfm);
        let fingerprint = Fingerprint::of("segment_timeline", 1, &(tail.fingerprint().0, of_edges.0));
        let recencies = edges.recencies(tail.rfm().policy());
        Ok(Self { hash: edges.hash(), tail, edges, recencies, fingerprint, of_edges })
    }

    /// The edges.
    pub const fn edges(&self) -> &RfmEdges {
        &self.edges
    }

    /// The hash of the edges: [`RfmEdges::hash`].
    pub fn edges_hash(&self) -> &str {
        &self.hash
    }

    /// The RFM that the edges are of.
    pub const fn rfm(&self) -> &Rfm {
        self.tail.rfm()
    }

    /// The code of the segment of some values; none where there is none.
    pub fn segment(&self, view: &RfmView) -> Option<&str> {
        self.of(view.scored()?)
    }

    /// The changes from the instant of the last order or refund on, up to and with an instant.
    pub fn of_tail(&self, tail: &RfmTailState, until: Timestamp) -> Vec<SegmentChange> {
        let mut changes = Vec::new();
        if tail.facts.is_empty() || until < tail.latest {
            return changes;
        }
        let before = tail.before.and_then(|before| self.of(before));
        let mut current = self.at(&tail.rfm, tail.latest);
        let change = |at, from: Option<&str>, to: Option<&str>, cause| SegmentChange {
            at,
            from: from.map(Into::into),
            to: to.map(Into::into),
            cause,
        };
        if before != current {
            changes.push(change(tail.latest, before, current, SegmentCause::Facts(tail.facts.clone())));
        }
        let mut after = tail.latest;
        while let Some((at, to, turn)) = self.next(&tail.rfm, after, current).filter(|(at, ..)| *at <= until)
        {
            let cause = match turn {
                Turn::Recency { days, since } => SegmentCause::Recency { days, since },
                Turn::Window { since } => SegmentCause::Window { since },
            };
            changes.push(change(at, current, to, cause));
            (after, current) = (at, to);
        }
        changes
    }

    /// The first instant after another at which silence alone changes the segment, where a tail ends; none if nothing does.
    pub fn next_of_tail(&self, tail: &RfmTailState, after: Timestamp) -> Option<Timestamp> {
        self.next(&tail.rfm, after, self.at(&tail.rfm, after)).map(|(at, ..)| at)
    }

    /// The id of a customer's change; `customer` is the representative. Hash of edges, customer, segments and instant.
    pub fn change_id(&self, customer: CustomerId, change: &SegmentChange) -> ChangeId {
        let mut hash = Hasher::new();
        hash.update(&self.of_edges.0);
        hash.update(customer.as_bytes());
        hash.update(&change.at.as_micros().to_be_bytes());
        for code in [&change.from, &change.to] {
            hash.update(code.as_deref().unwrap_or_default().as_bytes());
            hash.update(b"\0");
        }
        ChangeId::from_hash(*hash.finalize().as_bytes())
    }

    /// What silence changes next.
    fn next(
        &self,
        state: &RfmState,
        mut after: Timestamp,
        current: Option<&str>,
    ) -> Option<(Timestamp, Option<&str>, Turn)> {
        loop {
            let (at, turn) = self.rfm().turn_after(state, after, &self.recencies)?;
            let to = self.at(state, at);
            if to != current {
                return Some((at, to, turn));
            }
            after = at;
        }
    }

    fn at(&self, state: &RfmState, at: Timestamp) -> Option<&str> {
        self.segment(&self.rfm().view(state, at))
    }

    fn of(&self, Scored { values, currencies }: Scored) -> Option<&str> {
        let edges = self.edges.currency;
        let comparable = |currency| edges == Currency::NONE || edges == currency;
        if currencies.is_some_and(|(first, last)| first != last || !comparable(first)) {
            return None;
        }
        // It was tried when this was made.
        self.edges.place(self.rfm(), &values).ok().map(|placed| placed.segment)
    }
}

impl Projection for SegmentTimeline {
    type State = SegmentState;
    /// In the order of time.
    type View = Vec<SegmentChange>;

    fn init(&self) -> SegmentState {
        self.tail.init().into()
    }

    fn apply(&self, state: &mut SegmentState, fact: &EventView<'_>) {
        if RfmTail::counts(fact)
            && fact.occurred_at > state.tail.latest
            && let Some(before) = just_before(fact.occurred_at)
        {
            state.changes.extend(self.of_tail(&state.tail, before));
        }
        self.tail.apply(&mut state.tail, fact);
    }

    fn view(&self, state: &SegmentState, as_of: Timestamp) -> Vec<SegmentChange> {
        let ahead = self.of_tail(&state.tail, as_of);
        state.changes.iter().cloned().chain(ahead).collect()
    }

    fn next_change(&self, state: &SegmentState, after: Timestamp) -> Option<Timestamp> {
        self.next_of_tail(&state.tail, after)
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn fits(&self, state: &SegmentState) -> bool {
        self.tail.fits(&state.tail) && state.changes.is_sorted_by_key(|change| change.at)
    }
}
