//! The states of all customers, kept up to date as facts arrive in any order.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Projection;
use crate::event::{EventView, FactKey, Kind, RecordedView};
use crate::id::{Customer, CustomerId, CustomerKey, Position, Table};
use crate::log::{Corrections, Cut, FactBlock, Log};
use crate::time::Timestamp;

/// A customer's state and the key of the last fact in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded<S> {
    /// The state.
    pub state: S,
    /// The last fact in canonical order.
    pub last: FactKey,
}

/// What is known under one customer's id: [asked for](States::known), kept elsewhere, and [restored](States::restored)
/// from there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Known<F, K> {
    /// A person's state, under its representative.
    pub folded: Option<F>,
    /// The external key.
    pub key: Option<K>,
    /// Whether the person has to be folded again, and has no state until then.
    pub stale: bool,
}

impl<F, K> Known<F, K> {
    /// Whether nothing is.
    pub const fn is_nothing(&self) -> bool {
        self.folded.is_none() && self.key.is_none() && !self.stale
    }
}

/// Some persons apart from all others, taken out by [`States::aside`].
#[derive(Clone, Debug)]
pub struct Aside<P: Projection> {
    /// Their states, with all corrections.
    pub states: States<P>,
    /// As whom they were known: representatives, also of those without a state.
    persons: BTreeSet<CustomerId>,
}

impl<P: Projection> Aside<P> {
    /// As whom the persons were known: representatives, also of those without a state.
    pub const fn persons(&self) -> &BTreeSet<CustomerId> {
        &self.persons
    }
}

/// The facts of one person as they come: most of them in order, so only the others are sorted.
#[derive(Default)]
struct History<'a> {
    /// Each after the one before it.
    in_order: Vec<EventView<'a>>,
    late: Vec<EventView<'a>>,
}

impl<'a> History<'a> {
    fn push(&mut self, fact: EventView<'a>) {
        let late = self.in_order.last().is_some_and(|last| fact.key() < last.key());
        if late { self.late.push(fact) } else { self.in_order.push(fact) }
    }

    /// A late fact lies before some fact in order, so the last of those is the last of all.
    fn last(&self) -> Option<FactKey> {
        self.in_order.last().map(EventView::key)
    }

    /// All of them in canonical order.
    fn in_order(mut self) -> impl Iterator<Item = EventView<'a>> {
        self.late.sort_unstable_by_key(EventView::key);
        let mut in_order = self.in_order.into_iter().peekable();
        let mut late = self.late.into_iter().peekable();
        core::iter::from_fn(move || {
            let next = in_order.peek().map(EventView::key);
            late.next_if(|fact| next.is_none_or(|next| fact.key() < next)).or_else(|| in_order.next())
        })
    }
}

/// Which share of the customers somebody works on: number `index` of `of`. Customers that are one person are in one
/// partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    index: u32,
    of: u32,
}

impl Partition {
    /// All customers.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// The `of` partitions of all customers; one if `of` is 0.
    pub fn split(of: u32) -> impl Iterator<Item = Self> {
        let of = of.max(1);
        (0..of).map(move |index| Self { index, of })
    }

    /// Whether the person shown as this customer is in it.
    pub fn holds(self, representative: CustomerId) -> bool {
        let [.., a, b, c, d] = *representative.as_bytes();
        self.of == 1 || u32::from_be_bytes([a, b, c, d]) % self.of == self.index
    }
}

/// How many facts ahead the states of customers are asked for.
const AHEAD: usize = 16;

/// The states of all customers under one projection and one cut of the log.
///
/// Two moves keep it up to date: [`absorb`](Self::absorb) takes facts in the order of the log and applies those that
/// follow their customer's last one; customers for whom that is not enough (a late fact, a void, a merge, an erasure) become
/// *stale*, and each is folded again once, however many late facts came, by [`refold`](Self::refold). So the same code
/// serves a log in memory, a store's pages and a replay on several threads.
///
/// # Laws
/// Whatever the order, duplication and batching of facts, the states after the last refold are those of one replay.
#[derive(Clone, Debug)]
pub struct States<P: Projection> {
    projection: P,
    cut: Cut,
    partition: Partition,
    /// Shared with what is taken in aside; copied by whichever adds to them first.
    corrections: Arc<Corrections>,
    customers: Table<CustomerId, Folded<P::State>>,
    keys: Table<CustomerId, CustomerKey>,
    stale: BTreeSet<CustomerId>,
    scanned_to: Position,
}

