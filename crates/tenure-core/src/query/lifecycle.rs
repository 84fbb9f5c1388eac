//! Lifecycle movement: who is new, returning, resurrecting or dormant, bucket by bucket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::asked::Asked;
use super::breakdown::{Breakdown, CountBy, check_without_steps};
use super::bucket::{Buckets, Period, Span, WeekStart};
use super::bucket_set::BucketSet;
use super::course::Course;
use super::lens::{Besides, Glance, Words};
use super::selector::Selector;
use super::standing::Terms;
use super::{Query, QueryError};
use crate::event::Kind;
use crate::fold::Fingerprint;
use crate::time::Timestamp;

/// A question about movement.
///
/// # Example
/// ```
/// use tenure_core::query::{LifecycleQuery, NewBasis};
/// let movement: LifecycleQuery = serde_json::from_str(r#"{"activity": "order_placed", "period": "month"}"#)?;
/// assert_eq!(movement.new_basis, NewBasis::FirstEvent);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LifecycleQuery {
    /// What makes a customer active; any fact by the customer where it is left out.
    pub activity: Selector,
    /// How long a bucket is.
    pub period: Period,
    /// On which day a week starts.
    pub week_start: WeekStart,
    /// What makes a customer new.
    pub new_basis: NewBasis,
    /// By what the answer is broken down: the customer's first or last value in range.
    pub breakdown: Option<Breakdown>,
    /// What is counted.
    pub count_by: CountBy,
}

impl Default for LifecycleQuery {
    fn default() -> Self {
        Self {
            activity: Selector::ANY,
            period: Period::default(),
            week_start: WeekStart::default(),
            new_basis: NewBasis::default(),
            breakdown: None,
            count_by: CountBy::default(),
        }
    }
}

/// What the birth of a customer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum NewBasis {
    /// The first matching fact in the whole history.
    #[default]
    FirstEvent,
    /// The first `lead_captured`, `signed_up` or `profile_updated`.
    ProfileCreated,
}

/// How movement is seen in one history: one bit for activity, one for what a birth is.
#[derive(Clone, Debug)]
pub struct LifecycleCourse {
    span: Span,
    basis: NewBasis,
}

const ACTIVE: u64 = 1;
const BIRTH: u64 = 2;

/// The buckets in which somebody was active, of the range and the one before it, and that of the birth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LifecycleState {
    active: BucketSet,
    born: Option<i64>,
}

/// What somebody was in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Movement {
    /// Active, in the bucket of the birth.
    New,
    /// Active, and active in the bucket before.
    Returning,
    /// Active, and not in the bucket before.
    Resurrecting,
    /// Not active, but active in the bucket before.
    Dormant,
}

/// How many were what in each bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LifecycleAnswer {
    /// The buckets, from the first to the last one, none left out.
    pub buckets: Vec<String>,
    /// Whether each is over at `as_of`.
    pub complete: Vec<bool>,
    /// What a birth is.
    pub new_basis: NewBasis,
    /// Active, in the bucket of their birth.
    pub new: Vec<u64>,
    /// Active, as in the bucket before.
    pub returning: Vec<u64>,
    /// Active, and not in the bucket before.
    pub resurrecting: Vec<u64>,
    /// No longer active; a positive number.
    pub dormant: Vec<u64>,
}

impl LifecycleQuery {
    pub(super) fn check(&self) -> Result<(), QueryError> {
        check_without_steps(self.breakdown.as_ref(), &self.count_by)
    }
}

