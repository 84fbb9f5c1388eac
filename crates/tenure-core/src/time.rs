//! Instants, durations and time zones. Time is always an argument: nothing here reads a clock.

use core::fmt;
use core::str::FromStr;

use crate::near::did_you_mean;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike};
use serde::{Deserialize, Serialize};

use crate::text::excerpt;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// An instant: whole microseconds since 1970-01-01T00:00:00Z, within the years 1970 to 9999.
///
/// # Example
/// ```
/// use tenure_core::Timestamp;
/// let at = Timestamp::parse("1997-01-12T08:00:00+08:00")?;
/// assert_eq!(at.to_string(), "1997-01-12T00:00:00Z");
/// assert!(Timestamp::parse("1997-01-12T08:00:00").is_err()); // which zone?
/// # Ok::<(), tenure_core::TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// The instant this many microseconds after 1970-01-01T00:00:00Z; none outside [`Self::MIN`]..=[`Self::MAX`].
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros >= Self::MIN.0 && micros <= Self::MAX.0 { Some(Self(micros)) } else { None }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn as_millis(self) -> u64 {
        // Not negative: `MIN` is zero.
        (self.0 / 1_000).unsigned_abs()
    }

    /// The instant `duration` later; none past [`Self::MAX`].
    pub const fn checked_add(self, duration: Duration) -> Option<Self> {
        match self.0.checked_add(duration.0) {
            Some(micros) => Self::from_micros(micros),
            None => None,
        }
    }

    /// The instant `duration` earlier; none before [`Self::MIN`].
    pub const fn checked_sub(self, duration: Duration) -> Option<Self> {
        Self::from_micros(self.0 - duration.0)
    }

    /// Time elapsed since `earlier`; zero if that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        if self.0 > earlier.0 { Duration(self.0 - earlier.0) } else { Duration(0) }
    }

    /// Reads RFC 3339 with an offset: `2020-06-10T06:00:00Z`, `2020-06-10T14:00:00.25+08:00`.
    ///
    /// One rule for the odd cases: second 60 is second 0 of the next minute, 24:00:00 is 00:00:00 of the next day,
    /// and digits finer than a microsecond are cut off.
    ///
    /// # Errors
    /// [`TimeError::Shape`] without date, time or offset, or with an offset beyond ±14:00; [`TimeError::Date`] for a
    /// day or time that does not exist; [`TimeError::Range`] outside 1970..=9999.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let shape = || TimeError::Shape { text: excerpt(text) };
        let (local, offset_minutes) = match text.as_bytes() {
            [.., b'Z' | b'z'] => (text.get(..text.len() - 1).ok_or_else(shape)?, 0),
            [.., sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
                let minutes = two_digits(*h1, *h2).zip(two_digits(*m1, *m2));
                let (hours, minutes) =
                    minutes.filter(|&(h, m)| m < 60 && h * 60 + m <= 840).ok_or_else(shape)?;
                let offset = i64::from(hours * 60 + minutes);
                let local = text.get(..text.len() - 6).ok_or_else(shape)?;
                (local, if *sign == b'+' { offset } else { -offset })
            }
            _ => return Err(shape()),
        };
        let local = LocalTime::parse(local)?;
        Self::from_micros(local.micros - offset_minutes * 60 * MICROS_PER_SECOND)
            .ok_or_else(|| TimeError::Range { text: excerpt(text) })
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        Self::parse(&text)
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> Self {
        at.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = DateTime::from_timestamp_micros(self.0).unwrap_or_default();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        )?;
        match self.0 % MICROS_PER_SECOND {
            0 => f.write_str("Z"),
            micros if micros % 1_000 == 0 => write!(f, ".{:03}Z", micros / 1_000),
            micros => write!(f, ".{micros:06}Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A date and time of day without a zone, as a wall clock shows it. [`Zone::instant`] makes an instant of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalTime {
    /// Microseconds since 1970-01-01T00:00:00 on the same wall clock.
    micros: i64,
}

impl LocalTime {
    /// What a wall clock shows so many microseconds after its own 1970-01-01T00:00:00.
    pub(crate) const fn from_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// The microseconds that the wall clock is past its own 1970-01-01T00:00:00.
    pub(crate) const fn as_micros(self) -> i64 {
        self.micros
    }

    /// Midnight at the start of `date`.
    pub fn midnight(date: NaiveDate) -> Self {
        Self { micros: date.and_time(NaiveTime::MIN).and_utc().timestamp_micros() }
    }

    /// The local date-time that chrono read, cut to microseconds.
    pub fn from_chrono(local: NaiveDateTime) -> Self {
        Self { micros: local.and_utc().timestamp_micros() }
    }

    /// Reads `2020-06-10T06:00:00` or `2020-06-10 06:00:00.25`, with the rules of [`Timestamp::parse`].
    ///
    /// # Errors
    /// As [`Timestamp::parse`].
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let shape = || TimeError::Shape { text: excerpt(text) };
        let date_error = || TimeError::Date { text: excerpt(text) };
        let [
            y1,
            y2,
            y3,
            y4,
            b'-',
            o1,
            o2,
            b'-',
            d1,
            d2,
            b'T' | b't' | b' ',
            h1,
            h2,
            b':',
            m1,
            m2,
            b':',
            s1,
            s2,
            rest @ ..,
        ] = text.as_bytes()
        else {
            return Err(shape());
        };
        let pair = |a: &u8, b: &u8| two_digits(*a, *b).ok_or_else(shape);
        let year = i32::try_from(pair(y1, y2)? * 100 + pair(y3, y4)?).map_err(|_| shape())?;
        let date = NaiveDate::from_ymd_opt(year, pair(o1, o2)?, pair(d1, d2)?).ok_or_else(date_error)?;
        let (hour, minute, second) = (pair(h1, h2)?, pair(m1, m2)?, pair(s1, s2)?);
        let fraction = match rest {
            [] => 0,
            [b'.', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => digits
                .iter()
                .chain(core::iter::repeat(&b'0'))
                .take(6)
                .fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0')),
            _ => return Err(shape()),
        };
        let day_end = hour == 24 && minute == 0 && second == 0 && fraction == 0;
        if (hour > 23 && !day_end) || minute > 59 || second > 60 {
            return Err(date_error());
        }
        let seconds = i64::from(hour * 3_600 + minute * 60 + second);
        Ok(Self { micros: Self::midnight(date).micros + seconds * MICROS_PER_SECOND + fraction })
    }
}

impl TryFrom<String> for LocalTime {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        Self::parse(&text)
    }
}

