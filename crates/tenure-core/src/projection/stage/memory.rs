//! What is remembered of a customer: words in fixed places, and a short list of things that have names.

use serde::{Deserialize, Serialize};

use crate::event::EventView;
use crate::time::{Timestamp, Zone};

/// The word of an instant that has not been.
pub(super) const NEVER: i64 = i64::MIN;
/// The end of what has none, and the next change where there is none.
pub(super) const NONE: i64 = i64::MAX;

const MICROS_PER_DAY: i64 = 86_400_000_000;

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

/// How many words the rhythm of so many gaps takes.
pub(super) fn rhythm_words(gaps: u8) -> usize {
    // The last day, the number of gaps and the next place, then two gaps a word.
    2 + usize::from(gaps).div_ceil(2)
}

/// Takes an instant into a rhythm. A day counts where it is later than the last one that did.
#[expect(clippy::inline_always, reason = "part of the loop of the fold")]
#[inline(always)]
pub(super) fn beat(words: &mut [i64], gaps: u8, zone: Zone, at: Timestamp) {
    let [last, place, ring @ ..] = words else { return };
    let day = i64::from(zone.day(at));
    if *last == NEVER {
        *last = day;
        return;
    }
    if day <= *last {
        return;
    }
    let gap = (day - *last) & 0xffff_ffff;
    *last = day;
    let (len, next) = (*place >> 8 & 0xff, *place & 0xff);
    if let Some(word) = usize::try_from(next >> 1).ok().and_then(|index| ring.get_mut(index)) {
        let shift = (next & 1) * 32;
        *word = *word & !(0xffff_ffff << shift) | gap << shift;
    }
    let gaps = i64::from(gaps);
    let next = if next + 1 >= gaps { 0 } else { next + 1 };
    *place = gaps.min(len + 1) << 8 | next;
}

/// The cadence in microseconds: the lower median of the gaps; none with fewer than three.
pub(super) fn cadence(words: &[i64]) -> Option<i64> {
    let [_, place, ring @ ..] = words else { return None };
    let len = usize::try_from(*place >> 8 & 0xff).ok().filter(|len| *len >= 3)?;
    Some(i64::from(lower_median(ring, len)).saturating_mul(MICROS_PER_DAY))
}

/// The lower median of the first `len` half words, of which there is at least one.
fn lower_median(ring: &[i64], len: usize) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a word")]
    let numbers = ring.iter().flat_map(|word| [*word as i32, (*word >> 32) as i32]).take(len);
    let below_middle = (len - 1) / 2;
    // A median of nine takes the same few steps whatever the numbers are, where a sort of a handful spends its time in
    // mispredicted branches. Fewer are filled up to nine on both sides, so that theirs is in the middle.
    if len <= 9 {
        let mut nine = [i32::MAX; 9];
        nine.iter_mut().zip(numbers).for_each(|(to, number)| *to = number);
        nine.iter_mut().skip(len).take(4 - below_middle).for_each(|filler| *filler = i32::MIN);
        return median_of_nine(nine);
    }
    let mut all: Vec<i32> = numbers.collect();
    *all.select_nth_unstable(below_middle).1
}

/// The fifth smallest of nine numbers, by a network of exchanges.
///
/// # Source
/// Paeth, "Median Finding on a 3 x 3 Grid", Graphics Gems I, 1990, pages 171-175.
fn median_of_nine(nine: [i32; 9]) -> i32 {
    let sort = |[x, y, z]: [i32; 3]| {
        let (low, high) = (x.min(y), x.max(y));
        (low.min(z), low.max(high.min(z)), high.max(z))
    };
    let [a0, a1, a2, b0, b1, b2, c0, c1, c2] = nine;
    let (a, b, c) = (sort([a0, a1, a2]), sort([b0, b1, b2]), sort([c0, c1, c2]));
    // The median lies between the greatest of the three lows, the middle of the middles and the least of the highs.
    let (_, middle, _) = sort([a.1, b.1, c.1]);
    sort([a.0.max(b.0).max(c.0), middle, a.2.min(b.2).min(c.2)]).1
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

    #[test]
    fn the_lower_median_is_that_of_the_sorted_numbers() {
        let mut random = 1_u32;
        for len in 1..=33 {
            for _ in 0..50 {
                let numbers: Vec<i32> = (0..len)
                    .map(|_| {
                        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        i32::try_from(random >> 28).unwrap()
                    })
                    .collect();
                let mut sorted = numbers.clone();
                sorted.sort_unstable();
                let word =
                    |pair: &[i32]| i64::from(pair[0]) | i64::from(pair.get(1).copied().unwrap_or(7)) << 32;
                let ring: Vec<i64> = numbers.chunks(2).map(word).collect();
                let median = lower_median(&ring, len);
                assert_eq!(Some(&median), sorted.get((len - 1) / 2), "{numbers:?}");
            }
        }
    }

    #[test]
    fn cadence_is_the_lower_median_of_the_last_gaps_between_distinct_days() {
        let at = |day: u32| Timestamp::MIN.checked_add(crate::Duration::days(day)).unwrap();
        let mut words = vec![0; rhythm_words(5)];
        words[0] = NEVER;
        let mut cadence = |days: &[u32]| {
            for day in days {
                beat(&mut words, 5, Zone::UTC, at(*day));
            }
            super::cadence(&words).map_or(0, |cadence| cadence / MICROS_PER_DAY)
        };
        assert_eq!(cadence(&[10, 10, 11, 13]), 0, "two gaps: 1, 2");
        assert_eq!(cadence(&[13, 16]), 2, "1, 2, 3");
        assert_eq!(cadence(&[20]), 2, "1, 2, 3, 4");
        assert_eq!(cadence(&[120, 220]), 4, "3, 4, 100, 100 and the 2 before: 2, 3, 4, 100, 100");
        assert_eq!(cadence(&[320, 420]), 100, "4 and four times 100");
    }
}