impl<P: Projection> States<P> {
    /// No customers yet; facts beyond the cut will be left out.
    pub fn new(projection: P, cut: Cut) -> Self {
        Self {
            projection,
            cut,
            partition: Partition::ALL,
            corrections: Arc::default(),
            customers: Table::default(),
            keys: Table::default(),
            stale: BTreeSet::new(),
            scanned_to: Position::START,
        }
    }

    /// The same for one share of the customers.
    #[must_use]
    pub fn in_partition(self, partition: Partition) -> Self {
        Self { partition, ..self }
    }

    /// The same with the corrections of the log known beforehand, so that a replay folds nobody twice for them.
    #[must_use]
    pub fn with_corrections(self, corrections: impl Into<Arc<Corrections>>) -> Self {
        Self { corrections: corrections.into(), ..self }
    }

    /// The states of a whole log.
    pub fn of_log(projection: P, cut: Cut, log: &Log) -> Self {
        let correcting = log.facts().filter(|fact| fact.event.kind.corrects() && cut.holds(fact));
        let corrections: Corrections = correcting.map(|fact| fact.event).collect();
        let mut states = Self::new(projection, cut).with_corrections(corrections);
        states.catch_up(log);
        states
    }

    /// Takes in what a log has gained since the last time and folds again who needs it. Gives how many did.
    pub fn catch_up(&mut self, log: &Log) -> usize {
        for block in log.blocks_after(self.scanned_to) {
            self.absorb(block, log.head());
        }
        let stale = self.take_stale();
        for customer in &stale {
            let members = self.corrections.members(*customer);
            self.refold(*customer, members.iter().flat_map(|member| log.stream(*member)));
        }
        stale.len()
    }

    /// Takes facts in the order of the log, up to a position. Those that are known already (by position) change
    /// nothing.
    pub fn absorb(&mut self, facts: &FactBlock, to: Position) {
        let new = facts.places(self.scanned_to, to);
        for ahead in new.clone().step_by(AHEAD) {
            let ahead = ahead..new.end.min(ahead + AHEAD);
            // All are sought before any is touched, so that the waits for memory overlap.
            let mut sought = [None; AHEAD];
            for (sought, customer) in sought.iter_mut().zip(facts.customers(ahead.clone())) {
                *sought = self.customers.get_index_of(&customer);
            }
            for (_, folded) in sought.iter().flatten().filter_map(|index| self.customers.get_index(*index)) {
                self.projection.prefetch(&folded.state);
            }
            for (fact, sought) in ahead.filter_map(|place| facts.get(place)).zip(sought) {
                self.scanned_to = fact.position;
                self.take(&fact, sought);
            }
        }
    }

    /// Says that the log was looked through up to a position, where a filter or the end left no fact to absorb.
    pub fn scanned(&mut self, to: Position) {
        self.scanned_to = self.scanned_to.max(to);
    }

    /// Takes one fact; `sought` says where its customer stood a moment ago.
    #[inline]
    fn take(&mut self, fact: &RecordedView<'_>, sought: Option<usize>) {
        if !self.cut.holds(fact) {
            return;
        }
        let event = &fact.event;
        if event.kind.corrects() {
            let touched = Arc::make_mut(&mut self.corrections).add(event);
            for customer in &touched {
                self.customers.swap_remove(customer);
                self.stale.remove(customer);
            }
            for customer in touched {
                self.mark_stale(self.corrections.representative(customer));
            }
            self.keep_key(fact);
            return;
        }
        if self.corrections.is_voided(event.id, event.customer) {
            // Whether the void or the fact came first, the key is known.
            self.keep_key(fact);
            return;
        }
        let customer = self.corrections.representative(event.customer);
        if !self.partition.holds(customer) {
            return;
        }
        let stands = |index: &usize| self.customers.get_index(*index).is_some_and(|(id, _)| *id == customer);
        let index = sought.filter(stands).or_else(|| self.customers.get_index_of(&customer));
        if let Some((_, folded)) = index.and_then(|index| self.customers.get_index_mut(index)) {
            // What was erased is missing from facts that were folded already.
            if event.key() > folded.last && event.kind != Kind::ErasureRequested {
                self.projection.apply(&mut folded.state, event);
                folded.last = event.key();
            } else {
                self.customers.swap_remove(&customer);
                self.stale.insert(customer);
            }
        } else if !self.stale.contains(&customer) {
            let mut state = self.projection.init();
            self.projection.apply(&mut state, event);
            self.customers.insert(customer, Folded { state, last: event.key() });
            self.keep_key(fact);
        }
    }

