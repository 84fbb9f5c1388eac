//! A row for each bucket of starts: how many come back in each bucket after it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Measure, RETURN, RetentionMode, RetentionQuery, ReturnRule, START, Shape};
use crate::money::{Currency, MoneySum};
use crate::query::bucket::Span;
use crate::query::lens::{Glance, Word};
use crate::report::stages::share;
use crate::time::Timestamp;

/// How starts and returns are counted by bucket.
#[derive(Clone, Debug)]
pub struct RowsCourse {
    span: Span,
    mode: RetentionMode,
    rule: ReturnRule,
    /// How many buckets every row has; none for a triangle, or where the first row of all decides.
    length: Option<i64>,
    shape: Shape,
    min: u32,
    measure: Measure,
}

/// How often somebody started and returned, bucket by bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RowsState {
    /// The bucket of the first start, and the value of its fact; of mode `recurring` the first one in range.
    first: Option<(i64, Word)>,
    /// Of the buckets from the first start on those with something, ascending.
    cells: Vec<Cell>,
    /// By bucket, and whether they are returns'; only where sums are asked for.
    amounts: BTreeMap<(i64, bool), Amounts>,
}

type Amounts = BTreeMap<Currency, i128>;

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Cell {
    bucket: i64,
    starts: u32,
    returns: u32,
}

/// The sum over histories.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowsSum {
    /// By bucket of the start, offset, and how many buckets a row needs for it to count.
    tallies: BTreeMap<(i64, i64, i64), Tally>,
}

/// Who counts in a cell of the table, and with what.
#[derive(Clone, Debug, Default, PartialEq)]
struct Tally {
    customers: u64,
    facts: u64,
    amounts: Amounts,
}

/// A row for each bucket of starts, and the average over them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RetentionTable {
    /// From the first bucket to the last one, none left out.
    pub rows: Vec<CohortRow>,
    /// By offset: those who came back as a share of those who started, 0 to 1, over the rows whose bucket is over; none
    /// without such a row, or for another measure than customers.
    pub average: Vec<Option<f64>>,
}

/// Those who started in one bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CohortRow {
    /// Where they started.
    pub bucket: String,
    /// How many started, then what came back, bucket by bucket.
    pub values: Vec<Tallied>,
    /// Whether each bucket is over at `as_of`.
    pub complete: Vec<bool>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Tallied {
    /// Customers, or facts.
    Number(u64),
    /// Amounts by currency.
    Sum(Vec<MoneySum>),
}

impl RowsState {
    /// Whether there is a start in range.
    pub(super) const fn counts(&self) -> bool {
        !self.cells.is_empty()
    }
}

impl RowsSum {
    pub(super) fn merge(&mut self, other: Self) {
        for (key, tally) in other.tallies {
            self.tallies.entry(key).or_default().merge(&tally);
        }
    }
}

impl Tally {
    fn merge(&mut self, other: &Self) {
        self.customers += other.customers;
        self.facts += other.facts;
        for (currency, minor) in &other.amounts {
            *self.amounts.entry(*currency).or_default() += minor;
        }
    }
}

impl RowsCourse {
    pub(super) fn new(ask: &RetentionQuery, span: Span) -> Self {
        let rows = span.first().map(|first| (span.end() - first).max(0));
        let columns = ask.columns.and_then(|columns| i64::try_from(columns).ok());
        let length = match ask.shape {
            Shape::Triangle => None,
            Shape::Rectangular => columns.map(|columns| columns.saturating_add(1)).or(rows),
        };
        Self {
            span,
            mode: ask.mode,
            rule: ask.return_rule,
            length,
            shape: ask.shape,
            min: ask.min_occurrences,
            measure: ask.measure,
        }
    }

    /// The bucket behind the last one of the row that starts in a bucket; none where the first row of all decides.
    fn end_of_row(&self, start: i64) -> Option<i64> {
        match self.shape {
            Shape::Triangle => Some(self.span.end()),
            Shape::Rectangular => self.length.map(|length| start.saturating_add(length)),
        }
    }

    #[inline]
    pub(super) fn pass(&self, state: &mut RowsState, at: Timestamp, facts: &[Glance]) {
        let recurring = self.mode == RetentionMode::Recurring;
        let bucket = self.span.buckets().number(at);
        let (first, _) = match state.first {
            Some(first) => first,
            None => match facts.iter().find(|fact| fact.met & START != 0) {
                Some(start) if !recurring || self.span.holds(bucket) => {
                    *state.first.insert((bucket, start.value))
                }
                _ => return,
            },
        };
        let last_start = if recurring { self.span.end() - 1 } else { first };
        if !self.span.holds(first) || self.end_of_row(last_start).is_some_and(|end| bucket >= end) {
            return;
        }
        let count =
            |bit| facts.iter().fold(0_u32, |n, fact| n.saturating_add(u32::from(fact.met & bit != 0)));
        let (starts, returns) = (count(START), count(RETURN));
        match state.cells.last_mut() {
            Some(cell) if cell.bucket == bucket => {
                cell.starts = cell.starts.saturating_add(starts);
                cell.returns = cell.returns.saturating_add(returns);
            }
            _ => state.cells.push(Cell { bucket, starts, returns }),
        }
        if self.measure == Measure::Sum {
            for (fact, money) in facts.iter().filter_map(|fact| fact.amount.map(|money| (fact, money))) {
                for (bit, is_return) in [(START, false), (RETURN, true)] {
                    if fact.met & bit != 0 {
                        let amounts = state.amounts.entry((bucket, is_return)).or_default();
                        *amounts.entry(money.currency).or_default() += i128::from(money.minor);
                    }
                }
            }
        }
    }

