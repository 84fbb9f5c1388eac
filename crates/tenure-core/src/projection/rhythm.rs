//! Cadence: a customer's own rhythm, kept in a few words.

use crate::time::{Timestamp, Zone};

/// The word of an instant or a day that has not been.
pub(in crate::projection) const NEVER: i64 = i64::MIN;

pub(in crate::projection) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// How many words the rhythm of so many gaps takes.
pub(in crate::projection) fn rhythm_words(gaps: u8) -> usize {
    // The last day, the number of gaps and the next place, then two gaps a word.
    2 + usize::from(gaps).div_ceil(2)
}

/// Takes an instant into a rhythm. A day counts where it is later than the last one that did.
#[expect(clippy::inline_always, reason = "part of the loop of the fold")]
#[inline(always)]
pub(in crate::projection) fn beat(words: &mut [i64], gaps: u8, zone: Zone, at: Timestamp) {
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

/// The cadence in days: the lower median of the gaps; none with fewer than three.
pub(in crate::projection) fn cadence_days(words: &[i64]) -> Option<i64> {
    let [_, place, ring @ ..] = words else { return None };
    let len = usize::try_from(*place >> 8 & 0xff).ok().filter(|len| *len >= 3)?;
    Some(lower_median(ring, len).into())
}

/// The cadence in microseconds.
pub(in crate::projection) fn cadence(words: &[i64]) -> Option<i64> {
    cadence_days(words).map(|days| days.saturating_mul(MICROS_PER_DAY))
}

/// Whether words read from outside can be those of a rhythm: its places lie in the ring.
pub(in crate::projection) fn fits(words: &[i64]) -> bool {
    let [_, place, ring @ ..] = words else { return words.is_empty() };
    let (len, next) = (*place >> 8, *place & 0xff);
    let most = i64::try_from(2 * ring.len()).unwrap_or(i64::MAX);
    (0..=most).contains(&len) && next < most
}

/// So many thousandths of a cadence, within bounds that are in order.
pub(in crate::projection) fn scaled(cadence: i64, thousandths: i64, min: i64, max: i64) -> i64 {
    // In two parts, for the product may not fit; beyond that it is more than any `max`.
    let whole = (cadence / 1_000).saturating_mul(thousandths);
    let rest = (cadence % 1_000).saturating_mul(thousandths) / 1_000;
    // Not `clamp`, which panics where bounds are not in order.
    whole.saturating_add(rest).min(max).max(min)
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

#[cfg(test)]
mod tests {
    use super::*;

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
