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
    /// For each stretch of 28 days from 1970 to 2100 the month in which it begins and the day on which the next one
    /// does: folds ask once a fact. Nothing for shorter periods.
    months: Arc<[(i64, i32)]>,
}

/// No month is shorter, so at most one begins inside a stretch.
const STRETCH: usize = 28;

impl Buckets {
    /// The buckets of one length in a zone.
    pub fn new(period: Period, week_start: WeekStart, zone: Zone) -> Self {
        let days = if period >= Period::Month { 0..47_880 } else { 0..0 };
        let months = days.step_by(STRETCH).map(|day| {
            let first = date_of(day);
            let left = i32::from(first.num_days_in_month()) - i32::try_from(first.day0()).unwrap_or_default();
            (month(first), day + left)
        });
        Self { clock: LocalClock::new(zone), period, week_start, months: months.collect() }
    }

    /// Months since the year 0.
    #[inline]
    fn month(&self, at: Timestamp) -> i64 {
        let day = self.clock.day(at);
        let stretch = usize::try_from(day).ok().and_then(|day| self.months.get(day / STRETCH));
        match stretch {
            Some((month, next)) => month + i64::from(day >= *next),
            None => month(date_of(day)),
        }
    }

    /// The number of the bucket that holds an instant. It grows with the instant, by one from bucket to bucket.
    #[inline]
    pub fn number(&self, at: Timestamp) -> i64 {
        match self.period {
            Period::Hour => self.clock.micros(at).div_euclid(HOUR),
            Period::Day => i64::from(self.clock.day(at)),
            // The first of January 1970 was a Thursday.
            Period::Week => (i64::from(self.clock.day(at)) + self.days_of_the_week_before()).div_euclid(7),
            Period::Month => self.month(at),
            Period::Quarter => self.month(at).div_euclid(3),
            Period::Year => self.month(at).div_euclid(12),
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
