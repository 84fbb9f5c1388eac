//! Corrections: what is known to be wrong (voids) and who is known to be one person (merges), resolved before the fold.
//!
//! They tell what we know, not what the customer did, so they are cut by `known_at` and never by `as_of`.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{EventView, Kind, Lend};
use crate::id::{Customer, CustomerId, CustomerKey, EventId, Table};

/// The corrections of a log, resolved.
///
/// - A void acts on a fact of its own recorded customer, whichever of the two came first. A void of a merge undoes
///   the merge; a void of a void does nothing and is counted.
/// - Merges are undirected edges. A person is a connected set of customers, shown as its *representative*: the
///   smallest id among the members that no merge in force names as its subject; if there is none, the smallest of all.
///
/// # Laws
/// The order in which corrections are added does not matter; adding one twice changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Corrections {
    /// The void facts: id and recorded customer to target.
    voids: BTreeMap<(EventId, CustomerId), EventId>,
    /// What they take back: target and customer.
    voided: Table<(EventId, CustomerId), ()>,
    merges: BTreeMap<EventId, Merge>,
    /// Every customer that a merge is recorded of, to its merges, in force or not.
    merges_of: BTreeMap<CustomerId, BTreeSet<EventId>>,
    /// Every customer of a person of several, to its representative.
    representative: Table<CustomerId, CustomerId>,
    /// Every representative of several, to all members.
    members: BTreeMap<CustomerId, Vec<CustomerId>>,
    /// External keys of those that merges name.
    keys: BTreeMap<CustomerId, CustomerKey>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Merge {
    survivor: CustomerId,
    other: CustomerId,
}

impl Corrections {
    /// No corrections.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a fact in; one that corrects nothing is ignored. Gives the customers as recorded whose facts now fold
    /// differently, empty if none.
    pub fn add(&mut self, fact: &EventView<'_>) -> Vec<CustomerId> {
        match fact.kind {
            Kind::EventVoided => self.add_void(fact),
            Kind::IdentityMerged => self.add_merge(fact),
            _ => Vec::new(),
        }
    }

    fn add_void(&mut self, fact: &EventView<'_>) -> Vec<CustomerId> {
        // Checked when it was recorded: the subject of a void is an id.
        let Some(Ok(target)) = fact.subject.map(str::parse::<EventId>) else { return Vec::new() };
        if self.voids.insert((fact.id, fact.customer), target).is_some() {
            return Vec::new();
        }
        if self.voided.insert((target, fact.customer), ()).is_some() {
            return Vec::new();
        }
        match self.merges.get(&target) {
            Some(merge) if merge.survivor == fact.customer => self.resolve_around(*merge),
            _ if self.voids.contains_key(&(target, fact.customer)) => Vec::new(),
            _ => vec![fact.customer],
        }
    }

    fn add_merge(&mut self, fact: &EventView<'_>) -> Vec<CustomerId> {
        // Checked when it was recorded: the subject of a merge is a customer.
        let Some(Ok(other)) = fact.subject.map(|text| Customer::parse(text, "default")) else {
            return Vec::new();
        };
        if self.merges.contains_key(&fact.id) {
            return Vec::new();
        }
        if let Some(key) = other.key() {
            self.keys.insert(other.id(), key.clone());
        }
        let merge = Merge { survivor: fact.customer, other: other.id() };
        self.merges.insert(fact.id, merge);
        self.merges_of.entry(fact.customer).or_default().insert(fact.id);
        if self.is_voided(fact.id, fact.customer) { Vec::new() } else { self.resolve_around(merge) }
    }

