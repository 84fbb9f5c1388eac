//! Buckets of time: hours, days, weeks, months, quarters and years of a zone's calendar.

use std::sync::Arc;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::QueryError;
use super::frame::Frame;
use crate::local_clock::LocalClock;
use crate::time::{LocalTime, Timestamp, Zone, date_of};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// How long a bucket is, by the calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// An hour of the wall clock. The hour that a clock shows twice is one bucket of two hours.
    Hour,
    /// A day.
    #[default]
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// January to March, and so on.
    Quarter,
    /// A year.
    Year,
}

/// On which day a week starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum WeekStart {
    /// As ISO 8601 has it.
    #[default]
    Monday,
    /// The day before.
    Sunday,
}

/// The buckets of a calendar, numbered without gaps.
///
/// # Example
/// ```
/// use tenure_core::query::{Buckets, Period, WeekStart};
/// use tenure_core::{Timestamp, Zone};
/// let weeks = Buckets::new(Period::Week, WeekStart::Monday, "Asia/Shanghai".parse::<Zone>()?);
/// let number = weeks.number(Timestamp::parse("2020-06-14T16:00:00Z")?); // midnight to Monday
/// assert_eq!(weeks.name(number), "2020-06-15");
/// assert_eq!(weeks.start(number)?.to_string(), "2020-06-14T16:00:00Z");
/// # Ok::<(), tenure_core::TimeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    clock: LocalClock,
    period: Period,
    week_start: WeekStart,
    /// For each stretch of time from 1970 to 2100 the bucket in which it begins and the instant, in microseconds, at which
    /// the next one does: folds ask once a fact. None where a clock was put back over that; nothing for short periods.
    stretches: Arc<[Option<(i64, i64)>]>,
}

/// How long a stretch is, as a power of two: 25 days. No month is shorter, so at most one begins inside.
const STRETCH: u32 = 41;

/// The stretch in which the year 2100 ends.
const LAST_STRETCH: i64 = 4_133_980_800_000_000 >> STRETCH;

impl Buckets {
    /// The buckets of one length in a zone.
    pub fn new(period: Period, week_start: WeekStart, zone: Zone) -> Self {
        let buckets = Self { clock: LocalClock::new(zone), period, week_start, stretches: Arc::default() };
        let stretches = if period >= Period::Month { 0..LAST_STRETCH } else { 0..0 };
        let stretches = stretches.map(|place| buckets.stretch(place)).collect();
        Self { stretches, ..buckets }
    }

    fn stretch(&self, place: i64) -> Option<(i64, i64)> {
        let (from, to) = (place << STRETCH, (place + 1) << STRETCH);
        let number = self.on_the_calendar(Timestamp::from_micros(from)?);
        // The first instant behind another at which a bucket begins, or, where a clock is put back, the one before it.
        let turn = |number, after| {
            let day = self.local_start(number).as_micros().div_euclid(DAY);
            self.clock.turn_after(day, after).filter(|at| *at < to)
        };
        match (turn(number, from), turn(number + 1, from)) {
            (None, None) => Some((number, i64::MAX)),
            (None, Some(next)) if turn(number + 1, next).is_none() => Some((number, next)),
            _ => None,
        }
    }

    /// The number of the bucket that holds an instant. It grows with the instant, by one from bucket to bucket.
    #[inline]
    pub fn number(&self, at: Timestamp) -> i64 {
        let micros = at.as_micros();
        let stretch = usize::try_from(micros >> STRETCH).ok().and_then(|place| self.stretches.get(place));
        match stretch {
            Some(Some((number, next))) => number + i64::from(micros >= *next),
            _ => self.on_the_calendar(at),
        }
    }

    fn on_the_calendar(&self, at: Timestamp) -> i64 {
        let day = || self.clock.day(at);
        match self.period {
            Period::Hour => self.clock.micros(at).div_euclid(HOUR),
            Period::Day => i64::from(day()),
            // The first of January 1970 was a Thursday.
            Period::Week => (i64::from(day()) + self.days_of_the_week_before()).div_euclid(7),
            Period::Month => month(date_of(day())),
            Period::Quarter => month(date_of(day())).div_euclid(3),
            Period::Year => month(date_of(day())).div_euclid(12),
        }
    }

    /// Whose days and hours they are.
    pub const fn zone(&self) -> Zone {
        self.clock.zone()
    }

    const fn days_of_the_week_before(&self) -> i64 {
        match self.week_start {
            WeekStart::Monday => 3,
            WeekStart::Sunday => 4,
        }
    }

    /// The first instant of a bucket.
    ///
    /// # Errors
    /// [`TimeError`](crate::TimeError) if it is not between 1970 and 9999.
    pub fn start(&self, number: i64) -> Result<Timestamp, crate::TimeError> {
        self.clock.zone().instant(self.local_start(number))
    }

    /// Whether a bucket is over at an instant: nothing can happen in it any more.
    pub fn is_over(&self, number: i64, as_of: Timestamp) -> bool {
        // What begins after the last instant that there is never ends.
        self.start(number.saturating_add(1)).is_ok_and(|next| next.as_micros() - 1 <= as_of.as_micros())
    }

    /// How a bucket is called: its first local day, or its hour.
    pub fn name(&self, number: i64) -> String {
        let text = self.local_start(number).to_string();
        let length = if self.period == Period::Hour { "2020-06-10T06:00".len() } else { "2020-06-10".len() };
        text.get(..length).unwrap_or(&text).to_owned()
    }

