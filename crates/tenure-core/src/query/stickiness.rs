//! Stickiness: in how many buckets of a range customers were active.

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
use crate::fold::Fingerprint;
use crate::time::Timestamp;

/// A question about stickiness. The range needs both bounds, so that the number of buckets is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct StickinessQuery {
    /// What makes a customer active; any fact by the customer where it is left out.
    pub activity: Selector,
    /// How long a bucket is.
    pub period: Period,
    /// On which day a week starts.
    pub week_start: WeekStart,
    /// By what the answer is broken down, as of the first active fact in range.
    pub breakdown: Option<Breakdown>,
    /// What is counted.
    pub count_by: CountBy,
}

impl Default for StickinessQuery {
    fn default() -> Self {
        Self {
            activity: Selector::ANY,
            period: Period::default(),
            week_start: WeekStart::default(),
            breakdown: None,
            count_by: CountBy::default(),
        }
    }
}

impl StickinessQuery {
    pub(super) fn check(&self) -> Result<(), QueryError> {
        check_without_steps(self.breakdown.as_ref(), &self.count_by)
    }
}

/// How stickiness is seen in one history.
#[derive(Clone, Debug)]
pub struct StickinessCourse {
    span: Span,
}

/// In how many buckets of the range somebody was active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StickinessState {
    buckets: u32,
    last: Option<i64>,
    /// That of the first active fact in range.
    value: Word,
}

/// How many customers were active in how many buckets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StickinessAnswer {
    /// How many buckets there are, up to that of `as_of`.
    pub buckets: usize,
    /// How many were active in exactly 1, 2, 3 and so on of them.
    pub exactly: Vec<u64>,
    /// How many were active in at least so many.
    pub at_least: Vec<u64>,
}

impl Query {
    /// A question about stickiness made ready, as of an instant; none for another kind.
    ///
    /// # Errors
    /// [`QueryError`] for a breakdown that the terms cannot give.
    pub fn stickiness(
        &self,
        terms: &Terms,
        as_of: Timestamp,
    ) -> Result<Option<Asked<StickinessCourse>>, QueryError> {
        let Ask::Stickiness(ask) = &self.ask else { return Ok(None) };
        let buckets = Buckets::new(ask.period, ask.week_start, self.frame.zone());
        let course = StickinessCourse { span: Span::new(buckets, &self.frame, as_of)? };
        let selectors = [&ask.activity];
        Asked::new(course, self, terms, &selectors, Besides::None, ask.breakdown.as_ref(), &ask.count_by)
            .map(Some)
    }
}

impl Course for StickinessCourse {
    type State = StickinessState;
    type Outcome = StickinessState;
    /// By the number of buckets.
    type Sum = BTreeMap<u32, u64>;
    type Answer = StickinessAnswer;

    fn begin(&self) -> StickinessState {
        StickinessState { buckets: 0, last: None, value: Word::NONE }
    }

    #[expect(clippy::inline_always, reason = "part of the fold's loop")]
    #[inline(always)]
    fn step(&self, state: &mut StickinessState, at: Timestamp, active: Glance) {
        let bucket = self.span.buckets().number(at);
        if state.last == Some(bucket) || !self.span.holds(bucket) {
            return;
        }
        if state.last.is_none() {
            state.value = active.value;
        }
        state.last = Some(bucket);
        state.buckets += 1;
    }

    fn outcome(&self, state: &StickinessState, _: &Words, _: Timestamp) -> Option<StickinessState> {
        state.last.map(|_| state.clone())
    }

    fn keeps_values(&self) -> bool {
        true
    }

    fn value(&self, outcome: &StickinessState) -> Option<Word> {
        Some(outcome.value)
    }

    fn add(&self, sum: &mut Self::Sum, _: &str, outcome: &StickinessState) {
        *sum.entry(outcome.buckets).or_default() += 1;
    }

    fn merge(&self, into: &mut Self::Sum, other: Self::Sum) {
        for (buckets, customers) in other {
            *into.entry(buckets).or_default() += customers;
        }
    }

    fn finish(&self, sum: Self::Sum) -> StickinessAnswer {
        let exactly: Vec<u64> = (1..)
            .zip(self.span.numbers(None))
            .map(|(buckets, _)| sum.get(&buckets).copied().unwrap_or(0))
            .collect();
        let more = exactly.iter().rev().scan(0, |all, customers| {
            *all += customers;
            Some(*all)
        });
        let mut at_least: Vec<u64> = more.collect();
        at_least.reverse();
        StickinessAnswer { buckets: exactly.len(), exactly, at_least }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("stickiness", 1, &())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::query::worked::{answer, refused};

    const STORY: &str = "
        ann 2024-05-01T01:00:00 visit
        ann 2024-05-01T10:00:00 visit channel=web
        ann 2024-05-02T10:00:00 visit channel=app
        ann 2024-05-03T10:00:00 visit
        ann 2024-05-03T10:00:00 tag_added
        bob 2024-05-02T10:00:00 visit channel=app
        bob 2024-05-04T10:00:00 visit channel=app
        cyd 2024-04-30T23:59:59 visit
        dan 2024-05-03T10:00:00 tag_added
    ";

    #[test]
    fn buckets_of_the_range_are_counted_each_once() {
        let query = json!({
            "kind": "stickiness", "from": "2024-05-01T12:00:00", "to": "2024-05-04T12:00:00",
        });
        let expected = json!({"buckets": 3, "exactly": [1, 0, 1], "at_least": [2, 1, 1]});
        assert_eq!(answer(&query, "2024-06-01T00:00:00Z", STORY), expected);
        // What is later than `as_of` is no bucket yet.
        let early = json!({"buckets": 2, "exactly": [1, 1], "at_least": [2, 1]});
        assert_eq!(answer(&query, "2024-05-02T12:00:00Z", STORY), early);
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let query = json!({
            "kind": "stickiness", "from": "2024-05-01T00:00:00", "to": "2024-05-05T00:00:00",
            "timezone": "America/New_York",
        });
        // Ann's first visit is on the last of April there.
        let expected = json!({"buckets": 4, "exactly": [0, 1, 1, 0], "at_least": [2, 2, 1, 0]});
        assert_eq!(answer(&query, "2024-06-01T00:00:00Z", STORY), expected);
    }

    #[test]
    fn a_breakdown_is_by_the_first_active_fact_in_range() {
        let query = json!({
            "kind": "stickiness", "from": "2024-05-01T00:00:00", "to": "2024-05-03T00:00:00",
            "breakdown": {"property": "channel"},
        });
        let one = |exactly: [u64; 2]| json!({"buckets": 2, "exactly": exactly, "at_least": [1, exactly[1]]});
        let expected = json!({"by_value": {"": one([0, 1]), "app": one([1, 0])}});
        assert_eq!(answer(&query, "2024-06-01T00:00:00Z", STORY), expected);
    }

    #[test]
    fn the_range_needs_both_bounds_and_a_customer_is_one() {
        let open = refused(&json!({"kind": "stickiness", "from": "2024-05-01T00:00:00"}));
        assert!(open.starts_with("to: missing"), "{open}");
        let held = refused(&json!({
            "kind": "stickiness", "from": "2024-05-01T00:00:00", "to": "2024-05-03T00:00:00",
            "count_by": {"customer_and": "device"},
        }));
        assert!(held.starts_with("count_by.customer_and: "), "{held}");
    }
}
