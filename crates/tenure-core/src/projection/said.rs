//! What was said last of something, and since when it holds: what profile, tags, owner and consent have in common.
//!
//! Facts of one instant may have any ids, so of several things said at one instant the *greatest* holds, whichever
//! comes first. The type decides what that means: an attribute's value beats its removal, a tag put on beats one taken
//! off, a consent withdrawn beats one given.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What holds, and what held before the instant at which that was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Said<T> {
    /// The value before `at`, and since when it held.
    before: Option<(T, Timestamp)>,
    /// The last instant at which anything was said.
    at: Timestamp,
    /// The greatest of what was said then.
    value: T,
}

impl<T: Ord> Said<T> {
    pub(super) const fn new(at: Timestamp, value: T) -> Self {
        Self { before: None, at, value }
    }

    /// Takes in what is said at an instant that is not earlier than the last one.
    pub(super) fn say(&mut self, at: Timestamp, value: T) {
        if at > self.at {
            let since = self.since();
            let old = core::mem::replace(&mut self.value, value);
            self.before = Some((old, since));
            self.at = at;
        } else if value > self.value {
            self.value = value;
        }
    }

    /// What holds.
    pub(super) const fn value(&self) -> &T {
        &self.value
    }

    /// Since when it holds without a break: saying it again does not begin it anew.
    pub(super) fn since(&self) -> Timestamp {
        match &self.before {
            Some((value, since)) if *value == self.value => *since,
            _ => self.at,
        }
    }

    /// Whether nothing was said before this instant.
    fn is_new(&self, at: Timestamp) -> bool {
        self.before.is_none() && self.at == at
    }

    fn fits(&self) -> bool {
        self.before.as_ref().is_none_or(|(_, since)| *since < self.at)
    }
}

/// What was said of each of several things, by name. Holds a bounded number of names, so that no log can make a
/// customer's state grow without end: once it is full, further names are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Named<K: Ord, T> {
    entries: BTreeMap<K, Said<T>>,
    /// Whether a name was left out.
    full: bool,
}

impl<K: Ord, T> Default for Named<K, T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), full: false }
    }
}

impl<K: Ord + Clone, T: Ord> Named<K, T> {
    /// Takes in what is said of a name. Of the names that are new at one instant the smallest find room, whichever comes
    /// first.
    pub(super) fn say(&mut self, most: usize, name: K, at: Timestamp, value: T) {
        if let Some(said) = self.entries.get_mut(&name) {
            said.say(at, value);
            return;
        }
        self.entries.insert(name, Said::new(at, value));
        if self.entries.len() > most {
            self.full = true;
            let new = self.entries.iter().rev().find(|(_, said)| said.is_new(at));
            if let Some(name) = new.map(|(name, _)| name.clone()) {
                self.entries.remove(&name);
            }
        }
    }

    /// Takes in what is said of a name that is known; of another one it says nothing.
    pub(super) fn say_of_known<Q: Ord + ?Sized>(&mut self, name: &Q, at: Timestamp, value: T)
    where
        K: core::borrow::Borrow<Q>,
    {
        if let Some(said) = self.entries.get_mut(name) {
            said.say(at, value);
        }
    }

    /// Takes in a name once: said again it changes nothing.
    pub(super) fn note(&mut self, most: usize, name: K, at: Timestamp, value: T) {
        if !self.entries.contains_key(&name) {
            self.say(most, name, at, value);
        }
    }

    /// All names and what was said of each, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &Said<T>)> {
        self.entries.iter()
    }

    /// Whether a name was left out.
    pub(super) const fn full(&self) -> bool {
        self.full
    }

    pub(super) fn fits(&self, most: usize) -> bool {
        self.entries.len() <= most && self.entries.values().all(Said::fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: i64) -> Timestamp {
        Timestamp::from_micros(n).unwrap()
    }

    #[test]
    fn saying_it_again_does_not_begin_it_anew() {
        let mut said = Said::new(at(1), true);
        said.say(at(2), true);
        said.say(at(3), true);
        assert_eq!((said.value(), said.since()), (&true, at(1)));
        said.say(at(4), false);
        said.say(at(5), true);
        assert_eq!((said.value(), said.since()), (&true, at(5)));
    }

    #[test]
    fn at_one_instant_the_greatest_holds_and_nothing_was_broken() {
        for order in [[false, true], [true, false]] {
            let mut said = Said::new(at(1), true);
            for value in order {
                said.say(at(2), value);
            }
            assert_eq!((said.value(), said.since()), (&true, at(1)), "{order:?}");
        }
    }

    #[test]
    fn of_the_new_names_of_an_instant_the_smallest_find_room() {
        let mut orders = Vec::new();
        for order in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
            let mut named = Named::default();
            named.say(2, "x", at(1), 0);
            for name in order {
                named.say(2, name, at(2), 0);
            }
            named.say(2, "x", at(3), 1);
            let held: Vec<_> = named.iter().map(|(name, said)| (*name, *said.value())).collect();
            assert_eq!((held, named.full()), (vec![("a", 0), ("x", 1)], true), "{order:?}");
            orders.push(named);
        }
        assert!(orders.iter().all(|named| *named == orders[0]));
    }
}