    fn local_start(&self, number: i64) -> LocalTime {
        let first_of = |month: i64| {
            let year = i32::try_from(month.div_euclid(12)).unwrap_or(i32::MAX);
            let month = u32::try_from(month.rem_euclid(12)).unwrap_or_default() + 1;
            LocalTime::midnight(NaiveDate::from_ymd_opt(year, month, 1).unwrap_or(NaiveDate::MAX))
        };
        match self.period {
            Period::Hour => LocalTime::from_micros(number.saturating_mul(HOUR)),
            Period::Day => LocalTime::from_micros(number.saturating_mul(DAY)),
            Period::Week => {
                let day = number.saturating_mul(7).saturating_sub(self.days_of_the_week_before());
                LocalTime::from_micros(day.saturating_mul(DAY))
            }
            Period::Month => first_of(number),
            Period::Quarter => first_of(number.saturating_mul(3)),
            Period::Year => first_of(number.saturating_mul(12)),
        }
    }
}

/// The buckets of a range: from that of `from` to that of the last instant before `to`, or of `as_of`.
///
/// A bound inside a bucket is rounded down to its start, so the first bucket is whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    buckets: Buckets,
    /// The first one; none where the first fact decides.
    first: Option<i64>,
    /// The one behind the last.
    end: i64,
    /// The first one that is not over at `as_of`.
    open: i64,
    as_of: Timestamp,
}

impl Span {
    /// The buckets of a query's range.
    ///
    /// # Errors
    /// [`QueryError`] for a bound that is no instant.
    pub fn new(buckets: Buckets, frame: &Frame, as_of: Timestamp) -> Result<Self, QueryError> {
        let range = frame.range().map_err(|error| QueryError::new("from", error.to_string()))?;
        let first = frame.from.map(|_| buckets.number(range.from));
        let now = buckets.number(as_of);
        // What is later than `as_of` is not known, and not shown.
        let end = range.to.map_or(now + 1, |to| buckets.number(to).min(now + 1));
        let open = now + i64::from(buckets.is_over(now, as_of));
        Ok(Self { buckets, first, end, open, as_of })
    }

    /// The buckets.
    pub const fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// The first one, where the range has a bound.
    pub const fn first(&self) -> Option<i64> {
        self.first
    }

    /// The one behind the last.
    pub const fn end(&self) -> i64 {
        self.end
    }

    /// What is later is not known.
    pub const fn as_of(&self) -> Timestamp {
        self.as_of
    }

    /// Whether a bucket is in range.
    pub fn holds(&self, number: i64) -> bool {
        self.first.is_none_or(|first| first <= number) && number < self.end
    }

    /// The numbers of the buckets. Without `from` they begin with the first one that has something.
    pub fn numbers(&self, first: Option<i64>) -> core::ops::Range<i64> {
        self.first.or(first).unwrap_or(self.end)..self.end
    }

    /// Whether a bucket is over at `as_of`.
    pub const fn is_over(&self, number: i64) -> bool {
        number < self.open
    }
}

/// Months since the year 0.
fn month(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PERIODS: [Period; 6] =
        [Period::Hour, Period::Day, Period::Week, Period::Month, Period::Quarter, Period::Year];

    proptest! {
        #[test]
        fn a_bucket_holds_its_start_and_what_comes_before_the_next_one(
            zone in prop::sample::select(vec!["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
            period in prop::sample::select(PERIODS.to_vec()),
            sunday in any::<bool>(),
            micros in 400 * DAY..60_000 * DAY,
        ) {
            let week_start = if sunday { WeekStart::Sunday } else { WeekStart::Monday };
            let buckets = Buckets::new(period, week_start, zone.parse().unwrap());
            let at = Timestamp::from_micros(micros).unwrap();
            let number = buckets.number(at);
            let (start, next) = (buckets.start(number).unwrap(), buckets.start(number + 1).unwrap());
            prop_assert!(start <= at && at < next, "{} {start} {at} {next}", buckets.name(number));
            prop_assert_eq!(buckets.number(start), number);
            let last = Timestamp::from_micros(next.as_micros() - 1).unwrap();
            prop_assert_eq!(buckets.number(last), number);
            prop_assert!(buckets.is_over(number, last) && !buckets.is_over(number, at.min(start)));
        }
    }

    proptest! {
        #[test]
        fn stretches_say_what_the_calendar_says(
            zone in prop::sample::select(vec!["UTC", "America/St_Johns", "Pacific/Apia", "Pacific/Kwajalein", "Asia/Beirut"]),
            period in prop::sample::select(vec![Period::Month, Period::Quarter, Period::Year]),
            instants in prop::collection::vec(0..=5_000_000_000_000_000_i64, 64),
        ) {
            let buckets = Buckets::new(period, WeekStart::Monday, zone.parse().unwrap());
            let edges = buckets.stretches.iter().flatten().flat_map(|(_, next)| [next - 1, *next]);
            // The clocks of Newfoundland were put back over midnight, to October, at one minute past it.
            let put_back = (0..180).map(|minute| 1_257_040_800_000_000 + minute * 60_000_000);
            for at in instants.iter().copied().chain(edges).chain(put_back).filter_map(Timestamp::from_micros) {
                prop_assert_eq!(buckets.number(at), buckets.on_the_calendar(at), "{}", at);
            }
        }
    }

    #[test]
    fn buckets_are_named_by_their_first_local_day_or_hour() {
        let at = Timestamp::parse("2020-06-10T06:30:00Z").unwrap();
        let name = |period, week_start| {
            let buckets = Buckets::new(period, week_start, Zone::UTC);
            buckets.name(buckets.number(at))
        };
        let names = PERIODS.map(|period| name(period, WeekStart::Monday));
        let expected =
            ["2020-06-10T06:00", "2020-06-10", "2020-06-08", "2020-06-01", "2020-04-01", "2020-01-01"];
        assert_eq!(names, expected);
        assert_eq!(name(Period::Week, WeekStart::Sunday), "2020-06-07");
    }
}