impl From<LocalTime> for String {
    fn from(local: LocalTime) -> Self {
        local.to_string()
    }
}

impl fmt::Display for LocalTime {
    /// `2020-06-10T06:00:00`, with a fraction where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let naive = DateTime::from_timestamp_micros(self.micros).unwrap_or_default().naive_utc();
        // Debug is ISO 8601 here, and needs no feature.
        write!(f, "{naive:?}")
    }
}

fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

/// A span of elapsed time in whole microseconds, not negative; never a calendar month or year.
///
/// Written as whole weeks, days, hours, minutes, seconds, milli- or microseconds: `2w`, `30d`, `12h`, `90m`, `45s`,
/// `5ms`, `7us`. A day is 86,400 seconds, whatever the clocks do.
///
/// # Example
/// ```
/// use tenure_core::Duration;
/// assert_eq!("30d".parse::<Duration>()?, Duration::days(30));
/// assert_eq!("36h".parse::<Duration>()?.to_string(), "36h");
/// assert!("1 month".parse::<Duration>().is_err());
/// # Ok::<(), tenure_core::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(i64);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    const UNITS: [(&'static str, i64); 7] = [
        ("w", 7 * MICROS_PER_DAY),
        ("d", MICROS_PER_DAY),
        ("h", 3_600 * MICROS_PER_SECOND),
        ("m", 60 * MICROS_PER_SECOND),
        ("s", MICROS_PER_SECOND),
        ("ms", 1_000),
        ("us", 1),
    ];

    /// This many microseconds; none if negative or longer than the years 1970 to 9999.
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros >= 0 && micros <= Timestamp::MAX.0 { Some(Self(micros)) } else { None }
    }

    /// This many times 86,400 seconds, at most as long as the years 1970 to 9999.
    pub const fn days(days: u32) -> Self {
        let micros = (days as i64).saturating_mul(MICROS_PER_DAY);
        Self(if micros > Timestamp::MAX.0 { Timestamp::MAX.0 } else { micros })
    }

    /// The length in microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The length in seconds. Exact up to 285 years.
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of 285 years fit into the 53 bits of a float"
    )]
    pub const fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The length in whole days of 86,400 seconds, rounded down.
    pub const fn as_days(self) -> i64 {
        self.0 / MICROS_PER_DAY
    }
}

impl FromStr for Duration {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let refuse = || TimeError::Duration { text: excerpt(text) };
        let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let (number, unit) = text.split_at_checked(split).ok_or_else(refuse)?;
        let number: i64 = number.parse().map_err(|_| refuse())?;
        let (_, micros) = Self::UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        number.checked_mul(*micros).and_then(Self::from_micros).ok_or_else(refuse)
    }
}

impl TryFrom<String> for Duration {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

impl fmt::Display for Duration {
    /// The longest unit that divides it, days at most: two weeks are `14d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = Self::UNITS.iter().skip(1).find(|(_, micros)| self.0 % micros == 0);
        match whole {
            _ if self.0 == 0 => f.write_str("0d"),
            Some((unit, micros)) => write!(f, "{}{unit}", self.0 / micros),
            None => write!(f, "{}us", self.0),
        }
    }
}