    /// Finds the persons again after one edge came or went, and gives all customers in those it touched.
    fn resolve_around(&mut self, merge: Merge) -> Vec<CustomerId> {
        let mut touched: BTreeSet<CustomerId> = BTreeSet::new();
        for end in [merge.survivor, merge.other] {
            touched.extend(self.members(end));
        }
        for customer in &touched {
            self.representative.swap_remove(customer);
            self.members.remove(customer);
        }
        // Those of the persons alone: a log may have as many merges as customers.
        let in_force: Vec<Merge> = touched
            .iter()
            .flat_map(|survivor| {
                self.merges_of.get(survivor).into_iter().flatten().map(move |id| (*id, *survivor))
            })
            .filter(|(id, survivor)| !self.is_voided(*id, *survivor))
            .filter_map(|(id, _)| self.merges.get(&id).copied())
            .collect();
        let named: BTreeSet<CustomerId> = in_force.iter().map(|merge| merge.other).collect();
        let mut neighbours: BTreeMap<CustomerId, Vec<CustomerId>> = BTreeMap::new();
        for merge in &in_force {
            neighbours.entry(merge.survivor).or_default().push(merge.other);
            neighbours.entry(merge.other).or_default().push(merge.survivor);
        }
        let mut seen = BTreeSet::new();
        for &start in &touched {
            let mut person = BTreeSet::new();
            let mut open = vec![start];
            while let Some(customer) = open.pop() {
                if seen.insert(customer) {
                    person.insert(customer);
                    open.extend(neighbours.get(&customer).into_iter().flatten());
                }
            }
            let smallest = person.first().copied();
            if person.len() > 1
                && let Some(shown) =
                    person.iter().find(|member| !named.contains(member)).copied().or(smallest)
            {
                self.representative.extend(person.iter().map(|member| (*member, shown)));
                self.members.insert(shown, person.into_iter().collect());
            }
        }
        touched.into_iter().collect()
    }

    /// The persons, as representatives, whom a fact may concern: its customer's and, of a merge, the other's.
    pub fn concerned(&self, fact: &EventView<'_>) -> Vec<CustomerId> {
        let mut persons = vec![self.representative(fact.customer)];
        if fact.kind == Kind::IdentityMerged
            && let Some(Ok(other)) = fact.subject.map(|text| Customer::parse(text, "default"))
        {
            persons.push(self.representative(other.id()));
        }
        persons
    }

    /// Whether this fact of this customer was taken back.
    pub fn is_voided(&self, id: EventId, customer: CustomerId) -> bool {
        self.voided.contains_key(&(id, customer))
    }

    /// Whether a fact is folded: it corrects nothing itself and was not taken back.
    pub fn admits(&self, fact: &EventView<'_>) -> bool {
        !fact.kind.corrects() && !self.is_voided(fact.id, fact.customer)
    }

    /// The customer under whom a customer's facts are folded: itself, unless merged.
    pub fn representative(&self, customer: CustomerId) -> CustomerId {
        self.representative.get(&customer).copied().unwrap_or(customer)
    }

    /// All customers that are one person with this one, itself included, by id.
    pub fn members(&self, customer: CustomerId) -> Vec<CustomerId> {
        self.members.get(&self.representative(customer)).cloned().unwrap_or_else(|| vec![customer])
    }

    /// The external key of a customer that a merge named by key.
    pub fn key(&self, customer: CustomerId) -> Option<&CustomerKey> {
        self.keys.get(&customer)
    }

    /// How many customers are one person with others, and how many persons they are.
    pub fn merged(&self) -> (usize, usize) {
        (self.representative.len(), self.members.len())
    }

    /// How many voids there are, whatever they name.
    pub fn voids(&self) -> usize {
        self.voids.len()
    }

    /// How many voids name another void; they do nothing.
    pub fn voids_of_voids(&self) -> usize {
        self.voids
            .iter()
            .filter(|((_, customer), target)| self.voids.contains_key(&(**target, *customer)))
            .count()
    }

