//! Buckets by the calendar: what the wall clock shows, cut off.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};
use chrono_tz::Tz;
use tenure_core::query::{Frame, Period, WeekStart};
use tenure_core::{LocalTime, Timestamp, Zone};

/// A bucket is its first local time.
pub(super) type Bucket = NaiveDateTime;

pub(super) struct Calendar {
    zone: Tz,
    period: Period,
    week_start: WeekStart,
    as_of: i64,
    /// The bucket of `from`, where there is one.
    pub first: Option<Bucket>,
    /// The one behind the last: of `to`, but not later than the one behind that of `as_of`.
    pub end: Bucket,
}

impl Calendar {
    pub fn new(frame: &Frame, period: Period, week_start: WeekStart, as_of: Timestamp) -> Self {
        let zone = frame.zone().to_string().parse().unwrap_or(Tz::UTC);
        let as_of = as_of.as_micros();
        let mut calendar =
            Self { zone, period, week_start, as_of, first: None, end: NaiveDateTime::default() };
        let bound = |bound: LocalTime| {
            let at = frame.zone().instant(bound).unwrap_or(Timestamp::MIN).as_micros();
            calendar.bucket(at)
        };
        let (first, to) = (frame.from.map(bound), frame.to.map(bound));
        let now = calendar.next(calendar.bucket(as_of));
        calendar.first = first;
        calendar.end = to.map_or(now, |to| to.min(now));
        calendar
    }

    /// The bucket that holds an instant.
    pub fn bucket(&self, at: i64) -> Bucket {
        let local =
            DateTime::from_timestamp_micros(at).unwrap_or_default().with_timezone(&self.zone).naive_local();
        let date = local.date();
        let first_of = |month: u32| NaiveDate::from_ymd_opt(date.year(), month, 1).unwrap_or_default();
        let day = match self.period {
            Period::Hour => {
                let hour = NaiveTime::from_hms_opt(local.hour(), 0, 0).unwrap_or_default();
                return date.and_time(hour);
            }
            Period::Day => date,
            Period::Week => {
                let back = match self.week_start {
                    WeekStart::Monday => date.weekday().num_days_from_monday(),
                    WeekStart::Sunday => date.weekday().num_days_from_sunday(),
                };
                date - Days::new(back.into())
            }
            Period::Month => first_of(date.month()),
            Period::Quarter => first_of(date.month0() / 3 * 3 + 1),
            Period::Year => first_of(1),
        };
        day.and_time(NaiveTime::MIN)
    }

    /// The bucket after one.
    pub fn next(&self, bucket: Bucket) -> Bucket {
        match self.period {
            Period::Hour => bucket + TimeDelta::hours(1),
            Period::Day => bucket + Days::new(1),
            Period::Week => bucket + Days::new(7),
            Period::Month => bucket + Months::new(1),
            Period::Quarter => bucket + Months::new(3),
            Period::Year => bucket + Months::new(12),
        }
    }

    /// The bucket so many after one.
    pub fn after(&self, bucket: Bucket, steps: usize) -> Bucket {
        (0..steps).fold(bucket, |bucket, _| self.next(bucket))
    }

    /// How many buckets one is after another; none if it is before.
    pub fn distance(&self, from: Bucket, to: Bucket) -> Option<usize> {
        (from <= to).then(|| self.between(from, to).len())
    }

    /// All buckets from one to before another.
    pub fn between(&self, from: Bucket, end: Bucket) -> Vec<Bucket> {
        core::iter::successors(Some(from), |bucket| Some(self.next(*bucket)))
            .take_while(|bucket| *bucket < end)
            .collect()
    }

    /// The buckets of the range; without `from` they begin with the first one that has something.
    pub fn range(&self, first: Option<Bucket>) -> Vec<Bucket> {
        self.first.or(first).map(|first| self.between(first, self.end)).unwrap_or_default()
    }

    /// Whether a bucket is in range.
    pub fn holds(&self, bucket: Bucket) -> bool {
        self.first.is_none_or(|first| first <= bucket) && bucket < self.end
    }

    /// When the hour of the wall clock began that holds an instant.
    pub fn hour_start(&self, at: i64) -> i64 {
        let offset = |at: i64| {
            let utc = DateTime::from_timestamp_micros(at).unwrap_or_default();
            utc.with_timezone(&self.zone).naive_local() - utc.naive_utc()
        };
        let offset = offset(at).num_microseconds().unwrap_or_default();
        (at + offset).div_euclid(3_600_000_000) * 3_600_000_000 - offset
    }

    /// When a bucket begins.
    pub fn start(&self, bucket: Bucket) -> i64 {
        let zone: Zone = self.zone.name().parse().unwrap_or_default();
        zone.instant(LocalTime::from_chrono(bucket)).unwrap_or(Timestamp::MIN).as_micros()
    }

    pub const fn as_of(&self) -> i64 {
        self.as_of
    }

    /// Whether nothing can happen in a bucket any more.
    pub fn is_over(&self, bucket: Bucket) -> bool {
        self.bucket(self.as_of + 1) > bucket
    }

    pub fn name(&self, bucket: Bucket) -> String {
        let hour = self.period == Period::Hour;
        bucket.format(if hour { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%d" }).to_string()
    }
}
