//! The oracle of segments: the values computed from scratch at every instant at which anything can change.

use std::collections::BTreeSet;

use tenure_core::fold::{Projection, States, fold};
use tenure_core::log::{Cut, Log};
use tenure_core::money::Currency;
use tenure_core::projection::rfm::{Rfm, RfmView};
use tenure_core::report::rfm::RfmEdges;
use tenure_core::{CustomerId, EventView, Timestamp, Zone};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;

/// When a segment changed, from which to which.
pub type Changed = (Timestamp, Option<Box<str>>, Option<Box<str>>);

/// What is told of segments, by definition.
pub struct SegmentOracle {
    pub rfm: Rfm,
    pub edges: RfmEdges,
    /// The instants at which the local day is another one, found minute by minute.
    midnights: Vec<Timestamp>,
}

impl SegmentOracle {
    /// Between two instants.
    pub fn new(rfm: Rfm, edges: RfmEdges, zone: Zone, (from, to): (Timestamp, Timestamp)) -> Self {
        let minutes = from.as_micros() / MINUTE..=to.as_micros() / MINUTE;
        let at = |minute: i64| Timestamp::from_micros(minute * MINUTE);
        let mut midnights = Vec::new();
        let mut today = zone.day(from);
        for at in minutes.filter_map(at) {
            if zone.day(at) != today {
                today = zone.day(at);
                midnights.push(at);
            }
        }
        Self { rfm, edges, midnights }
    }

    /// The same by other edges.
    pub fn by(self, edges: RfmEdges) -> Self {
        Self { edges, ..self }
    }

    /// The segment of some values.
    pub fn segment(&self, view: &RfmView) -> Option<Box<str>> {
        let one = |(first, last): (Currency, Currency)| first == last && first == self.edges.currency;
        let values = view.values.filter(|_| view.currencies.is_none_or(one))?;
        Some(self.edges.place(&self.rfm, &values).ok()?.segment.into())
    }

    /// All changes of a person, as far as it sees.
    pub fn timeline<P: Projection>(
        &self,
        log: &Log,
        states: &States<P>,
        cut: Cut,
        person: CustomerId,
    ) -> Vec<Changed> {
        let corrections = states.corrections();
        let known = log.facts().filter(|fact| cut.holds(fact) && corrections.admits(&fact.event));
        let mut facts: Vec<EventView<'_>> = known
            .map(|fact| fact.event)
            .filter(|fact| corrections.representative(fact.customer) == person)
            .collect();
        facts.sort_unstable_by_key(EventView::key);
        let happened = facts.iter().map(|fact| fact.occurred_at);
        let left = |at: Timestamp| at.checked_add(self.rfm.policy().lookback?);
        let instants: BTreeSet<Timestamp> =
            happened.clone().chain(happened.filter_map(left)).chain(self.midnights.iter().copied()).collect();
        let mut changes: Vec<Changed> = Vec::new();
        let mut from = None;
        for at in instants {
            let until = facts.iter().take_while(|fact| fact.occurred_at <= at).copied();
            let to = self.segment(&self.rfm.view(&fold(&self.rfm, until), at));
            if from != to {
                changes.push((at, from, to.clone()));
                from = to;
            }
        }
        changes
    }
}

/// Days before and after, so that nothing that can change lies beyond.
pub fn around(instants: impl Iterator<Item = Timestamp> + Clone, days: i64) -> (Timestamp, Timestamp) {
    let at = |micros: i64| Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN);
    let first = instants.clone().min().unwrap_or(Timestamp::MIN).as_micros();
    let last = instants.max().unwrap_or(Timestamp::MIN).as_micros();
    (at((first - DAY).max(0)), at(last + days * DAY))
}
