//! Histories as a query follows them: the facts that pass the filter, each with what was known of the customer at its
//! instant, split by what is counted and by what the answer is broken down by.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tenure_core::projection::stage::StagePolicy;
use tenure_core::query::{
    Attribution, Breakdown, BreakdownScope, CountBy, Filter, Frame, Scope, Selector, Where,
};
use tenure_core::{By, EventView, Kind, Timestamp, json as text};

use super::calendar::Calendar;
use super::known::Person;
use crate::oracle::StageOracle;

/// What is asked of whom.
pub(super) struct Asking<'a, 'f> {
    pub persons: &'a [Person<'f>],
    pub frame: &'a Frame,
    pub stages: Option<&'a StagePolicy>,
    pub as_of: Timestamp,
}

/// A fact, and what was known of its customer after all facts of its instant.
#[derive(Clone)]
pub(super) struct Fact<'f> {
    pub view: EventView<'f>,
    /// In microseconds.
    pub at: i64,
    pub profile: Map<String, Value>,
    /// What the answer is broken down by; empty for none.
    pub value: String,
}

impl Fact<'_> {
    /// How it is called in a path.
    pub fn name(&self) -> String {
        let tracked = self.view.subject.filter(|_| self.view.kind == Kind::Tracked);
        tracked.unwrap_or(self.view.kind_name).to_owned()
    }
}

/// How a kind of query counts.
pub(super) struct Counting<'a> {
    pub selectors: Vec<&'a Selector>,
    pub breakdown: Option<&'a Breakdown>,
    pub count_by: &'a CountBy,
    /// Where bounds are rounded down to whole buckets.
    pub whole_buckets: Option<&'a Calendar>,
}

impl<'f> Asking<'_, 'f> {
    /// A person's facts that pass the filter, in canonical order.
    pub fn facts_of(&self, person: &Person<'f>, breakdown: Option<&Breakdown>) -> Vec<Fact<'f>> {
        let fact = |view: &EventView<'f>| Fact {
            view: *view,
            at: view.occurred_at.as_micros(),
            profile: profile(&person.facts, view.occurred_at),
            value: breakdown.map_or_else(String::new, |by| self.value(by, person, view)),
        };
        person.facts.iter().map(fact).filter(|fact| passes(&self.frame.filter, fact)).collect()
    }

    fn value(&self, by: &Breakdown, person: &Person<'_>, fact: &EventView<'_>) -> String {
        let property = by.property.as_deref().unwrap_or_default();
        let at = fact.occurred_at;
        let so_far = || person.facts.iter().filter(|fact| fact.occurred_at <= at);
        match by.scope {
            BreakdownScope::Fact => property_of(fact, property),
            BreakdownScope::Customer => {
                profile(&person.facts, at).get(property).map(word).unwrap_or_default()
            }
            BreakdownScope::Tag => {
                let about = so_far().filter(|fact| fact.subject == Some(property));
                let on = about
                    .filter(|fact| matches!(fact.kind, Kind::TagAdded | Kind::TagRemoved))
                    .map(|fact| (fact.occurred_at, fact.kind == Kind::TagAdded))
                    .max();
                if on.is_some_and(|(_, on)| on) { "true".into() } else { String::new() }
            }
            BreakdownScope::Owner => {
                let assigned = so_far().filter(|fact| fact.kind == Kind::OwnerAssigned);
                let latest = assigned.map(|fact| (fact.occurred_at, fact.actor)).max();
                latest.and_then(|(_, owner)| owner).unwrap_or_default().to_owned()
            }
            BreakdownScope::Stage => self
                .stages
                .and_then(|policy| StageOracle::new(policy, person.facts.iter().copied()).stage_at(at))
                .unwrap_or_default(),
            BreakdownScope::Segment => String::new(),
        }
    }

    /// Whether an instant is between `from` and `to`.
    pub fn in_range(&self, at: i64) -> bool {
        let micros = |bound: Option<tenure_core::LocalTime>| {
            bound.and_then(|bound| self.frame.zone().instant(bound).ok()).map(Timestamp::as_micros)
        };
        micros(self.frame.from).is_none_or(|from| from <= at)
            && micros(self.frame.to).is_none_or(|to| at < to)
    }

    /// The answer, whole or by value. `outcome` tells what one history comes to and, if the kind knows better than the
    /// first or last touch, the value it is counted under; `better` chooses between two histories of one customer;
    /// `finish` adds up.
    pub fn answer<O>(
        &self,
        counting: &Counting<'_>,
        outcome: impl Fn(&[Fact<'f>]) -> Option<(O, Option<String>)>,
        better: impl Fn((O, Option<String>), (O, Option<String>)) -> (O, Option<String>),
        finish: impl Fn(&[(String, O)]) -> Value,
    ) -> Value {
        let mut by_value: BTreeMap<String, Vec<(String, O)>> = BTreeMap::new();
        for (name, facts) in self.histories(counting) {
            let touch = self.touch(counting, &facts);
            let all_events = counting.breakdown.is_some_and(|by| by.attribution == Attribution::AllEvents);
            let part = |fact: &Fact<'f>| {
                let key = match counting.count_by {
                    CountBy::CustomerAnd(name) => property_of(&fact.view, name),
                    CountBy::Customer | CountBy::Property(_) => String::new(),
                };
                (key, if all_events { fact.value.clone() } else { String::new() })
            };
            let mut of_customer: BTreeMap<String, (O, Option<String>)> = BTreeMap::new();
            for which in facts.iter().map(part).collect::<BTreeSet<_>>() {
                let own: Vec<Fact<'f>> = facts.iter().filter(|fact| part(fact) == which).cloned().collect();
                let Some(outcome) = outcome(&own) else { continue };
                let outcome = match of_customer.remove(&which.1) {
                    Some(before) => better(before, outcome),
                    None => outcome,
                };
                of_customer.insert(which.1, outcome);
            }
            for (part, (outcome, known)) in of_customer {
                let value = match counting.breakdown {
                    None => String::new(),
                    Some(_) if all_events => part,
                    Some(_) => known.unwrap_or_else(|| touch.clone()),
                };
                by_value.entry(value).or_default().push((name.clone(), outcome));
            }
        }
        if counting.breakdown.is_some() {
            let answers: Map<String, Value> =
                by_value.iter().map(|(value, outcomes)| (value.clone(), finish(outcomes))).collect();
            json!({ "by_value": answers })
        } else {
            finish(&by_value.into_values().next().unwrap_or_default())
        }
    }

    /// Whose histories are followed, with their facts in canonical order.
    fn histories(&self, counting: &Counting<'_>) -> BTreeMap<String, Vec<Fact<'f>>> {
        let mut histories: BTreeMap<String, Vec<Fact<'f>>> = BTreeMap::new();
        for person in self.persons {
            for fact in self.facts_of(person, counting.breakdown) {
                let name = match counting.count_by {
                    CountBy::CustomerAnd(key) if property_of(&fact.view, key).is_empty() => continue,
                    CountBy::Customer | CountBy::CustomerAnd(_) => person.name.clone(),
                    CountBy::Property(key) => property_of(&fact.view, key),
                };
                if !name.is_empty() {
                    histories.entry(name).or_default().push(fact);
                }
            }
        }
        for facts in histories.values_mut() {
            facts.sort_by_key(|fact| fact.view.key());
        }
        histories
    }

    /// The first or last value on the facts in range that are asked about.
    fn touch(&self, counting: &Counting<'_>, facts: &[Fact<'f>]) -> String {
        let mut values = facts
            .iter()
            .filter(|fact| match counting.whole_buckets {
                Some(calendar) => calendar.holds(calendar.bucket(fact.at)),
                None => self.in_range(fact.at),
            })
            .filter(|fact| counting.selectors.iter().any(|selector| meets(selector, fact)))
            .map(|fact| fact.value.clone())
            .filter(|value| !value.is_empty());
        let last = counting.breakdown.is_some_and(|by| by.attribution == Attribution::LastTouch);
        if last { values.next_back() } else { values.next() }.unwrap_or_default()
    }
}

