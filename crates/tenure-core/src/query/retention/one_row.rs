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

    #[inline]
    pub(super) fn pass(&self, state: &mut OneRowState, at: Timestamp, facts: &[Glance]) {
        let mut facts = facts.iter();
        let start = match state.start {
            Some(start) => start,
            None => match facts.find(|fact| fact.met & START != 0) {
                Some(fact) => *state.start.insert(self.start(at, fact.value)),
                None => return,
            },
        };
        // After the start itself, where it is one of these.
        let returns = facts.filter(|fact| fact.met & RETURN != 0).count();
        if !start.in_range || returns == 0 {
            return;
        }
        let offset = match self.length {
            None => self.span.buckets().number(at) - start.zero,
            Some(length) => (at.as_micros() - start.zero) / length,
        };
        let Some(offset) = u32::try_from(offset).ok().filter(|offset| self.shows(*offset)) else { return };
        let returns = u32::try_from(returns).unwrap_or(u32::MAX);
        match state.returns.last_mut() {
            Some((last, count)) if *last == offset => *count = count.saturating_add(returns),
            _ => state.returns.push((offset, returns)),
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
