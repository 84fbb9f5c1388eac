//! What a cut of the log leaves, with corrections and identities applied: persons and their facts.

use std::collections::{BTreeMap, BTreeSet};

use tenure_core::log::KnownAt;
use tenure_core::query::Frame;
use tenure_core::{Customer, CustomerId, EventId, EventView, Kind, RecordedView};

/// One person: how it is shown, and its facts in canonical order.
pub(super) struct Person<'a> {
    pub name: String,
    pub facts: Vec<EventView<'a>>,
}

pub(super) fn persons<'a>(log: &[RecordedView<'a>], frame: &Frame) -> Vec<Person<'a>> {
    let known_at = frame.known_at.map_or(KnownAt::Latest, KnownAt::from);
    let known: Vec<RecordedView<'a>> = log
        .iter()
        .filter(|fact| known_at.knows(fact))
        .filter(|fact| {
            fact.event.kind.corrects() || frame.as_of.is_none_or(|at| fact.event.occurred_at <= at)
        })
        .copied()
        .collect();
    let subject = |fact: &EventView<'a>| fact.subject.unwrap_or_default().to_owned();
    let voided: BTreeSet<(EventId, CustomerId)> = known
        .iter()
        .filter(|fact| fact.event.kind == Kind::EventVoided)
        .filter_map(|fact| Some((subject(&fact.event).parse().ok()?, fact.event.customer)))
        .collect();
    let stands = |fact: &EventView<'a>| !voided.contains(&(fact.id, fact.customer));
    let mut names: BTreeMap<CustomerId, String> = BTreeMap::new();
    for fact in &known {
        if let Some(key) = fact.customer_key {
            names.insert(fact.event.customer, key.to_owned());
        }
    }
    let mut edges: Vec<(CustomerId, CustomerId)> = Vec::new();
    for fact in known.iter().filter(|fact| fact.event.kind == Kind::IdentityMerged) {
        let Ok(other) = Customer::parse(&subject(&fact.event), "default") else { continue };
        if let Some(key) = other.key() {
            names.insert(other.id(), key.to_string());
        }
        if stands(&fact.event) {
            edges.push((fact.event.customer, other.id()));
        }
    }
    let facts: Vec<EventView<'a>> =
        known.iter().map(|fact| fact.event).filter(|fact| !fact.kind.corrects() && stands(fact)).collect();

    // Everybody is alone, until a merge says otherwise; again and again, until none says anything new.
    let everybody = facts.iter().map(|fact| fact.customer).chain(edges.iter().flat_map(|(a, b)| [*a, *b]));
    let mut groups: Vec<BTreeSet<CustomerId>> =
        everybody.collect::<BTreeSet<_>>().into_iter().map(|one| BTreeSet::from([one])).collect();
    for (a, b) in &edges {
        let (joined, mut others): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|group| group.contains(a) || group.contains(b));
        others.push(joined.into_iter().flatten().collect());
        groups = others;
    }
    let subjects: BTreeSet<CustomerId> = edges.iter().map(|(_, other)| *other).collect();
    let mut persons: Vec<Person<'a>> = groups
        .into_iter()
        .filter_map(|group| {
            let shown = group.iter().find(|one| !subjects.contains(one)).or_else(|| group.first())?;
            let name = names.get(shown).cloned().unwrap_or_else(|| shown.to_string());
            let mut facts: Vec<_> =
                facts.iter().filter(|fact| group.contains(&fact.customer)).copied().collect();
            facts.sort_by_key(EventView::key);
            (!facts.is_empty()).then_some(Person { name, facts })
        })
        .collect();
    persons.sort_by(|a, b| a.name.cmp(&b.name));
    persons
}