/// The profile after all facts of an instant: of each attribute the latest value; of several the greatest text, and any
/// before a removal.
fn profile(facts: &[EventView<'_>], at: Timestamp) -> Map<String, Value> {
    let mut said: BTreeMap<String, Vec<(Timestamp, Option<String>)>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.kind == Kind::ProfileUpdated && fact.occurred_at <= at) {
        for (name, value) in fact.properties() {
            let value = (!value.is_null()).then(|| text::canonical(&value));
            said.entry(name).or_default().push((fact.occurred_at, value));
        }
    }
    said.into_iter()
        .filter_map(|(name, said)| Some((name, text::parse(&said.into_iter().max()?.1?).ok()?)))
        .collect()
}

/// A value as a breakdown names it.
fn word(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => text::canonical(other),
    }
}

/// A property of a fact as a breakdown names it; empty where it is missing.
pub(super) fn property_of(fact: &EventView<'_>, name: &str) -> String {
    fact.value(name).as_ref().map(word).unwrap_or_default()
}

fn holds(test: &Where, fact: &Fact<'_>) -> bool {
    match test.scope {
        Scope::Fact => test.leaf.holds(&fact.view),
        Scope::Customer => test.leaf.holds_of(fact.profile.get(test.leaf.property())),
    }
}

/// Whether a fact is one of those that a selector means.
pub(super) fn meets(selector: &Selector, fact: &Fact<'_>) -> bool {
    let kind = fact.view.kind;
    let named = match selector.names() {
        None => kind.by() == By::Customer,
        Some(names) => names.iter().any(|name| match Kind::named(name) {
            Some(meant) => meant == kind,
            None => kind == Kind::Tracked && fact.view.subject == Some(&**name),
        }),
    };
    named && selector.leaves().iter().all(|test| holds(test, fact))
}

/// Whether a fact passes a filter.
pub(super) fn passes(filter: &Filter, fact: &Fact<'_>) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| passes(part, fact)),
        Filter::Any(parts) => parts.iter().any(|part| passes(part, fact)),
        Filter::Leaf(test) => holds(test, fact),
    }
}

/// Whether a customer passes a filter, by the profile alone.
pub(super) fn passes_as_customer(filter: &Filter, profile: &Map<String, Value>) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| passes_as_customer(part, profile)),
        Filter::Any(parts) => parts.iter().any(|part| passes_as_customer(part, profile)),
        Filter::Leaf(test) => test.leaf.holds_of(profile.get(test.leaf.property())),
    }
}
