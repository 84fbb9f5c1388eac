//! Repurchase: how many make another purchase, and how long that takes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::breakdown::{Breakdown, CountBy, check_without_steps};
use super::bucket::{Buckets, Period, Span, WeekStart};
use super::course::Course;
use super::lens::{Besides, Glance, Word, Words};
use super::selector::Selector;
use super::standing::Terms;
use super::{Ask, Query, QueryError};
use crate::event::Kind;
use crate::fold::Fingerprint;
use crate::report::stages::{Stays, share};
use crate::time::{Duration, Timestamp};

/// A question about repeated purchases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RepurchaseQuery {
    /// What a purchase is; an order where it is left out.
    pub activity: Selector,
    /// How long a bucket of first purchases is.
    pub period: Period,
    /// On which day a week starts.
    pub week_start: WeekStart,
    /// Which purchase is asked about, at least 2.
    pub nth: u32,
    /// By what the answer is broken down, as of the first purchase.
    pub breakdown: Option<Breakdown>,
    /// What is counted.
    pub count_by: CountBy,
}

impl Default for RepurchaseQuery {
    fn default() -> Self {
        Self {
            activity: Selector::kind(Kind::OrderPlaced),
            period: Period::Month,
            week_start: WeekStart::default(),
            nth: 2,
            breakdown: None,
            count_by: CountBy::default(),
        }
    }
}

impl RepurchaseQuery {
    pub(super) fn check(&self) -> Result<(), QueryError> {
        if self.nth < 2 {
            return Err(QueryError::new(
                "nth",
                format!("{}: a repeated purchase is the second or a later one", self.nth),
            ));
        }
        check_without_steps(self.breakdown.as_ref(), &self.count_by)
    }
}

/// How repeated purchases are seen in one history.
#[derive(Clone, Debug)]
pub struct RepurchaseCourse {
    span: Span,
    nth: u32,
}

/// The few purchases of somebody that are asked about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepurchaseState {
    /// How many there were, up to the one behind the nth.
    purchases: u32,
    first: Timestamp,
    second: Timestamp,
    nth: Timestamp,
    next: Timestamp,
    /// That of the first one.
    value: Word,
}

/// The sum over histories.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RepurchaseSum {
    /// Customers and those who repeated, by bucket of the first purchase.
    rows: BTreeMap<i64, (u64, u64)>,
    first_to_second: Stays,
    nth_to_next: Stays,
}

/// How many bought again, and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepurchaseAnswer {
    /// From the first bucket to the last one, none left out.
    pub rows: Vec<RepurchaseRow>,
    /// From the first purchase to the second one.
    pub first_to_second: Waits,
    /// From the nth purchase to the next one.
    pub nth_to_next: Waits,
}

/// Those whose first purchase was in one bucket.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RepurchaseRow {
    /// The bucket.
    pub bucket: String,
    /// How many.
    pub customers: u64,
    /// How many of them made the nth purchase by `as_of`.
    pub repeated: u64,
    /// Their share, 0 to 1; 0 where there are no customers.
    pub share: f64,
}

/// How long it took from one purchase to a later one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Waits {
    /// How many made both.
    pub count: u64,
    /// How many made the first of the two alone by `as_of`; they are in no quantile.
    pub censored: u64,
    /// The median of those who made both by the nearest-rank rule; none without one.
    pub median_seconds: Option<f64>,
    /// The 90th percentile likewise.
    pub p90_seconds: Option<f64>,
}

impl From<&Stays> for Waits {
    fn from(stays: &Stays) -> Self {
        let seconds = |percent| stays.nearest_rank(percent).map(Duration::as_seconds);
        Self {
            count: stays.completed(),
            censored: stays.open(),
            median_seconds: seconds(50),
            p90_seconds: seconds(90),
        }
    }
}