/// An IANA time zone, such as `UTC` (the default) or `Asia/Shanghai`. Decides where one day ends and the next begins.
///
/// # Example
/// ```
/// use tenure_core::{Timestamp, Zone};
/// let shanghai: Zone = "Asia/Shanghai".parse()?;
/// let at = Timestamp::parse("2024-03-01T20:00:00Z")?;
/// assert_eq!(shanghai.date(at).to_string(), "2024-03-02");
/// assert_eq!(shanghai.day(at) - Zone::UTC.day(at), 1);
/// # Ok::<(), tenure_core::TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(chrono_tz::Tz);

impl Zone {
    /// The release of the time zone database that is built in: the zone files of a machine are never read.
    pub const DATA: &'static str = chrono_tz::IANA_TZDB_VERSION;

    /// Coordinated universal time.
    pub const UTC: Self = Self(chrono_tz::Tz::UTC);

    /// The local day of an instant as a number: days since the local 1970-01-01.
    pub fn day(self, at: Timestamp) -> i32 {
        // Fits: the range of `Timestamp` is under three million days.
        #[expect(clippy::cast_possible_truncation, reason = "at most 2,932,897 days")]
        let day = |micros: i64| micros.div_euclid(MICROS_PER_DAY) as i32;
        if self == Self::UTC { day(at.0) } else { day(at.0 + self.offset_micros(at)) }
    }

    /// The local date of an instant.
    pub fn date(self, at: Timestamp) -> NaiveDate {
        date_of(self.day(at))
    }

    /// The instant at which a wall clock in this zone shows `local`. In the hour that a clock shows twice it is the
    /// first one; in the hour that a clock skips, the instant at which it is skipped, plus the time past it.
    ///
    /// # Errors
    /// [`TimeError::Range`] outside the years 1970 to 9999.
    pub fn instant(self, local: LocalTime) -> Result<Timestamp, TimeError> {
        let beyond = || TimeError::Range { text: format!("{} us of local time", local.micros).into() };
        let naive = DateTime::from_timestamp_micros(local.micros).ok_or_else(beyond)?.naive_utc();
        let out = || TimeError::Range { text: format!("{naive:?}").into() };
        let offset = self.0.offset_from_local_datetime(&naive).earliest().map_or_else(
            // A skipped hour: the offset in force before it.
            || {
                let before = naive.checked_sub_signed(chrono::TimeDelta::hours(3)).unwrap_or(naive);
                self.0
                    .offset_from_local_datetime(&before)
                    .earliest()
                    .map_or(0, |offset| offset.fix().local_minus_utc())
            },
            |offset| offset.fix().local_minus_utc(),
        );
        Timestamp::from_micros(local.micros - i64::from(offset) * MICROS_PER_SECOND).ok_or_else(out)
    }

    /// The last microsecond of a local day: what a question "as of that date" means.
    ///
    /// # Errors
    /// [`TimeError::Range`] outside the years 1970 to 9999.
    pub fn end_of_day(self, date: NaiveDate) -> Result<Timestamp, TimeError> {
        let out = || TimeError::Range { text: date.to_string().into() };
        let last = LocalTime {
            micros: LocalTime::midnight(date).micros.checked_add(MICROS_PER_DAY).ok_or_else(out)?,
        };
        match self.instant(last) {
            Ok(next) => next.0.checked_sub(1).and_then(Timestamp::from_micros).ok_or_else(out),
            // Only the last day that there is has no next one.
            Err(_) if date.year() == 9_999 => Ok(Timestamp::MAX),
            Err(_) => Err(out()),
        }
    }

    /// How far the wall clock is ahead of UTC at an instant.
    pub(crate) fn offset_micros(self, at: Timestamp) -> i64 {
        let utc = DateTime::from_timestamp_micros(at.0).unwrap_or_default().naive_utc();
        i64::from(self.0.offset_from_utc_datetime(&utc).fix().local_minus_utc()) * MICROS_PER_SECOND
    }
}