    fn mark_stale(&mut self, customer: CustomerId) {
        if self.partition.holds(customer) {
            self.customers.swap_remove(&customer);
            self.stale.insert(customer);
        }
    }

    fn keep_key(&mut self, fact: &RecordedView<'_>) {
        if let Some(text) = fact.customer_key
            && !self.keys.contains_key(&fact.event.customer)
            && let Ok(key) = text.parse()
        {
            self.keys.insert(fact.event.customer, key);
        }
    }

    /// The customers (as representatives) who must be folded again, each once; then nobody is stale any more, and
    /// the caller owes a [`refold`](Self::refold) for each.
    pub fn take_stale(&mut self) -> BTreeSet<CustomerId> {
        core::mem::take(&mut self.stale)
    }

    /// How many customers wait to be folded again.
    pub fn stale(&self) -> &BTreeSet<CustomerId> {
        &self.stale
    }

    /// Folds a customer again from all facts of all members, given in any order and as far as they are scanned; then
    /// the customer is not stale any more. So whoever reads histories one by one can stop in between.
    pub fn refold<'a>(&mut self, customer: CustomerId, facts: impl IntoIterator<Item = RecordedView<'a>>) {
        let mut history = History::default();
        for fact in facts {
            if fact.position <= self.scanned_to && self.cut.holds(&fact) {
                self.keep_key(&fact);
                if self.corrections.admits(&fact.event) {
                    history.push(fact.event);
                }
            }
        }
        self.customers.swap_remove(&customer);
        self.stale.remove(&customer);
        if let Some(last) = history.last() {
            let state = super::fold(&self.projection, history.in_order());
            self.customers.insert(customer, Folded { state, last });
        }
    }

    /// What is folded.
    pub const fn projection(&self) -> &P {
        &self.projection
    }

    /// The cut that the states are under.
    pub const fn cut(&self) -> Cut {
        self.cut
    }

    /// The corrections known.
    pub fn corrections(&self) -> &Corrections {
        &self.corrections
    }

    /// The corrections known, to have them beyond the next change of these states.
    pub fn shared_corrections(&self) -> Arc<Corrections> {
        Arc::clone(&self.corrections)
    }

    /// Up to where the log was taken in.
    pub const fn scanned_to(&self) -> Position {
        self.scanned_to
    }

    /// The latest instant at which a folded fact happened; none without customers.
    pub fn latest(&self) -> Option<Timestamp> {
        self.customers.values().map(|folded| folded.last.occurred_at).max()
    }

    /// How many customers there are.
    pub fn len(&self) -> usize {
        self.customers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.customers.is_empty()
    }

    /// The state of one customer, whichever of a person's customers it is.
    pub fn get(&self, customer: CustomerId) -> Option<&Folded<P::State>> {
        self.customers.get(&self.corrections.representative(customer))
    }

    /// All customers and their states, by id.
    pub fn iter(&self) -> impl Iterator<Item = (CustomerId, &Folded<P::State>)> {
        let mut all: Vec<_> = self.customers.iter().map(|(customer, folded)| (*customer, folded)).collect();
        all.sort_unstable_by_key(|(customer, _)| *customer);
        all.into_iter()
    }

    /// How a customer is shown: the external key, else the UUID.
    pub fn shown(&self, customer: CustomerId) -> String {
        let key = self.keys.get(&customer).or_else(|| self.corrections.key(customer));
        key.map_or_else(|| customer.to_string(), ToString::to_string)
    }

    /// A customer with the external key, where one is known.
    pub fn customer(&self, id: CustomerId) -> Customer {
        let key = self.keys.get(&id).or_else(|| self.corrections.key(id));
        key.map_or_else(|| id.into(), |key| key.clone().into())
    }

    /// What is known under a customer's own id.
    pub fn known(&self, id: CustomerId) -> Known<&Folded<P::State>, &CustomerKey> {
        Known { folded: self.customers.get(&id), key: self.keys.get(&id), stale: self.stale.contains(&id) }
    }

    /// All ids under which [`known`](Self::known) may change when these facts are taken in: asked before they are.
    pub fn touched_by(&self, facts: &FactBlock, to: Position) -> BTreeSet<CustomerId> {
        let new = facts.places(self.scanned_to, to).filter_map(|place| facts.get(place));
        let persons = new.flat_map(|fact| self.corrections.concerned(&fact.event));
        persons.flat_map(|person| self.corrections.members(person)).collect()
    }

    /// These states as they were kept when the log was taken in up to a position. The corrections up to that position
    /// come first, by [`with_corrections`](Self::with_corrections).
    ///
    /// # Laws
    /// What was kept later than that position of some customers does no harm: their facts behind it are not new to their
    /// states, so they become stale and are folded again.
    #[must_use]
    pub fn restored(
        mut self,
        at: Position,
        rows: impl IntoIterator<Item = (CustomerId, Known<Folded<P::State>, CustomerKey>)>,
    ) -> Self {
        for (id, Known { folded, key, stale }) in rows {
            self.customers.extend(folded.map(|folded| (id, folded)));
            self.keys.extend(key.map(|key| (id, key)));
            self.stale.extend(stale.then_some(id));
        }
        self.scanned_to = at;
        self
    }

    /// The persons whom these facts may concern, apart from all others: what is known of them, to take the facts in
    /// while everybody else reads on. [`Self::adopt`] puts the outcome in the place of what was known.
    pub fn aside(&self, facts: &FactBlock) -> Aside<P>
    where
        P: Clone,
    {
        let new = facts.places(self.scanned_to, Position(u64::MAX)).filter_map(|place| facts.get(place));
        let persons: BTreeSet<CustomerId> =
            new.flat_map(|fact| self.corrections.concerned(&fact.event)).collect();
        let known = persons.iter().filter_map(|person| Some((*person, self.customers.get(person)?.clone())));
        // Of all who are one person, since a merge may show another one of them.
        let members = persons.iter().flat_map(|person| self.corrections.members(*person));
        let keys = members.filter_map(|member| Some((member, self.keys.get(&member)?.clone())));
        let states = Self {
            projection: self.projection.clone(),
            cut: self.cut,
            partition: self.partition,
            corrections: Arc::clone(&self.corrections),
            customers: known.collect(),
            keys: keys.collect(),
            stale: BTreeSet::new(),
            scanned_to: self.scanned_to,
        };
        Aside { states, persons }
    }

    /// Puts what became of some persons aside in the place of what was known of them. Nothing else may have been
    /// taken in since, and nobody may be stale.
    ///
    /// # Laws
    /// Facts taken in aside, whatever the pages, and adopted are facts absorbed.
    pub fn adopt(&mut self, aside: Aside<P>) {
        let Aside { states, persons } = aside;
        for person in &persons {
            self.customers.swap_remove(person);
        }
        self.union(states);
    }

    /// Takes in the customers of another partition of the same log, projection and cut.
    pub fn union(&mut self, other: Self) {
        self.customers.extend(other.customers);
        self.keys.extend(other.keys);
        self.stale.extend(other.stale);
        self.corrections = other.corrections;
        self.scanned_to = self.scanned_to.max(other.scanned_to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CustomerEvent, Event};
    use crate::fold::Fingerprint;
    use crate::id::EventId;
    use crate::log::Append;

    struct Facts;

    impl Projection for Facts {
        type State = u32;
        type View = u32;
        fn init(&self) -> u32 {
            0
        }
        fn apply(&self, facts: &mut u32, _: &EventView<'_>) {
            *facts += 1;
        }
        fn view(&self, facts: &u32, _: Timestamp) -> u32 {
            *facts
        }
        fn fingerprint(&self) -> Fingerprint {
            Fingerprint::of("facts", 1, &())
        }
    }

    fn fact(n: u8, on: u8, at: i64, fact: CustomerEvent) -> Event {
        let customer = CustomerId::from_bytes([on; 16]);
        let at = Timestamp::from_micros(at).unwrap();
        Event::new(EventId::from_bytes([n; 16]), customer.into(), at, fact).unwrap()
    }

    /// A customer with a late fact who was merged into another one within the same catch-up stayed as a second copy
    /// of the merged person.
    #[test]
    fn a_stale_customer_that_is_merged_leaves_no_copy() {
        let other = CustomerId::from_bytes([5; 16]).into();
        let mut log = Log::new();
        let mut states = States::new(Facts, Cut::default());
        let facts = vec![
            fact(1, 5, 9, CustomerEvent::SignedUp {}),
            fact(2, 5, 3, CustomerEvent::SignedUp {}),
            fact(3, 2, 4, CustomerEvent::IdentityMerged { other }),
        ];
        log.append(&Append::new(facts), Timestamp::MIN).unwrap();
        states.catch_up(&log);
        let all: Vec<_> = states.iter().map(|(customer, folded)| (customer, folded.state)).collect();
        assert_eq!(all, [(CustomerId::from_bytes([2; 16]), 2)]);
    }
}