impl Query {
    /// A question about repeated purchases made ready, as of an instant; none for another kind.
    ///
    /// # Errors
    /// [`QueryError`] for a breakdown that the terms cannot give.
    pub fn repurchase(
        &self,
        terms: &Terms,
        as_of: Timestamp,
    ) -> Result<Option<Asked<RepurchaseCourse>>, QueryError> {
        let Ask::Repurchase(ask) = &self.ask else { return Ok(None) };
        let buckets = Buckets::new(ask.period, ask.week_start, self.frame.zone());
        let course = RepurchaseCourse { span: Span::new(buckets, &self.frame, as_of)?, nth: ask.nth };
        let selectors = [&ask.activity];
        Asked::new(course, self, terms, &selectors, Besides::None, ask.breakdown.as_ref(), &ask.count_by)
            .map(Some)
    }
}

impl Course for RepurchaseCourse {
    type State = RepurchaseState;
    type Outcome = RepurchaseState;
    type Sum = RepurchaseSum;
    type Answer = RepurchaseAnswer;

    fn begin(&self) -> RepurchaseState {
        let none = Timestamp::MIN;
        RepurchaseState { purchases: 0, first: none, second: none, nth: none, next: none, value: Word::NONE }
    }

    #[expect(clippy::inline_always, reason = "part of the fold's loop")]
    #[inline(always)]
    fn step(&self, state: &mut RepurchaseState, at: Timestamp, fact: Glance) {
        // One more than the nth is all that is asked about.
        if state.purchases > self.nth {
            return;
        }
        state.purchases += 1;
        match state.purchases {
            1 => (state.first, state.value) = (at, fact.value),
            2 => state.second = at,
            _ => {}
        }
        if state.purchases == self.nth {
            state.nth = at;
        } else if state.purchases > self.nth {
            state.next = at;
        }
    }

    fn outcome(&self, state: &RepurchaseState, _: &Words, _: Timestamp) -> Option<RepurchaseState> {
        let in_range = state.purchases > 0 && self.span.holds(self.span.buckets().number(state.first));
        in_range.then(|| state.clone())
    }

    fn keeps_values(&self) -> bool {
        true
    }

    fn value(&self, outcome: &RepurchaseState) -> Option<Word> {
        Some(outcome.value)
    }

    fn add(&self, sum: &mut RepurchaseSum, _: &str, outcome: &RepurchaseState) {
        let repeated = outcome.purchases >= self.nth;
        let (customers, again) = sum.rows.entry(self.span.buckets().number(outcome.first)).or_default();
        *customers += 1;
        *again += u64::from(repeated);
        let wait = |stays: &mut Stays, is_over: bool, from: Timestamp, to: Timestamp| {
            if is_over { stays.end(to.since(from)) } else { stays.go_on() }
        };
        wait(&mut sum.first_to_second, outcome.purchases >= 2, outcome.first, outcome.second);
        if repeated {
            wait(&mut sum.nth_to_next, outcome.purchases > self.nth, outcome.nth, outcome.next);
        }
    }

    fn merge(&self, into: &mut RepurchaseSum, other: RepurchaseSum) {
        for (bucket, (customers, repeated)) in other.rows {
            let row = into.rows.entry(bucket).or_default();
            *row = (row.0 + customers, row.1 + repeated);
        }
        into.first_to_second.merge(other.first_to_second);
        into.nth_to_next.merge(other.nth_to_next);
    }