/// The date that is `day` days after 1970-01-01.
pub fn date_of(day: i32) -> NaiveDate {
    NaiveDate::from_epoch_days(day).unwrap_or_default()
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl FromStr for Zone {
    type Err = TimeError;

    fn from_str(name: &str) -> Result<Self, TimeError> {
        name.parse().map(Self).map_err(|_| TimeError::Zone { name: excerpt(name) })
    }
}

impl TryFrom<String> for Zone {
    type Error = TimeError;

    fn try_from(name: String) -> Result<Self, TimeError> {
        name.parse()
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.0.name().into()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// A question about the zone that was likely meant: by its whole name, or by its city alone.
fn near(name: &str) -> String {
    let zones = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = |zone: &str| zone.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(name));
    match zones().find(|zone| city(zone)) {
        Some(zone) => did_you_mean(zone, [zone]),
        None => did_you_mean(name, zones()),
    }
}

/// Why a text is not a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// Not in the form asked for.
    #[error("\"{text}\" is not a time: write it as 2020-06-10T06:00:00Z or with an offset such as +08:00")]
    Shape {
        /// What was read, cut to forty characters.
        text: Box<str>,
    },
    /// A day or a time of day that does not exist.
    #[error("\"{text}\" names a day or time that does not exist")]
    Date {
        /// What was read, cut to forty characters.
        text: Box<str>,
    },
    /// Outside the years that this library knows.
    #[error("\"{text}\" is outside the years 1970 to 9999")]
    Range {
        /// What was read, cut to forty characters.
        text: Box<str>,
    },
    /// Not a duration.
    #[error("\"{text}\" is not a duration: write a whole number and one of w d h m s ms us, such as 30d")]
    Duration {
        /// What was read, cut to forty characters.
        text: Box<str>,
    },
    /// Not a time zone.
    #[error("\"{name}\" is not an IANA time zone: write one such as UTC or Asia/Shanghai{}", near(name))]
    Zone {
        /// What was read, cut to forty characters.
        name: Box<str>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_duration_is_longer_than_all_time() {
        assert_eq!(Duration::days(u32::MAX).as_micros(), Timestamp::MAX.as_micros());
        assert!((Duration::days(2).as_seconds() - 172_800.0).abs() < f64::EPSILON);
    }

    #[test]
    fn odd_times_follow_the_stated_rule() {
        let parse = |text| Timestamp::parse(text).map(|at| at.to_string());
        assert_eq!(parse("2016-12-31T23:59:60Z").unwrap(), "2017-01-01T00:00:00Z");
        assert_eq!(parse("2020-02-28T24:00:00Z").unwrap(), "2020-02-29T00:00:00Z");
        assert_eq!(parse("2020-02-28t01:02:03.1234567-00:30").unwrap(), "2020-02-28T01:32:03.123456Z");
    }

    #[test]
    fn what_is_not_an_instant_is_refused() {
        for bad in [
            "",
            "Z",
            "2020",
            "2020-02-30T00:00:00Z",
            "2020-13-01T00:00:00Z",
            "2020-01-01T24:00:01Z",
            "2020-01-01T00:00:61Z",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00:00+23:59",
            "2020-01-01T00:00:00+8:00",
            "2020-01-01T00:00:00.Z",
            "1969-12-31T23:59:59Z",
            "10000-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2020-01-01T00:00:00+08:00x",
            "２020-01-01T00:00:00Z",
            "+2020-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn local_days_follow_the_zone_through_clock_changes() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let date = NaiveDate::from_ymd_opt(2024, 3, 31).unwrap();
        assert_eq!(berlin.end_of_day(date).unwrap().to_string(), "2024-03-31T21:59:59.999999Z");
        let skipped = LocalTime::parse("2024-03-31T02:30:00").unwrap();
        assert_eq!(berlin.instant(skipped).unwrap().to_string(), "2024-03-31T01:30:00Z");
        let twice = LocalTime::parse("2024-10-27T02:30:00").unwrap();
        assert_eq!(berlin.instant(twice).unwrap().to_string(), "2024-10-27T00:30:00Z");
    }

    #[test]
    fn what_is_out_of_range_is_told_as_it_was_asked() {
        let date = NaiveDate::from_ymd_opt(1960, 1, 1).unwrap();
        let error = Zone::UTC.end_of_day(date).unwrap_err();
        assert_eq!(error.to_string(), "\"1960-01-01\" is outside the years 1970 to 9999");
        let local = LocalTime::parse("1969-12-31T23:59:59.5").unwrap();
        let error = Zone::UTC.instant(local).unwrap_err();
        assert_eq!(error.to_string(), "\"1969-12-31T23:59:59.500\" is outside the years 1970 to 9999");
        let last = NaiveDate::from_ymd_opt(9_999, 12, 31).unwrap();
        assert_eq!(Zone::UTC.end_of_day(last).unwrap(), Timestamp::MAX);
    }

    proptest! {
        #[test]
        fn instants_round_trip_through_text(micros in 0..=Timestamp::MAX.as_micros()) {
            let at = Timestamp::from_micros(micros).unwrap();
            prop_assert_eq!(Timestamp::parse(&at.to_string()).unwrap(), at);
        }

        #[test]
        fn durations_round_trip_through_text(micros in 0..=Timestamp::MAX.as_micros()) {
            let duration = Duration::from_micros(micros).unwrap();
            prop_assert_eq!(duration.to_string().parse::<Duration>().unwrap(), duration);
        }
    }
}
