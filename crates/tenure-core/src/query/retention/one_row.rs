//! One row: offsets from each customer's own first start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Clock, RETURN, RetentionQuery, START};
use crate::local_clock::LocalClock;
use crate::query::bucket::{Period, Span};
use crate::query::lens::{Glance, Word};
use crate::time::Timestamp;

const HOUR: i64 = 3_600_000_000;

/// How returns are counted by their offset from the start.
#[derive(Clone, Debug)]
pub struct OneRowCourse {
    span: Span,
    /// How long an offset lasts on the rolling clock, in microseconds; none for the calendar.
    length: Option<i64>,
    /// Whose hours a start is rounded down to.
    hours: Option<LocalClock>,
    columns: Option<u32>,
    brackets: Vec<(u32, u32)>,
    min: u32,
}

/// When somebody started, and how often each offset saw a return.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OneRowState {
    start: Option<Start>,
    /// Offsets that are shown, ascending, and how many returns each has; none for a start out of range.
    returns: Vec<(u32, u32)>,
}

/// A start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Start {
    bucket: i64,
    in_range: bool,
    /// Where offsets count from: the bucket, or on the rolling clock the instant in microseconds.
    zero: i64,
    value: Word,
}

/// The sum over histories.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OneRowSum {
    size: u64,
    /// By place in the row.
    returned: BTreeMap<usize, u64>,
    /// The first bucket with a start.
    first: Option<i64>,
    /// The greatest zero.
    latest: Option<i64>,
}

/// Those who started in range, all together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetentionRow {
    /// How many started.
    pub size: u64,
    /// How many came back, by offset or by bracket.
    pub values: Vec<u64>,
    /// Whether that offset, or the last one of that bracket, is over at `as_of` for all who started.
    pub complete: Vec<bool>,
}

impl OneRowState {
    /// Whether there is a start in range.
    pub(super) fn counts(&self) -> bool {
        self.start.is_some_and(|start| start.in_range)
    }

    pub(super) fn value(&self) -> Option<Word> {
        self.start.map(|start| start.value)
    }
}

impl OneRowSum {
    pub(super) fn merge(&mut self, other: Self) {
        self.size += other.size;
        for (place, count) in other.returned {
            *self.returned.entry(place).or_default() += count;
        }
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.latest = self.latest.max(other.latest);
    }
}

impl OneRowCourse {
    pub(super) fn new(ask: &RetentionQuery, span: Span) -> Self {
        let hours = match ask.period {
            Period::Hour => 1,
            Period::Day => 24,
            Period::Week => 7 * 24,
            Period::Month => 30 * 24,
            Period::Quarter => 90 * 24,
            Period::Year => 365 * 24,
        };
        Self {
            length: (ask.clock == Clock::Rolling).then_some(hours * HOUR),
            hours: ask.truncate_start_to_hour.then(|| LocalClock::new(span.buckets().zone())),
            columns: ask.columns.map(|columns| u32::try_from(columns).unwrap_or(u32::MAX)),
            brackets: ask.brackets.clone(),
            min: ask.min_occurrences,
            span,
        }
    }

    pub(super) fn step(&self, state: &mut OneRowState, at: Timestamp, fact: Glance) {
        let Some(start) = state.start else {
            // The start itself is no return.
            state.start = (fact.met & START != 0).then(|| self.start(at, fact.value));
            return;
        };
        if !start.in_range || fact.met & RETURN == 0 {
            return;
        }
        let offset = match self.length {
            None => self.span.buckets().number(at) - start.zero,
            Some(length) => (at.as_micros() - start.zero) / length,
        };
        let Some(offset) = u32::try_from(offset).ok().filter(|offset| self.shows(*offset)) else { return };
        match state.returns.last_mut() {
            Some((last, count)) if *last == offset => *count = count.saturating_add(1),
            _ => state.returns.push((offset, 1)),
        }
    }