impl Query {
    /// A question about movement made ready, as of an instant; none for another kind.
    ///
    /// # Errors
    /// [`QueryError`] for a breakdown that the terms cannot give.
    pub fn lifecycle(
        &self,
        terms: &Terms,
        as_of: Timestamp,
    ) -> Result<Option<Asked<LifecycleCourse>>, QueryError> {
        let super::Ask::Lifecycle(ask) = &self.ask else { return Ok(None) };
        let births = [Kind::LeadCaptured, Kind::SignedUp, Kind::ProfileUpdated];
        let births = births.map(|kind| kind.name().into()).to_vec();
        let births = Selector::new(Some(births), Vec::new())
            .map_err(|error| QueryError::new("", error.to_string()))?;
        let selectors = match ask.new_basis {
            NewBasis::FirstEvent => vec![&ask.activity],
            NewBasis::ProfileCreated => vec![&ask.activity, &births],
        };
        let buckets = Buckets::new(ask.period, ask.week_start, self.frame.zone());
        let course = LifecycleCourse { span: Span::new(buckets, &self.frame, as_of)?, basis: ask.new_basis };
        Asked::new(course, self, terms, &selectors, Besides::None, ask.breakdown.as_ref(), &ask.count_by)
            .map(Some)
    }
}

impl Course for LifecycleCourse {
    type State = LifecycleState;
    /// Bucket by bucket, ascending.
    type Outcome = Vec<(i64, Movement)>;
    type Sum = BTreeMap<i64, [u64; 4]>;
    type Answer = LifecycleAnswer;

    fn begin(&self) -> LifecycleState {
        LifecycleState::default()
    }

    #[expect(clippy::inline_always, reason = "part of the fold's loop")]
    #[inline(always)]
    fn step(&self, state: &mut LifecycleState, at: Timestamp, fact: Glance) {
        let birth = if self.basis == NewBasis::FirstEvent { ACTIVE } else { BIRTH };
        let bucket = self.span.buckets().number(at);
        if fact.met & birth != 0 {
            state.born.get_or_insert(bucket);
        }
        // One before the range is looked back to.
        let counts = self.span.holds(bucket) || self.span.holds(bucket + 1);
        if fact.met & ACTIVE != 0 && counts {
            state.active.insert(bucket);
        }
    }

    fn outcome(&self, state: &LifecycleState, _: &Words, _: Timestamp) -> Option<Self::Outcome> {
        let mut moves = Vec::new();
        let mut before = None;
        let mut active = state.active.iter().peekable();
        while let Some(bucket) = active.next() {
            let movement = match before {
                _ if state.born == Some(bucket) => Movement::New,
                Some(before) if before + 1 == bucket => Movement::Returning,
                _ => Movement::Resurrecting,
            };
            moves.push((bucket, movement));
            if active.peek() != Some(&(bucket + 1)) {
                moves.push((bucket + 1, Movement::Dormant));
            }
            before = Some(bucket);
        }
        moves.retain(|(bucket, _)| self.span.holds(*bucket));
        (!moves.is_empty()).then_some(moves)
    }

    fn add(&self, sum: &mut Self::Sum, _: &str, outcome: &Self::Outcome) {
        for (bucket, movement) in outcome {
            if let Some(count) = sum.entry(*bucket).or_default().get_mut(*movement as usize) {
                *count += 1;
            }
        }
    }

    fn merge(&self, into: &mut Self::Sum, other: Self::Sum) {
        for (bucket, counts) in other {
            let of = into.entry(bucket).or_default();
            of.iter_mut().zip(counts).for_each(|(count, more)| *count += more);
        }
    }