    fn finish(&self, sum: RepurchaseSum) -> RepurchaseAnswer {
        let numbers = self.span.numbers(sum.rows.keys().next().copied());
        let rows = numbers.map(|number| {
            let (customers, repeated) = sum.rows.get(&number).copied().unwrap_or_default();
            let bucket = self.span.buckets().name(number);
            RepurchaseRow { bucket, customers, repeated, share: share(repeated, customers) }
        });
        RepurchaseAnswer {
            rows: rows.collect(),
            first_to_second: (&sum.first_to_second).into(),
            nth_to_next: (&sum.nth_to_next).into(),
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("repurchase", 1, &())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::query::worked::{answer, refused};

    const STORY: &str = "
        ann 2024-01-05T00:00:00 order_placed
        ann 2024-01-06T00:00:00 order_placed
        ann 2024-01-06T00:00:00 order_placed
        ann 2024-03-01T00:00:00 order_placed
        bob 2024-01-31T10:00:00 order_placed channel=web
        bob 2024-02-10T10:00:00 order_placed channel=app
        cyd 2024-01-10T00:00:00 order_placed
        dan 2024-03-10T00:00:00 order_placed
        eve 2023-12-31T00:00:00 order_placed
        eve 2024-01-01T00:00:00 order_placed
    ";

    #[test]
    fn a_bucket_holds_first_purchases_and_who_waits_is_censored() {
        let query = json!({"kind": "repurchase", "from": "2024-01-15T00:00:00", "to": "2024-04-01T00:00:00"});
        let waits = |count, censored, median: f64, p90: f64| json!({"count": count, "censored": censored, "median_seconds": median * 86_400.0, "p90_seconds": p90 * 86_400.0});
        let expected = json!({
            "rows": [
                {"bucket": "2024-01-01", "customers": 3, "repeated": 2, "share": 2.0 / 3.0},
                {"bucket": "2024-02-01", "customers": 0, "repeated": 0, "share": 0.0},
                {"bucket": "2024-03-01", "customers": 1, "repeated": 0, "share": 0.0},
            ],
            "first_to_second": waits(2, 2, 1.0, 10.0),
            // Ann's third comes at the instant of the second.
            "nth_to_next": waits(1, 1, 0.0, 0.0),
        });
        assert_eq!(answer(&query, "2024-06-01T00:00:00Z", STORY), expected);
        // As of the fifth of February Bob is not back yet, and March is not known.
        let early = answer(&query, "2024-02-05T00:00:00Z", STORY);
        assert_eq!(early["rows"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&early["rows"][0]["repeated"], &early["first_to_second"]["censored"]),
            (&json!(1), &json!(2))
        );
    }

    #[test]
    fn the_nth_purchase_may_be_a_later_one() {
        let query = json!({"kind": "repurchase", "nth": 3, "to": "2024-02-01T00:00:00"});
        let answer = answer(&query, "2024-06-01T00:00:00Z", STORY);
        let row = |bucket: &str, customers, repeated, share: f64| json!({"bucket": bucket, "customers": customers, "repeated": repeated, "share": share});
        assert_eq!(answer["rows"], json!([row("2023-12-01", 1, 0, 0.0), row("2024-01-01", 3, 1, 1.0 / 3.0)]));
        assert_eq!(answer["first_to_second"]["count"], 3);
        // From the sixth of January to the first of March.
        assert_eq!(answer["nth_to_next"]["median_seconds"], json!(55.0 * 86_400.0));
    }

    #[test]
    fn of_nobody_there_is_no_quantile() {
        let query = json!({"kind": "repurchase", "activity": "visit"});
        let waits = json!({"count": 0, "censored": 0, "median_seconds": null, "p90_seconds": null});
        let expected = json!({"rows": [], "first_to_second": waits, "nth_to_next": waits});
        assert_eq!(answer(&query, "2024-06-01T00:00:00Z", STORY), expected);
    }

    #[test]
    fn a_breakdown_is_by_the_first_purchase() {
        let query = json!({"kind": "repurchase", "breakdown": {"property": "channel"}});
        let answer = answer(&query, "2024-06-01T00:00:00Z", STORY);
        let values: Vec<&String> = answer["by_value"].as_object().unwrap().keys().collect();
        assert_eq!(values, ["", "web"]);
        let error = refused(&json!({"kind": "repurchase", "count_by": {"customer_and": "device"}}));
        assert!(error.starts_with("count_by.customer_and: "), "{error}");
    }
}
