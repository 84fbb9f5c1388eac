//! The wall clock of a zone, fast: its offsets as a table, for folds that ask once a fact.

use std::sync::Arc;

use crate::time::{Timestamp, Zone};

const DAY: i64 = 86_400_000_000;
/// Where the table ends, at the end of the year 2100: later instants ask the zone itself.
const LAST_DAY: i64 = 47_847;

/// How long a bucket is. Zones change at most a few times in it, mostly not at all.
const BUCKET: i64 = 32 * DAY;

/// What the clocks of a zone show, from a table: some nanoseconds where the zone's own search takes 25 to 30.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LocalClock {
    zone: Zone,
    /// From when on which offset is in force, in microseconds; one without a change for UTC.
    offsets: Arc<[(i64, i64)]>,
    /// Which of them is in force at the beginning of each bucket.
    buckets: Arc<[u16]>,
}

impl LocalClock {
    /// Looks through the zone once, day by day and then to the microsecond: about a millisecond, nothing for UTC.
    pub(crate) fn new(zone: Zone) -> Self {
        let offset = |micros| Timestamp::from_micros(micros).map_or(0, |at| zone.offset_micros(at));
        let mut offsets = vec![(0, offset(0))];
        let mut current = offset(0);
        let days = if zone == Zone::UTC { 0 } else { LAST_DAY };
        for day in 0..days {
            let next = offset((day + 1) * DAY);
            if next != current {
                offsets.push((change(offset, day * DAY, (day + 1) * DAY), next));
                current = next;
            }
        }
        let beginnings = (0..=days * DAY / BUCKET).map(|bucket| bucket * BUCKET);
        let in_force = |at| offsets.partition_point(|(from, _)| *from <= at).saturating_sub(1);
        // Some hundred changes at most.
        let buckets = beginnings.map(|at| u16::try_from(in_force(at)).unwrap_or(0)).collect();
        Self { zone, offsets: offsets.into(), buckets }
    }

    /// The microseconds that a wall clock is past its own 1970-01-01T00:00:00 at an instant.
    #[inline]
    pub(crate) fn micros(&self, at: Timestamp) -> i64 {
        at.as_micros() + self.offset(at.as_micros())
    }

    /// The local day of an instant, as [`Zone::day`] gives it.
    #[inline]
    pub(crate) fn day(&self, at: Timestamp) -> i32 {
        // At most 2,932,897 days.
        i32::try_from(self.micros(at).div_euclid(DAY)).unwrap_or_default()
    }

    /// The zone whose clock it is.
    pub(crate) const fn zone(&self) -> Zone {
        self.zone
    }

    /// How far the wall clock is ahead of UTC.
    #[inline]
    fn offset(&self, micros: i64) -> i64 {
        match *self.offsets {
            [(_, only)] => only,
            _ if micros >= LAST_DAY * DAY => {
                Timestamp::from_micros(micros).map_or(0, |at| self.zone.offset_micros(at))
            }
            _ => {
                let bucket = usize::try_from(micros / BUCKET).ok().and_then(|at| self.buckets.get(at));
                let changes = self.offsets.get(bucket.copied().unwrap_or(0).into()..).unwrap_or_default();
                let in_force = changes.iter().take_while(|(from, _)| *from <= micros).last();
                in_force.map_or(0, |(_, offset)| *offset)
            }
        }
    }

    /// The first instant after another at which "it is this local day, or a later one" turns true; or false again, where a
    /// clock is put back over midnight. None if it never does.
    pub(crate) fn turn_after(&self, day: i64, after: i64) -> Option<i64> {
        let last = Timestamp::MAX.as_micros();
        let midnight = day.checked_mul(DAY).filter(|midnight| *midnight <= last + DAY)?;
        let offset = |at: i64| self.offset(at.clamp(0, last));
        // A wall clock is less than a day ahead or behind, and changes at most once in two days.
        let (from, to) = (midnight - DAY, midnight + DAY);
        let (before, behind) = (offset(from), offset(to));
        if before == behind {
            return Some(midnight - before).filter(|at| *at > after);
        }
        let reached = |at: i64| at + offset(at) >= midnight;
        let turns = [midnight - before, change(offset, from, to), midnight - behind];
        turns.into_iter().filter(|at| *at > after && reached(*at) != reached(at - 1)).min()
    }
}

/// The first instant, after one and up to another, with another offset than the one at the first.
fn change(offset: impl Fn(i64) -> i64, mut before: i64, mut after: i64) -> i64 {
    let current = offset(before);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        if offset(middle) == current { before = middle } else { after = middle }
    }
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_table_says_what_the_zone_says(
            zone in prop::sample::select(vec![
                "UTC", "Asia/Shanghai", "America/New_York", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca",
                "America/Sao_Paulo", "Asia/Gaza", "Australia/Lord_Howe", "Africa/Monrovia", "Pacific/Kwajalein",
            ]),
            instants in prop::collection::vec(0..=5_000_000_000_000_000_i64, 64),
        ) {
            let zone: Zone = zone.parse().unwrap();
            let clock = LocalClock::new(zone);
            let around = clock.offsets.iter().flat_map(|(from, _)| [from - 1, *from]);
            for micros in instants.into_iter().chain([Timestamp::MAX.as_micros()]).chain(around) {
                if let Some(at) = Timestamp::from_micros(micros) {
                    prop_assert_eq!(clock.day(at), zone.day(at));
                }
            }
        }

        /// Minute by minute, two days long: midnights that are skipped, shown twice or left again, and days that are skipped.
        #[test]
        fn a_day_begins_where_the_zone_says_so(
            (zone, day) in prop::sample::select(vec![
                ("UTC", 0), ("Asia/Shanghai", 18_262), ("America/New_York", 18_329), ("America/St_Johns", 14_549),
                ("America/St_Johns", 14_913), ("Pacific/Apia", 15_338), ("America/Sao_Paulo", 17_838),
                ("Asia/Beirut", 18_350), ("Asia/Beirut", 18_560), ("Pacific/Kwajalein", 8_633), ("America/Sao_Paulo", 60_000),
            ]),
            near in -2_i64..3,
        ) {
            const MINUTE: i64 = 60_000_000;
            let zone: Zone = zone.parse().unwrap();
            let (clock, day) = (LocalClock::new(zone), (day + near).max(0));
            let reached = |at: i64| i64::from(zone.day(Timestamp::from_micros(at).unwrap())) >= day;
            let (from, to) = (((day - 1) * DAY).max(0), (day + 1) * DAY);
            let mut turns = Vec::new();
            let mut after = from;
            while let Some(at) = clock.turn_after(day, after) {
                turns.push(at);
                after = at;
            }
            let minutes = (from / MINUTE + 1..=to / MINUTE).map(|minute| minute * MINUTE);
            let expected: Vec<i64> = minutes.filter(|at| reached(*at) != reached(at - MINUTE)).collect();
            prop_assert_eq!(turns, expected);
        }
    }
}
