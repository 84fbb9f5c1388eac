//! What is remembered of a customer: words in fixed places, and a short list of things that have names.

use serde::{Deserialize, Serialize};

use crate::event::EventView;
use crate::time::Timestamp;

pub(super) use crate::projection::rhythm::{MICROS_PER_DAY, NEVER, beat, cadence_days, rhythm_words, scaled};

/// The end of what has none, and the next change where there is none.
pub(super) const NONE: i64 = i64::MAX;

/// Which sort of thing with a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Class {
    Contract,
    Subscription,
    Trial,
    Ticket,
}

/// A contract, subscription, trial or ticket that may be or become active.
///
/// A ticket that was resolved stays until the next fact about tickets, as one that ends as it begins: so one that was
/// opened and resolved at one instant is closed, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Keyed {
    pub class: Class,
    /// Hash of its name: names may be long, and may have to be forgotten.
    pub key: u64,
    /// Instant of the fact that said so.
    pub on_at: i64,
    /// Active from this instant on.
    pub begin: i64,
    /// Active until before this instant.
    pub end: i64,
    pub complaint: bool,
}

/// The key of a name.
pub(super) fn key_of(name: Option<&str>) -> u64 {
    xxhash_rust::xxh3::xxh3_64(name.unwrap_or_default().as_bytes())
}

/// The list of things with names: sorted, each once, so that equal histories give equal lists.
pub(super) type KeyedList = Vec<Keyed>;

/// Something of this name began at `on_at` and is active in `begin..end`. From `begin` on it replaces what earlier
/// instants said of the name; what one instant says more than once adds up.
pub(super) fn begin(list: &mut KeyedList, new: Keyed) {
    let same = |old: &Keyed| old.class == new.class && old.key == new.key && old.on_at < new.on_at;
    for old in list.iter_mut().filter(|old| same(old)) {
        old.end = old.end.min(new.begin);
    }
    // What is over can never be active again.
    list.retain(|old| old.class != new.class || (old.end > old.begin && old.end > new.on_at));
    if new.end > new.begin {
        list.push(new);
    }
    tidy(list);
}

/// What earlier instants said of this name (of all names without one) ends at `at`.
pub(super) fn end(list: &mut KeyedList, class: Class, key: Option<u64>, at: i64) {
    list.retain(|old| old.class != class || old.on_at >= at || key.is_some_and(|key| key != old.key));
}

/// A ticket is open from `at` on, unless it is resolved at the same instant.
pub(super) fn open(list: &mut KeyedList, key: u64, complaint: bool, at: i64) {
    forget_resolved(list, at);
    match list.iter_mut().find(|old| old.class == Class::Ticket && old.key == key) {
        Some(old) => old.complaint |= complaint && old.end == NONE,
        None => list.push(Keyed { class: Class::Ticket, key, on_at: at, begin: at, end: NONE, complaint }),
    }
    tidy(list);
}

/// A ticket is closed from `at` on.
pub(super) fn resolve(list: &mut KeyedList, key: u64, at: i64) {
    forget_resolved(list, at);
    list.retain(|old| old.class != Class::Ticket || old.key != key);
    list.push(Keyed { class: Class::Ticket, key, on_at: at, begin: at, end: at, complaint: false });
    tidy(list);
}

fn forget_resolved(list: &mut KeyedList, at: i64) {
    list.retain(|old| old.class != Class::Ticket || old.end == NONE || old.on_at >= at);
}

fn tidy(list: &mut KeyedList) {
    list.sort_unstable();
    list.dedup();
}

/// Raises a latch: an instant and a bit in one word. The later instant wins, and at one instant the set bit.
pub(super) fn raise(word: &mut i64, at: i64, bit: bool) {
    *word = (*word).max(at << 1 | i64::from(bit));
}

/// The bit of a latch.
pub(super) const fn bit(word: i64) -> bool {
    word & 1 == 1
}

/// Raises a latch of a score: the later instant wins, and at one instant the greater score.
pub(super) fn raise_score(word: &mut i64, at: i64, score: i64) {
    *word = (*word).max(at << 4 | score.clamp(0, 15));
}

/// The score of a latch; none before the first.
pub(super) const fn score(word: i64) -> Option<i64> {
    if word == NEVER { None } else { Some(word & 15) }
}

/// Adds to a sum of 128 bits in two words; wide enough for every log.
pub(super) fn add(words: &mut [i64], minor: i128) {
    if let [high, low] = words {
        let sum = wide(*high, *low).wrapping_add(minor);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the sum")]
        {
            *high = (sum >> 64) as i64;
            *low = sum as i64;
        }
    }
}

/// The sum of two words.
pub(super) fn wide(high: i64, low: i64) -> i128 {
    i128::from(high) << 64 | i128::from(low.cast_unsigned())
}

/// Keeps the latest instants, the latest first.
pub(super) fn remember(words: &mut [i64], at: i64) {
    // Each hands its instant on to the next; for a few words that is cheaper than moving a block.
    let mut at = at;
    for word in words {
        core::mem::swap(word, &mut at);
    }
}

/// What a fact's body says of an instant.
pub(super) fn instant(body: &serde_json::Map<String, serde_json::Value>, name: &str) -> Option<i64> {
    let text = body.get(name)?.as_str()?;
    Timestamp::parse(text).ok().map(Timestamp::as_micros)
}

/// What a fact's body says is true.
pub(super) fn said(fact: &EventView<'_>, name: &str) -> bool {
    fact.value(name) == Some(true.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_beyond_one_word() {
        let mut words = [0, 0];
        for minor in [i64::MAX, i64::MAX, 5, -7] {
            add(&mut words, minor.into());
        }
        assert_eq!(wide(words[0], words[1]), 2 * i128::from(i64::MAX) - 2);
        add(&mut words, -2 * i128::from(i64::MAX));
        assert_eq!(wide(words[0], words[1]), -2);
    }

    #[test]
    fn the_latest_instants_are_kept_latest_first() {
        let mut words = [NEVER; 3];
        for at in [1, 2, 2, 5] {
            remember(&mut words, at);
        }
        assert_eq!(words, [5, 2, 2]);
    }
}