    fn start(&self, at: Timestamp, value: Word) -> Start {
        let bucket = self.span.buckets().number(at);
        let into_the_hour = self.hours.as_ref().map_or(0, |clock| clock.micros(at).rem_euclid(HOUR));
        let zero = if self.length.is_some() { at.as_micros() - into_the_hour } else { bucket };
        Start { bucket, in_range: self.span.holds(bucket), zero, value }
    }

    /// Whether an offset has a place in the row.
    fn shows(&self, offset: u32) -> bool {
        if self.brackets.is_empty() {
            self.columns.is_none_or(|columns| offset < columns)
        } else {
            self.brackets.iter().any(|(first, last)| (*first..=*last).contains(&offset))
        }
    }

    pub(super) fn add(&self, sum: &mut OneRowSum, state: &OneRowState) {
        let Some(start) = state.start.filter(|start| start.in_range) else { return };
        let mut one = OneRowSum {
            size: 1,
            returned: BTreeMap::new(),
            first: Some(start.bucket),
            latest: Some(start.zero),
        };
        if self.brackets.is_empty() {
            for (offset, _) in state.returns.iter().filter(|(_, count)| *count >= self.min) {
                one.returned.extend(usize::try_from(*offset).ok().map(|place| (place, 1)));
            }
        } else {
            for (place, (first, last)) in self.brackets.iter().enumerate() {
                let within = state.returns.iter().filter(|(offset, _)| (*first..=*last).contains(offset));
                if within.fold(0, |sum: u32, (_, count)| sum.saturating_add(*count)) >= self.min {
                    one.returned.insert(place, 1);
                }
            }
        }
        sum.merge(one);
    }

    pub(super) fn finish(&self, sum: &OneRowSum) -> RetentionRow {
        // What a place in the row waits for.
        let last_offsets: Vec<i64> = if self.brackets.is_empty() {
            (0..self.offsets(sum.first)).collect()
        } else {
            self.brackets.iter().map(|(_, last)| i64::from(*last)).collect()
        };
        let is_over = |offset: i64| match (sum.latest, self.length) {
            (None, _) => true,
            (Some(bucket), None) => self.span.is_over(bucket + offset),
            (Some(zero), Some(length)) => zero + (offset + 1) * length - 1 <= self.span.as_of().as_micros(),
        };
        let places = 0..last_offsets.len();
        RetentionRow {
            size: sum.size,
            values: places.map(|place| sum.returned.get(&place).copied().unwrap_or(0)).collect(),
            complete: last_offsets.into_iter().map(is_over).collect(),
        }
    }