    fn finish(&self, sum: Self::Sum) -> LifecycleAnswer {
        let numbers: Vec<i64> = self.span.numbers(sum.keys().next().copied()).collect();
        let column = |movement: Movement| {
            let count = |number| sum.get(number).and_then(|counts| counts.get(movement as usize)).copied();
            numbers.iter().map(|number| count(number).unwrap_or(0)).collect()
        };
        LifecycleAnswer {
            buckets: numbers.iter().map(|number| self.span.buckets().name(*number)).collect(),
            complete: numbers.iter().map(|number| self.span.is_over(*number)).collect(),
            new_basis: self.basis,
            new: column(Movement::New),
            returning: column(Movement::Returning),
            resurrecting: column(Movement::Resurrecting),
            dormant: column(Movement::Dormant),
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("lifecycle", 1, &())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::query::worked::{answer, refused};

    fn ask(more: &Value, as_of: &str, story: &str) -> Value {
        let mut query = json!({"kind": "lifecycle", "activity": "order_placed"});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        answer(&query, as_of, story)
    }

    const ANN: &str = "
        ann 2024-05-01T10:00:00 order_placed
        ann 2024-05-02T10:00:00 order_placed
        ann 2024-05-04T10:00:00 order_placed channel=web
        ann 2024-05-05T10:00:00 order_placed
    ";

    #[test]
    fn somebody_is_new_returns_goes_and_comes_back() {
        let expected = json!({
            "buckets": ["2024-05-01", "2024-05-02", "2024-05-03", "2024-05-04", "2024-05-05", "2024-05-06"],
            "complete": [true, true, true, true, true, true],
            "new_basis": "first_event",
            "new": [1, 0, 0, 0, 0, 0],
            "returning": [0, 1, 0, 0, 1, 0],
            "resurrecting": [0, 0, 0, 1, 0, 0],
            "dormant": [0, 0, 1, 0, 0, 1],
        });
        assert_eq!(ask(&json!({}), "2024-05-06T23:59:59.999999Z", ANN), expected);
    }

    #[test]
    fn the_bucket_before_the_range_is_looked_back_to() {
        let moves = |from: &str| {
            let range = json!({"from": format!("{from}T18:00:00"), "to": "2024-05-05T18:00:00"});
            let answer = ask(&range, "2024-05-31T00:00:00Z", ANN);
            let column = |name: &str| answer[name].clone();
            [column("buckets"), column("new"), column("returning"), column("resurrecting"), column("dormant")]
        };
        let days = json!(["2024-05-03", "2024-05-04"]);
        assert_eq!(moves("2024-05-03"), [days, json!([0, 0]), json!([0, 0]), json!([0, 1]), json!([1, 0])]);
        let days = json!(["2024-05-02", "2024-05-03", "2024-05-04"]);
        let none = json!([0, 0, 0]);
        assert_eq!(moves("2024-05-02"), [days, none, json!([1, 0, 0]), json!([0, 0, 1]), json!([0, 1, 0])]);
    }

    #[test]
    fn a_birth_may_be_that_of_the_profile() {
        let story = "
            ann 2024-05-01T10:00:00 order_placed
            ann 2024-05-02T09:00:00 order_placed
            ann 2024-05-02T10:00:00 profile_updated city=Ulm
            ann 2024-05-04T10:00:00 signed_up
            ann 2024-05-04T10:00:00 order_placed
            bob 2024-05-01T10:00:00 lead_captured
            bob 2024-05-02T10:00:00 order_placed
            cyd 2024-05-02T10:00:00 order_placed
        ";
        let answer = ask(&json!({"new_basis": "profile_created"}), "2024-05-04T12:00:00Z", story);
        assert_eq!(answer["new_basis"], "profile_created");
        // Ann on the second, although she was active before; Bob never, as nothing was ordered when he was born.
        assert_eq!(answer["new"], json!([0, 1, 0, 0]));
        assert_eq!(answer["returning"], json!([0, 0, 0, 0]));
        assert_eq!(answer["resurrecting"], json!([1, 2, 0, 1]));
        assert_eq!(answer["dormant"], json!([0, 0, 3, 0]));
        assert_eq!(answer["complete"], json!([true, true, true, false]));
    }

    #[test]
    fn a_breakdown_is_by_the_first_value_in_range() {
        let by = json!({"breakdown": {"property": "channel"}, "from": "2024-05-04T00:00:00"});
        let answer = ask(&by, "2024-05-05T12:00:00Z", ANN);
        assert_eq!(answer["by_value"]["web"]["returning"], json!([0, 1]));
        let error = refused(&json!({"kind": "lifecycle", "count_by": {"customer_and": "device"}}));
        assert!(error.starts_with("count_by.customer_and: "), "{error}");
        let error = refused(&json!({"kind": "lifecycle", "breakdown": {"scope": "tag"}}));
        assert!(error.starts_with("breakdown.property: missing"), "{error}");
    }
}
