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

    #[expect(clippy::inline_always, reason = "part of the fold's loop")]
    #[inline(always)]
    pub(super) fn step(&self, state: &mut RowsState, at: Timestamp, fact: Glance) {
        let recurring = self.mode == RetentionMode::Recurring;
        let bucket = self.span.buckets().number(at);
        let first = match state.first {
            Some((first, _)) => first,
            None if fact.met & START != 0 && (!recurring || self.span.holds(bucket)) => {
                state.first = Some((bucket, fact.value));
                bucket
            }
            None => return,
        };
        let last_start = if recurring { self.span.end() - 1 } else { first };
        if !self.span.holds(first) || self.end_of_row(last_start).is_some_and(|end| bucket >= end) {
            return;
        }
        // Returns of the first bucket are not looked at, whether they come before or after the start.
        let (is_start, is_return) = (fact.met & START != 0, fact.met & RETURN != 0 && bucket != first);
        // The last cell is put back with the fact in it, or a new one comes behind it, without a branch: which of the two
        // it is, is anybody's guess.
        let last = state.cells.last().copied().unwrap_or(Cell { bucket, starts: 0, returns: 0 });
        let same = last.bucket == bucket;
        let before = if same { (last.starts, last.returns) } else { (0, 0) };
        let (starts, returns) =
            (before.0.saturating_add(is_start.into()), before.1.saturating_add(is_return.into()));
        state.cells.truncate(state.cells.len().saturating_sub(same.into()));
        state.cells.push(Cell { bucket, starts, returns });
        if self.measure == Measure::Sum {
            for (is_of, of_returns) in [(is_start, false), (is_return, true)] {
                if let Some(money) = fact.amount.filter(|_| is_of) {
                    let amounts = state.amounts.entry((bucket, of_returns)).or_default();
                    *amounts.entry(money.currency).or_default() += i128::from(money.minor);
                }
            }
        }
    }

    /// Who starts often has a value of the whole history.
    pub(super) fn keeps_values(&self) -> bool {
        self.mode == RetentionMode::FirstTime
    }

    /// That of the first start.
    pub(super) fn value(&self, state: &RowsState) -> Option<Word> {
        state.first.filter(|_| self.keeps_values()).map(|(_, value)| value)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::query::worked::answer;

    const WEEK: &str = "
        ann 2024-05-01T10:00:00 signed_up
        ann 2024-05-02T10:00:00 order_placed
        ann 2024-05-03T10:00:00 order_placed
        bob 2024-05-01T11:00:00 signed_up
        bob 2024-05-03T10:00:00 order_placed
        cyd 2024-05-02T10:00:00 signed_up
        cyd 2024-05-03T10:00:00 order_placed
        dan 2024-04-30T23:59:59 signed_up
        dan 2024-05-01T10:00:00 signed_up
        dan 2024-05-02T10:00:00 order_placed
    ";

    #[test]
    fn bounds_are_rounded_down_and_what_is_not_over_is_marked_and_in_no_average() {
        let query = json!({
            "kind": "retention", "start": "signed_up", "return": "order_placed",
            "from": "2024-05-01T15:00:00", "to": "2024-05-04T15:00:00",
        });
        // Dan began before. The fourth is not in range: what is left of it is rounded off.
        let expected = json!({
            "rows": [
                {"bucket": "2024-05-01", "values": [2, 1, 2], "complete": [true, true, false]},
                {"bucket": "2024-05-02", "values": [1, 1], "complete": [true, false]},
                {"bucket": "2024-05-03", "values": [0], "complete": [false]},
            ],
            "average": [1.0, 0.5, null],
        });
        assert_eq!(answer(&query, "2024-05-03T23:59:59.999998Z", WEEK), expected);
        let later = answer(&query, "2024-05-03T23:59:59.999999Z", WEEK);
        assert_eq!(later["rows"][0]["complete"], json!([true, true, true]));
        assert_eq!(later["average"], json!([1.0, 2.0 / 3.0, 1.0]));
        assert_eq!(answer(&query, "2024-06-01T00:00:00Z", WEEK), later);
    }

    #[test]
    fn without_a_bound_rows_begin_with_the_first_start_and_of_nobody_there_are_none() {
        let query = json!({"kind": "retention", "start": "signed_up", "return": "order_placed"});
        let table = answer(&query, "2024-05-03T12:00:00Z", WEEK);
        assert_eq!(
            table["rows"][0],
            json!({"bucket": "2024-04-30", "values": [1, 0, 1, 0], "complete": [true, true, true, false]})
        );
        assert_eq!(table["rows"].as_array().unwrap().len(), 4);
        let nobody = json!({"kind": "retention", "start": "trial"});
        assert_eq!(answer(&nobody, "2024-05-03T12:00:00Z", WEEK), json!({"rows": [], "average": []}));
    }

    #[test]
    fn the_hour_that_a_clock_shows_twice_is_one_bucket() {
        let query = json!({
            "kind": "retention", "start": "signed_up", "return": "visit", "period": "hour",
            "timezone": "America/New_York", "to": "2024-11-03T04:00:00",
        });
        let story = "
            ann 2024-11-03T05:30:00 signed_up
            ann 2024-11-03T06:30:00 visit
            bob 2024-11-03T06:30:00 signed_up
            bob 2024-11-03T07:00:00 visit
            cyd 2024-11-03T07:10:00 signed_up
            cyd 2024-11-03T08:59:59 visit
        ";
        let table = answer(&query, "2024-11-03T12:00:00Z", story);
        let rows = json!([
            {"bucket": "2024-11-03T01:00", "values": [2, 1, 0], "complete": [true, true, true]},
            {"bucket": "2024-11-03T02:00", "values": [1, 1], "complete": [true, true]},
            {"bucket": "2024-11-03T03:00", "values": [0], "complete": [true]},
        ]);
        assert_eq!(table["rows"], rows);
    }

    const VISITS: &str = "
        ann 2024-05-04T12:00:00 signed_up
        ann 2024-05-05T12:00:00 visit
        ann 2024-05-12T12:00:00 visit
        ann 2024-05-12T12:00:00 visit
        ann 2024-05-26T12:00:00 visit
    ";

    #[test]
    fn a_week_starts_on_sunday_where_that_is_said_and_a_later_return_counts_for_earlier_buckets() {
        let ask = |more: serde_json::Value| {
            let mut query = json!({
                "kind": "retention", "start": "signed_up", "return": "visit", "period": "week",
                "week_start": "sunday", "to": "2024-06-02T00:00:00",
            });
            query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            answer(&query, "2024-06-30T00:00:00Z", VISITS)["rows"][0].clone()
        };
        let on = ask(json!({}));
        // The fourth of May is a Saturday.
        assert_eq!(on["bucket"], "2024-04-28");
        assert_eq!(on["values"], json!([1, 1, 1, 0, 1]));
        assert_eq!(ask(json!({"min_occurrences": 2}))["values"], json!([1, 0, 1, 0, 0]));
        assert_eq!(ask(json!({"return_rule": "on_or_after"}))["values"], json!([1, 1, 1, 1, 1]));
        let twice = json!({"return_rule": "on_or_after", "min_occurrences": 2});
        assert_eq!(ask(twice)["values"], json!([1, 1, 1, 0, 0]));
        // The row is shorter than the history: what lies behind it is not looked at.
        let short = json!({"return_rule": "on_or_after", "to": "2024-05-22T00:00:00"});
        assert_eq!(ask(short)["values"], json!([1, 1, 1]));
        let monday = ask(json!({"week_start": "monday"}));
        assert_eq!((&monday["bucket"], &monday["values"]), (&json!("2024-04-29"), &json!([1, 1, 0, 1])));
    }

    #[test]
    fn a_rectangle_reaches_behind_the_range_and_marks_what_is_not_known() {
        let ask = |more: serde_json::Value| {
            let mut query = json!({
                "kind": "retention", "start": "signed_up", "return": "order_placed", "shape": "rectangular",
                "from": "2024-05-01T00:00:00", "to": "2024-05-03T00:00:00",
            });
            query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            answer(&query, "2024-05-03T12:00:00Z", WEEK)["rows"].clone()
        };
        let two = json!([
            {"bucket": "2024-05-01", "values": [2, 1], "complete": [true, true]},
            {"bucket": "2024-05-02", "values": [1, 1], "complete": [true, false]},
        ]);
        assert_eq!(ask(json!({})), two);
        let four = json!([
            {"bucket": "2024-05-01", "values": [2, 1, 2, 0], "complete": [true, true, false, false]},
            {"bucket": "2024-05-02", "values": [1, 1, 0, 0], "complete": [true, false, false, false]},
        ]);
        assert_eq!(ask(json!({"columns": 3})), four);
    }

    #[test]
    fn a_rectangle_whose_length_the_first_row_decides_counts_no_return_behind_it() {
        let query = json!({
            "kind": "retention", "start": "signed_up", "return": "visit", "shape": "rectangular",
            "return_rule": "on_or_after", "to": "2024-05-03T00:00:00",
        });
        let ann = "
            ann 2024-05-02T10:00:00 signed_up
            ann 2024-05-03T10:00:00 visit
            ann 2024-05-05T10:00:00 visit
        ";
        // Alone, her row has one bucket; with somebody who started three days before, it has four.
        let alone = answer(&query, "2024-06-01T00:00:00Z", ann);
        assert_eq!(alone["rows"][0]["values"], json!([1]));
        let both =
            answer(&query, "2024-06-01T00:00:00Z", &format!("{ann}\nbob 2024-04-29T10:00:00 signed_up"));
        assert_eq!(both["rows"][3]["values"], json!([1, 1, 1, 1]));
        let between =
            answer(&query, "2024-06-01T00:00:00Z", &format!("{ann}\nbob 2024-04-30T10:00:00 signed_up"));
        assert_eq!(between["rows"][2]["values"], json!([1, 1, 0]));
    }

    const ORDERS: &str = "
        ann 2024-05-01T10:00:00 order_placed 10.00/USD channel=web
        ann 2024-05-01T11:00:00 order_placed 5.00/EUR channel=app
        ann 2024-05-02T10:00:00 order_placed 1.00/USD channel=app
        ann 2024-05-02T11:00:00 order_placed 2.00/USD
        bob 2024-05-01T10:00:00 order_placed 100.00/USD
        bob 2024-05-02T10:00:00 order_placed
        bob 2024-05-03T10:00:00 order_placed 7/JPY channel=web
    ";

    fn orders(more: &serde_json::Value) -> serde_json::Value {
        let mut query = json!({
            "kind": "retention", "start": "order_placed", "return": "order_placed", "to": "2024-05-04T00:00:00",
        });
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer(&query, "2024-06-01T00:00:00Z", ORDERS)
    }

    fn values(table: &serde_json::Value) -> Vec<serde_json::Value> {
        table["rows"].as_array().unwrap().iter().map(|row| row["values"].clone()).collect()
    }

    #[test]
    fn facts_and_amounts_are_of_those_who_count() {
        assert_eq!(
            values(&orders(&json!({"measure": "count"}))),
            [json!([3, 3, 1]), json!([0, 0]), json!([0])]
        );
        let twice = json!({"measure": "count", "min_occurrences": 2});
        assert_eq!(values(&orders(&twice))[0], json!([3, 2, 0]));
        let sum = orders(&json!({"measure": "sum"}));
        let usd = |minor: i64| json!({"minor": minor, "currency": "USD"});
        let eur = json!({"minor": 500, "currency": "EUR"});
        let jpy = json!({"minor": 7, "currency": "JPY"});
        assert_eq!(values(&sum)[0], json!([[eur, usd(11_000)], [usd(300)], [jpy]]));
        assert_eq!(sum["average"], json!([null, null, null]));
    }

    #[test]
    fn who_starts_often_has_a_row_for_each_bucket() {
        let recurring = orders(&json!({"mode": "recurring"}));
        assert_eq!(values(&recurring), [json!([2, 2, 1]), json!([2, 1]), json!([1])]);
        let later = orders(&json!({"mode": "recurring", "from": "2024-05-02T00:00:00", "measure": "count"}));
        assert_eq!(values(&later), [json!([3, 1]), json!([1])]);
    }

    #[test]
    fn a_breakdown_is_by_the_start_fact_and_of_who_starts_often_by_a_touch() {
        let by = |attribution: &str, mode: &str| {
            let breakdown = json!({"property": "channel", "attribution": attribution});
            let table = orders(&json!({"mode": mode, "breakdown": breakdown}));
            let by_value = table["by_value"].as_object().unwrap().clone();
            by_value.into_iter().map(|(value, table)| (value, values(&table)[0].clone())).collect::<Vec<_>>()
        };
        let said = |value: &str, values| (value.to_owned(), values);
        assert_eq!(
            by("first_touch", "first_time"),
            [said("", json!([1, 1, 1])), said("web", json!([1, 1, 0]))]
        );
        assert_eq!(by("first_touch", "recurring"), [said("web", json!([2, 2, 1]))]);
        assert_eq!(
            by("last_touch", "recurring"),
            [said("app", json!([1, 1, 0])), said("web", json!([1, 1, 1]))]
        );
        // Each value's facts alone: the app's begin on the first, too.
        let all = [said("", json!([1, 1, 0])), said("app", json!([1, 1, 0])), said("web", json!([1, 0, 0]))];
        assert_eq!(by("all_events", "first_time"), all);
    }

    #[test]
    fn values_of_a_property_are_counted_whoever_the_customers_are() {
        let by_channel = orders(&json!({"count_by": {"property": "channel"}}));
        // The web's second order is Bob's.
        assert_eq!(values(&by_channel), [json!([2, 1, 1]), json!([0, 0]), json!([0])]);
    }
}