    /// That of the first start; who starts often has a value of the whole history.
    pub(super) fn value(&self, state: &RowsState) -> Option<Word> {
        state.first.filter(|_| self.mode == RetentionMode::FirstTime).map(|(_, value)| value)
    }

    pub(super) fn add(&self, sum: &mut RowsSum, state: &RowsState) {
        for (place, cell) in state.cells.iter().enumerate() {
            let starts = match self.mode {
                RetentionMode::FirstTime => place == 0,
                RetentionMode::Recurring => cell.starts > 0 && self.span.holds(cell.bucket),
            };
            if starts {
                self.add_row(sum, state, cell, state.cells.get(place + 1..).unwrap_or_default());
            }
        }
    }

    /// Adds what somebody who started in a bucket did in those after it.
    fn add_row(&self, sum: &mut RowsSum, state: &RowsState, start: &Cell, after: &[Cell]) {
        let end = self.end_of_row(start.bucket);
        let mut tally = |offset: i64, needs: i64, facts: u32, of: (i64, bool)| {
            let tally = sum.tallies.entry((start.bucket, offset, needs)).or_default();
            tally.customers += 1;
            tally.facts += u64::from(facts);
            for (currency, minor) in state.amounts.get(&of).into_iter().flatten() {
                *tally.amounts.entry(*currency).or_default() += minor;
            }
        };
        tally(0, 0, start.starts, (start.bucket, false));
        let in_row = |cell: &&Cell| cell.returns > 0 && end.is_none_or(|end| cell.bucket < end);
        let returns: Vec<&Cell> = after.iter().filter(in_row).collect();
        let mut next = 1;
        for (place, cell) in returns.iter().enumerate() {
            let offset = cell.bucket - start.bucket;
            let mut seen = 0_u32;
            let rest = returns.get(place..).unwrap_or_default();
            let mut enough = rest.iter().find(|later| {
                seen = seen.saturating_add(later.returns);
                seen >= self.min
            });
            if self.rule == ReturnRule::On {
                next = offset;
                enough = enough.filter(|last| last.bucket == cell.bucket);
            }
            if let Some(last) = enough {
                // Where a row's end is known, nothing behind it was looked at.
                let needs = if end.is_some() { 0 } else { last.bucket - start.bucket + 1 };
                for at in next..=offset {
                    let facts = if at == offset { cell.returns } else { 0 };
                    tally(at, needs, facts, (start.bucket + at, true));
                }
            }
            next = offset + 1;
        }
    }

    pub(super) fn finish(&self, sum: &RowsSum) -> RetentionTable {
        let numbers = self.span.numbers(sum.tallies.keys().next().map(|(start, ..)| *start));
        let most = numbers.end - numbers.start;
        let mut shares: Vec<(u64, u64)> = Vec::new();
        let mut rows = Vec::new();
        for start in numbers {
            let length = match self.shape {
                Shape::Triangle => self.span.end() - start,
                Shape::Rectangular => self.length.unwrap_or(most),
            };
            let mut row =
                CohortRow { bucket: self.span.buckets().name(start), values: vec![], complete: vec![] };
            let mut size = 0;
            for (place, offset) in (0..length).enumerate() {
                let mut all = Tally::default();
                for (_, tally) in sum.tallies.range((start, offset, 0)..=(start, offset, length)) {
                    all.merge(tally);
                }
                size = if offset == 0 { all.customers } else { size };
                let is_over = self.span.is_over(start.saturating_add(offset));
                if shares.len() == place {
                    shares.push((0, 0));
                }
                if let Some((back, of)) = shares.get_mut(place).filter(|_| is_over) {
                    *back += all.customers;
                    *of += size;
                }
                row.complete.push(is_over);
                row.values.push(self.tallied(all));
            }
            rows.push(row);
        }
        let by_customers = self.measure == Measure::Customers;
        let average =
            shares.into_iter().map(|(back, of)| (by_customers && of > 0).then(|| share(back, of))).collect();
        RetentionTable { rows, average }
    }

    fn tallied(&self, tally: Tally) -> Tallied {
        match self.measure {
            Measure::Customers => Tallied::Number(tally.customers),
            Measure::Count => Tallied::Number(tally.facts),
            Measure::Sum => {
                let sums = tally.amounts.into_iter();
                Tallied::Sum(sums.map(|(currency, minor)| MoneySum { minor, currency }).collect())
            }
        }
    }
}
