//! How a column writes its times, and which instants they are.

use chrono::format::{Fixed, Item, Numeric, Parsed, StrftimeItems, parse};
use chrono::{NaiveDateTime, NaiveTime, TimeDelta};
use tenure_core::text::excerpt;
use tenure_core::{LocalTime, Timestamp, Zone};

/// The widest offset that a clock on earth has: 14 hours, in seconds. As the interchange form allows.
const MAX_OFFSET_SECONDS: i32 = 14 * 3_600;

/// A way to write times, checked.
#[derive(Clone, Debug)]
pub(crate) struct TimeFormat {
    text: Box<str>,
    zone: Option<Zone>,
    shape: Shape,
    /// Tried in order where this one does not fit.
    others: Vec<TimeFormat>,
}

#[derive(Clone, Debug)]
enum Shape {
    /// RFC 3339 with an offset.
    Rfc3339,
    /// Whole seconds or milliseconds since 1970-01-01T00:00:00Z: this many microseconds each.
    Unix { micros: i64 },
    /// Date and perhaps time of day of a wall clock in the zone.
    Local { items: Vec<Item<'static>>, date_only: bool, zone: Zone },
    /// The same with an offset.
    Offset { items: Vec<Item<'static>>, date_only: bool },
}

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadTime {
    /// The instant.
    pub(crate) at: Timestamp,
    /// The instant if the digits were of UTC: what ids are made of, so that they do not depend on the zone that the
    /// mapping names. The same as `at` where the cell itself says its offset.
    pub(crate) as_utc: Timestamp,
}

impl TimeFormat {
    /// Checks formats that are tried in order and the zone that goes with those that need one.
    pub(crate) fn any_of(texts: &[String], zone: Option<Zone>) -> Result<Self, String> {
        let [first, others @ ..] = texts else { return Err("a list of formats is not empty".into()) };
        if others.is_empty() {
            return Self::new(first, zone);
        }
        let one =
            |text: &String| Self::new(text, zone).or_else(|error| Self::new(text, None).map_err(|_| error));
        let mut format = one(first)?;
        format.others = others.iter().map(one).collect::<Result<_, _>>()?;
        if zone.is_some() && format.zone().is_none() {
            return Err("every one of the formats says its offset itself; leave zone out".into());
        }
        Ok(format)
    }

    /// Reads wall clocks in another zone; times that say their offset stay as they are.
    pub(crate) fn set_zone(&mut self, zone: Zone) {
        if let Shape::Local { zone: of_clock, .. } = &mut self.shape {
            *of_clock = zone;
            self.zone = Some(zone);
        }
        for other in &mut self.others {
            other.set_zone(zone);
        }
    }

    /// Checks a format and the zone that goes with it.
    pub(crate) fn new(text: &str, zone: Option<Zone>) -> Result<Self, String> {
        let shape = match text {
            "rfc3339" => Shape::Rfc3339,
            "unix" => Shape::Unix { micros: 1_000_000 },
            "unix_ms" => Shape::Unix { micros: 1_000 },
            _ => Self::strftime(text, zone)?,
        };
        if zone.is_some() && !matches!(shape, Shape::Local { .. }) {
            return Err(format!("a time of the format \"{text}\" says its offset itself; leave zone out"));
        }
        Ok(Self { text: text.into(), zone, shape, others: Vec::new() })
    }

    fn strftime(text: &str, zone: Option<Zone>) -> Result<Shape, String> {
        let allowed = "write rfc3339, unix, unix_ms or a pattern such as %Y-%m-%d %H:%M:%S";
        let items = StrftimeItems::new(text)
            .parse_to_owned()
            .map_err(|_| format!("\"{text}\" is not a time format; {allowed}"))?;
        let parts = Parts::of(&items);
        if parts.unix {
            return Err("%s cannot be used here; write unix or unix_ms".into());
        }
        if !parts.has_date() {
            return Err(format!("\"{text}\" has no year, month and day; {allowed}"));
        }
        if parts.has_time_of_day() && !parts.has_whole_time_of_day() {
            return Err(format!(
                "\"{text}\" has a part of the time of day; write hour and minute (with %I also %p)"
            ));
        }
        let date_only = !parts.has_time_of_day();
        match (parts.offset, zone) {
            (true, _) => Ok(Shape::Offset { items, date_only }),
            (false, Some(zone)) => Ok(Shape::Local { items, date_only, zone }),
            (false, None) => Err(format!(
                "a time of the format \"{text}\" has no offset: add zone = \"UTC\" or the zone of the shop, such as \
                 \"Asia/Shanghai\""
            )),
        }
    }

    /// The format as the mapping writes it; several with ` | ` between.
    pub(crate) fn text(&self) -> String {
        let others = self.others.iter().map(|other| &*other.text);
        core::iter::once(&*self.text).chain(others).collect::<Vec<_>>().join(" | ")
    }

    /// The zone of the wall clock, where a format needs one.
    pub(crate) fn zone(&self) -> Option<Zone> {
        self.zone.or_else(|| self.others.iter().find_map(|other| other.zone))
    }

    /// Reads a cell by the first format that fits: see [`Self::read_one`].
    pub(crate) fn read(&self, cell: &str) -> Result<ReadTime, String> {
        let first = self.read_one(cell);
        if first.is_ok() || self.others.is_empty() {
            return first;
        }
        let then = self.others.iter().find_map(|other| other.read_one(cell).ok());
        then.ok_or_else(|| format!("{} is not a time of one of the formats {}", quoted(cell), self.text()))
    }

    /// Reads a cell. A date without a time of day is midnight at its start. In an hour that the clock shows twice it
    /// is the first one; a time that the clock skips is as far after the gap began ([`Zone::instant`]).
    fn read_one(&self, cell: &str) -> Result<ReadTime, String> {
        let known = |at: Timestamp| ReadTime { at, as_utc: at };
        let range = || format!("{} is not in the years 1970 to 9999", quoted(cell));
        let shape = || format!("{} is not a time of the format \"{}\"", quoted(cell), self.text);
        match &self.shape {
            Shape::Rfc3339 => Timestamp::parse(cell).map(known).map_err(|error| error.to_string()),
            Shape::Unix { micros } => {
                if cell.is_empty() || !cell.bytes().all(|b| b.is_ascii_digit()) {
                    return Err(format!(
                        "{} is not a whole number as the format \"{}\" needs",
                        quoted(cell),
                        self.text
                    ));
                }
                let number = cell.parse::<i64>().ok().and_then(|number| number.checked_mul(*micros));
                number.and_then(Timestamp::from_micros).map(known).ok_or_else(range)
            }
            Shape::Local { items, date_only, zone } => {
                let (_, local) = read_items(cell, items, *date_only).ok_or_else(shape)?;
                let local = LocalTime::from_chrono(local);
                let at = zone.instant(local).map_err(|_| range())?;
                // Near the ends of the range the digits may be of no instant in UTC; the prefix of an id is then
                // that of the instant itself.
                Ok(ReadTime { at, as_utc: Zone::UTC.instant(local).unwrap_or(at) })
            }
            Shape::Offset { items, date_only } => {
                let (parsed, local) = read_items(cell, items, *date_only).ok_or_else(shape)?;
                let offset = parsed.to_fixed_offset().map_err(|_| shape())?.local_minus_utc();
                if !(-MAX_OFFSET_SECONDS..=MAX_OFFSET_SECONDS).contains(&offset) {
                    return Err(format!("{} has an offset beyond 14 hours", quoted(cell)));
                }
                let micros = local.and_utc().timestamp_micros().checked_sub(i64::from(offset) * 1_000_000);
                micros.and_then(Timestamp::from_micros).map(known).ok_or_else(range)
            }
        }
    }
}

/// Reads a cell by the parts of a format; 24:00:00 is 00:00:00 of the next day, as in the interchange form.
fn read_items(cell: &str, items: &[Item<'static>], date_only: bool) -> Option<(Parsed, NaiveDateTime)> {
    let read = |cell: &str| read_day(cell, items, date_only);
    read(cell).or_else(|| {
        // chrono has no hour 24. Which digits are the hour is known by what they change: with 00 in their place it is
        // midnight of a day, with 01 an hour later.
        cell.match_indices("24").find_map(|(at, _)| {
            let with = |hour: &str| {
                let (before, after) = (cell.get(..at)?, cell.get(at + 2..)?);
                read(&format!("{before}{hour}{after}"))
            };
            let (parsed, midnight) = with("00").filter(|(_, local)| local.time() == NaiveTime::MIN)?;
            let later = midnight.checked_add_signed(TimeDelta::hours(1))?;
            let is_hour = with("01").is_some_and(|(_, local)| local == later);
            Some((parsed, midnight.checked_add_signed(TimeDelta::days(1))?)).filter(|_| is_hour)
        })
    })
}

fn read_day(cell: &str, items: &[Item<'static>], date_only: bool) -> Option<(Parsed, NaiveDateTime)> {
    let mut parsed = Parsed::new();
    parse(&mut parsed, cell, items.iter()).ok()?;
    let date = parsed.to_naive_date().ok()?;
    // Second 60 is kept by chrono as a leap second and becomes second 0 of the next minute when it is made a number.
    let time = if date_only { NaiveTime::MIN } else { parsed.to_naive_time().ok()? };
    Some((parsed, date.and_time(time)))
}

/// A text in quotes, cut to forty characters.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", excerpt(text).escape_debug())
}

/// Which parts of a time a format has.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "a set of parts, each there or not")]
struct Parts {
    year: bool,
    month: bool,
    day: bool,
    day_of_year: bool,
    hour: bool,
    hour_of_12: bool,
    am_pm: bool,
    minute: bool,
    finer: bool,
    offset: bool,
    unix: bool,
}

impl Parts {
    fn of(items: &[Item<'_>]) -> Self {
        let mut parts = Self::default();
        for item in items {
            match item {
                Item::Numeric(numeric, _) => match numeric {
                    Numeric::Year | Numeric::YearMod100 => parts.year = true,
                    Numeric::Month => parts.month = true,
                    Numeric::Day => parts.day = true,
                    Numeric::Ordinal => parts.day_of_year = true,
                    Numeric::Hour => parts.hour = true,
                    Numeric::Hour12 => parts.hour_of_12 = true,
                    Numeric::Minute => parts.minute = true,
                    Numeric::Second | Numeric::Nanosecond => parts.finer = true,
                    Numeric::Timestamp => parts.unix = true,
                    _ => {}
                },
                Item::Fixed(fixed) => match fixed {
                    Fixed::ShortMonthName | Fixed::LongMonthName => parts.month = true,
                    Fixed::LowerAmPm | Fixed::UpperAmPm => parts.am_pm = true,
                    Fixed::Nanosecond | Fixed::Nanosecond3 | Fixed::Nanosecond6 | Fixed::Nanosecond9 => {
                        parts.finer = true;
                    }
                    // The name of a zone is read over; it says no offset.
                    Fixed::ShortWeekdayName | Fixed::LongWeekdayName | Fixed::TimezoneName => {}
                    Fixed::RFC2822 | Fixed::RFC3339 => {
                        (parts.year, parts.month, parts.day) = (true, true, true);
                        (parts.hour, parts.minute, parts.offset) = (true, true, true);
                    }
                    Fixed::TimezoneOffset
                    | Fixed::TimezoneOffsetColon
                    | Fixed::TimezoneOffsetDoubleColon
                    | Fixed::TimezoneOffsetTripleColon
                    | Fixed::TimezoneOffsetColonZ
                    | Fixed::TimezoneOffsetZ => parts.offset = true,
                    // What is left are chrono's internal ones: fractions without a point, lenient offsets (%#z).
                    other => {
                        let internal = format!("{other:?}");
                        parts.offset |= internal.contains("TimezoneOffset");
                        parts.finer |= internal.contains("Nanosecond");
                    }
                },
                Item::Literal(_)
                | Item::OwnedLiteral(_)
                | Item::Space(_)
                | Item::OwnedSpace(_)
                | Item::Error => {}
            }
        }
        parts
    }

    const fn has_date(&self) -> bool {
        self.year && (self.day_of_year || (self.month && self.day))
    }

    const fn has_time_of_day(&self) -> bool {
        self.hour || self.hour_of_12 || self.am_pm || self.minute || self.finer
    }

    const fn has_whole_time_of_day(&self) -> bool {
        (self.hour || (self.hour_of_12 && self.am_pm)) && self.minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, zone: Option<&str>, cell: &str) -> Result<String, String> {
        let zone = zone.map(|name| name.parse().unwrap());
        TimeFormat::new(format, zone).unwrap().read(cell).map(|time| time.at.to_string())
    }

    #[test]
    fn a_date_is_midnight_at_its_start_in_the_zone() {
        assert_eq!(read("%Y-%m-%d", Some("UTC"), "1997-01-12").unwrap(), "1997-01-12T00:00:00Z");
        assert_eq!(read("%d/%m/%Y", Some("Asia/Shanghai"), "12/01/1997").unwrap(), "1997-01-11T16:00:00Z");
        assert_eq!(read("%Y%j", Some("UTC"), "1997032").unwrap(), "1997-02-01T00:00:00Z");
    }

    #[test]
    fn an_offset_in_the_cell_needs_no_zone() {
        assert_eq!(read("rfc3339", None, "1997-01-12T08:00:00+08:00").unwrap(), "1997-01-12T00:00:00Z");
        for (format, cell) in [
            ("%Y-%m-%d %H:%M %z", "1997-01-12 08:00 +0800"),
            ("%Y-%m-%d %H:%M %#z", "1997-01-12 08:00 +08"),
            ("%+", "1997-01-12T08:00:00+08:00"),
            ("%d %b %Y %I:%M %p %:z", "12 Jan 1997 08:00 AM +08:00"),
            ("unix", "853027200"),
            ("unix_ms", "853027200000"),
        ] {
            assert_eq!(read(format, None, cell).unwrap(), "1997-01-12T00:00:00Z", "{format}");
        }
    }

    #[test]
    fn ids_see_the_digits_and_not_the_zone() {
        let shanghai = TimeFormat::new("%Y-%m-%d", Some("Asia/Shanghai".parse().unwrap())).unwrap();
        let utc = TimeFormat::new("%Y-%m-%d", Some(Zone::UTC)).unwrap();
        let (east, zero) = (shanghai.read("1997-01-12").unwrap(), utc.read("1997-01-12").unwrap());
        assert_ne!(east.at, zero.at);
        assert_eq!(east.as_utc, zero.as_utc);
    }

    #[test]
    fn a_time_that_the_clock_shows_twice_is_the_first_and_a_skipped_one_is_after_the_gap() {
        let berlin = Some("Europe/Berlin");
        assert_eq!(read("%F %T", berlin, "2024-10-27 02:30:00").unwrap(), "2024-10-27T00:30:00Z");
        assert_eq!(read("%F %T", berlin, "2024-03-31 02:30:00").unwrap(), "2024-03-31T01:30:00Z");
    }

    #[test]
    fn second_sixty_is_the_next_minute() {
        assert_eq!(read("%F %T", Some("UTC"), "2016-12-31 23:59:60").unwrap(), "2017-01-01T00:00:00Z");
    }

    #[test]
    fn hour_twenty_four_is_the_next_midnight() {
        for (format, cell) in [
            ("%F %T", "2024-02-28 24:00:00"),
            ("%d/%m/%Y %H:%M", "28/02/2024 24:00"),
            ("%Y%m%d%H%M", "202402282400"),
            ("%H:%M:%S%.f %Y-%m-%d", "24:00:00.000 2024-02-28"),
        ] {
            assert_eq!(read(format, Some("UTC"), cell).unwrap(), "2024-02-29T00:00:00Z", "{format}");
        }
        assert_eq!(read("%F %T%z", None, "2024-02-28 24:00:00+0800").unwrap(), "2024-02-28T16:00:00Z");
        for cell in
            ["2024-02-28 24:00:01", "2024-02-28 24:01:00", "2024-02-28 25:00:00", "2024-02-30 24:00:00"]
        {
            assert!(read("%F %T", Some("UTC"), cell).is_err(), "{cell}");
        }
        assert!(read("%F %T", Some("UTC"), "9999-12-31 24:00:00").is_err());
    }

    #[test]
    fn what_is_no_time_of_the_format_is_refused_with_the_cell() {
        for (format, zone, cell) in [
            ("%Y-%m-%d", Some("UTC"), "1997-02-30"),
            ("%Y-%m-%d", Some("UTC"), "1997-01-12 10:00"),
            ("%Y-%m-%d", Some("UTC"), "1969-12-31"),
            ("%Y-%m-%d", Some("UTC"), "+262142-01-01"),
            ("%Y-%m-%d", Some("UTC"), "12345-01-01"),
            ("%F %T%z", None, "1997-01-12 00:00:00+2359"),
            ("unix", None, "-1"),
            ("unix", None, "99999999999999999999"),
            ("unix_ms", None, "1.5"),
            ("rfc3339", None, "1997-01-12T08:00:00"),
        ] {
            let why = read(format, zone, cell).unwrap_err();
            assert!(why.contains(cell), "{why}");
        }
    }

    #[test]
    fn a_format_that_leaves_the_instant_open_is_refused() {
        let utc = Some(Zone::UTC);
        for (format, zone, part) in [
            ("%Y-%m-%d", None, "add zone"),
            ("%Y-%m-%d %H:%M %Z", None, "add zone"),
            ("%Y-%m", utc, "no year, month and day"),
            ("%H:%M", utc, "no year, month and day"),
            ("%Y-%m-%d %H", utc, "part of the time of day"),
            ("%Y-%m-%d %I:%M", utc, "part of the time of day"),
            ("%Q-%q", utc, "not a time format"),
            ("", utc, "no year"),
            ("%s", None, "unix"),
            ("rfc3339", utc, "leave zone out"),
            ("%F %T %z", utc, "leave zone out"),
        ] {
            let why = TimeFormat::new(format, zone).unwrap_err();
            assert!(why.contains(part), "{format}: {why}");
        }
    }
}