    /// How many offsets there are: as many as somebody who started first of all can have reached.
    fn offsets(&self, first: Option<i64>) -> i64 {
        if let Some(columns) = self.columns {
            return columns.into();
        }
        let buckets = self.span.buckets();
        let Some(first) = self.span.first().or(first) else { return 0 };
        let offsets = match self.length {
            None => buckets.number(self.span.as_of()) - first + 1,
            Some(length) => {
                let start = buckets.start(first).map_or(0, Timestamp::as_micros);
                (self.span.as_of().as_micros() - start).div_euclid(length) + 1
            }
        };
        offsets.max(0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::query::worked::answer;

    fn ask(more: &Value, as_of: &str, story: &str) -> Value {
        let mut query = json!({
            "kind": "retention", "output": "one_row", "start": "signed_up", "return": "visit",
            "from": "2024-05-01T00:00:00",
        });
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer(&query, as_of, story)
    }

    const STORY: &str = "
        ann 2024-05-01T22:00:00 visit
        ann 2024-05-01T22:00:00 signed_up
        ann 2024-05-01T22:00:00 visit
        ann 2024-05-02T01:00:00 visit
        ann 2024-05-02T21:59:59.999999 visit
        ann 2024-05-02T22:00:00 visit
        bob 2024-05-02T10:50:00 signed_up
        bob 2024-05-03T10:00:00 visit
        cyd 2024-04-30T10:00:00 signed_up
        cyd 2024-05-02T10:00:00 visit
    ";

    #[test]
    fn on_the_calendar_an_offset_is_a_bucket_after_that_of_the_start() {
        let row = ask(&json!({}), "2024-05-03T12:00:00Z", STORY);
        // Ann's first visit came before her start, in the order of facts; Cyd started before the range.
        assert_eq!(row, json!({"size": 2, "values": [1, 2, 0], "complete": [true, false, false]}));
        let row = ask(&json!({"columns": 2, "min_occurrences": 3}), "2024-05-03T23:59:59.999999Z", STORY);
        assert_eq!(row, json!({"size": 2, "values": [0, 1], "complete": [true, true]}));
        let unbound = ask(&json!({"from": null}), "2024-05-03T12:00:00Z", STORY);
        assert_eq!(unbound["values"], json!([1, 2, 1, 0]));
    }

    #[test]
    fn on_the_rolling_clock_a_day_is_24_hours_from_the_start_or_its_hour() {
        let rolling = ask(&json!({"clock": "rolling"}), "2024-05-03T12:00:00Z", STORY);
        // Bob's visit comes 23:10 after his start. The third offset fits from the range's first instant on.
        assert_eq!(rolling, json!({"size": 2, "values": [2, 1, 0], "complete": [true, false, false]}));
        let hours = json!({"clock": "rolling", "truncate_start_to_hour": true});
        let row = ask(&hours, "2024-05-03T12:00:00Z", STORY);
        assert_eq!(row["values"], json!([1, 2, 0]));
        // Bob's first offset ends at 10:50 of the third, or at 10:00.
        let complete = |more: &Value, as_of| ask(more, as_of, STORY)["complete"][0].clone();
        assert_eq!(complete(&json!({"clock": "rolling"}), "2024-05-03T10:49:59.999998Z"), json!(false));
        assert_eq!(complete(&json!({"clock": "rolling"}), "2024-05-03T10:49:59.999999Z"), json!(true));
        assert_eq!(complete(&hours, "2024-05-03T09:59:59.999999Z"), json!(true));
    }

    #[test]
    fn an_elapsed_day_does_not_know_of_summer_time() {
        let story = "
            ann 2024-03-09T17:00:00 signed_up
            ann 2024-03-10T16:30:00 visit
        ";
        let ask = |clock: &str| {
            let more = json!({"clock": clock, "timezone": "America/New_York", "from": "2024-03-09T00:00:00"});
            ask(&more, "2024-03-11T12:00:00Z", story)["values"].clone()
        };
        // On the clock it is half past twelve on the next day, after 23 and a half hours.
        assert_eq!(ask("calendar"), json!([0, 1, 0]));
        assert_eq!(ask("rolling"), json!([1, 0, 0]));
    }

    #[test]
    fn brackets_are_inclusive_and_may_overlap() {
        let more = json!({"brackets": [[0, 0], [0, 1], [1, 30], [5, 9]]});
        let row = ask(&more, "2024-05-03T12:00:00Z", STORY);
        assert_eq!(row, json!({"size": 2, "values": [1, 2, 2, 0], "complete": [true, false, false, false]}));
        let twice = json!({"brackets": [[0, 1], [1, 1]], "min_occurrences": 4});
        assert_eq!(ask(&twice, "2024-05-03T12:00:00Z", STORY)["values"], json!([1, 0]));
    }

    #[test]
    fn a_breakdown_is_by_the_start_and_nobody_leaves_an_empty_row() {
        let story = "
            ann 2024-05-01T10:00:00 signed_up channel=web
            ann 2024-05-02T10:00:00 visit channel=app
        ";
        let more = json!({"breakdown": {"property": "channel"}, "columns": 2});
        let row = ask(&more, "2024-05-03T12:00:00Z", story);
        assert_eq!(
            row,
            json!({"by_value": {"web": {"size": 1, "values": [0, 1], "complete": [true, true]}}})
        );
        let nobody = ask(&json!({"from": "2024-05-03T00:00:00"}), "2024-05-03T12:00:00Z", story);
        assert_eq!(nobody, json!({"size": 0, "values": [0], "complete": [true]}));
    }
}