    /// Whether a snapshot of these customers that was taken under `older` corrections still stands.
    pub fn agrees_with(&self, older: &Self, customers: &[CustomerId]) -> bool {
        let of = |corrections: &Self| -> Vec<(EventId, CustomerId)> {
            let voided = corrections.voided.keys().filter(|(_, customer)| customers.contains(customer));
            let mut voided: Vec<_> = voided.copied().collect();
            voided.sort_unstable();
            voided
        };
        customers.iter().all(|c| self.members(*c) == older.members(*c)) && of(self) == of(older)
    }
}

impl<'a, F: Lend<'a>> FromIterator<F> for Corrections {
    /// The corrections among some facts.
    fn from_iter<I: IntoIterator<Item = F>>(facts: I) -> Self {
        let mut corrections = Self::new();
        for fact in facts {
            corrections.add(&fact.view());
        }
        corrections
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CustomerEvent, Event};
    use crate::time::Timestamp;

    fn id(n: u8) -> EventId {
        EventId::from_bytes([n; 16])
    }

    fn customer(n: u8) -> CustomerId {
        CustomerId::from_bytes([n; 16])
    }

    fn fact(n: u8, on: u8, fact: CustomerEvent) -> Event {
        Event::new(id(n), customer(on).into(), Timestamp::MIN, fact).unwrap()
    }

    fn merge(n: u8, survivor: u8, other: u8) -> Event {
        fact(n, survivor, CustomerEvent::IdentityMerged { other: customer(other).into() })
    }

    fn void(n: u8, on: u8, target: u8) -> Event {
        fact(n, on, CustomerEvent::EventVoided { target: id(target), why: None })
    }

    fn resolved(facts: &[Event]) -> Corrections {
        facts.iter().map(Event::view).collect()
    }

    #[test]
    fn the_representative_is_the_smallest_that_no_merge_names() {
        let corrections = resolved(&[merge(1, 5, 2), merge(2, 7, 5)]);
        assert_eq!([2, 5, 7].map(|n| corrections.representative(customer(n))), [customer(7); 3]);
        let circle = resolved(&[merge(1, 5, 2), merge(2, 2, 5)]);
        assert_eq!(circle.representative(customer(5)), customer(2));
    }

    #[test]
    fn a_void_of_a_merge_undoes_it_in_either_order() {
        for facts in [[merge(1, 5, 2), void(2, 5, 1)], [void(2, 5, 1), merge(1, 5, 2)]] {
            let corrections = resolved(&facts);
            assert_eq!(corrections.representative(customer(2)), customer(2));
        }
    }

    #[test]
    fn merged_customers_are_counted_while_their_merge_is_in_force() {
        let facts = [merge(1, 5, 2), merge(2, 5, 3), merge(3, 8, 9)];
        assert_eq!(resolved(&facts).merged(), (5, 2));
        let undone = [&facts[..], &[void(4, 8, 3)]].concat();
        assert_eq!(resolved(&undone).merged(), (3, 1));
        assert_eq!(Corrections::new().merged(), (0, 0));
    }

    #[test]
    fn a_void_acts_on_facts_of_its_own_customer_only() {
        let corrections = resolved(&[void(2, 5, 1)]);
        assert!(corrections.is_voided(id(1), customer(5)));
        assert!(!corrections.is_voided(id(1), customer(6)));
    }

    #[test]
    fn a_void_of_a_void_does_nothing_and_is_counted() {
        for facts in [[void(2, 5, 1), void(3, 5, 2)], [void(3, 5, 2), void(2, 5, 1)]] {
            let corrections = resolved(&facts);
            assert!(corrections.is_voided(id(1), customer(5)));
            assert_eq!((corrections.voids_of_voids(), corrections.voids()), (1, 2));
        }
    }

    #[test]
    fn the_order_of_corrections_does_not_matter() {
        let mut facts = vec![
            merge(1, 5, 2),
            merge(2, 2, 9),
            merge(3, 9, 1),
            void(4, 2, 2),
            merge(6, 1, 5),
            merge(7, 5, 8),
        ];
        let forward = resolved(&facts);
        facts.reverse();
        assert_eq!(forward, resolved(&facts));
    }
}
