//! Retention: of those who started in a bucket, how many come back in the buckets after it.

mod one_row;
mod rows;

use serde::{Deserialize, Serialize};

use one_row::OneRowCourse;
pub use one_row::{OneRowState, OneRowSum, RetentionRow};
use rows::RowsCourse;
pub use rows::{CohortRow, RetentionTable, RowsState, RowsSum, Tallied};

use super::asked::Asked;
use super::breakdown::{Attribution, Breakdown, CountBy, check_without_steps};
use super::bucket::{Buckets, Period, Span, WeekStart};
use super::course::Course;
use super::lens::{Besides, Glance, Word, Words};
use super::selector::Selector;
use super::standing::Terms;
use super::{Ask, Query, QueryError};
use crate::fold::Fingerprint;
use crate::time::Timestamp;

/// A retention table.
///
/// # Example
/// ```
/// use tenure_core::query::{RetentionMode, RetentionQuery};
/// let retention: RetentionQuery = serde_json::from_str(r#"{"start": "order_placed", "return": "order_placed"}"#)?;
/// assert_eq!(retention.mode, RetentionMode::FirstTime);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RetentionQuery {
    /// What starts; any fact by the customer where it is left out.
    pub start: Selector,
    /// What is a return; any fact by the customer where it is left out.
    #[serde(rename = "return")]
    pub returning: Selector,
    /// How long a bucket is.
    pub period: Period,
    /// On which day a week starts.
    pub week_start: WeekStart,
    /// How many return facts a bucket needs at least; at least 1.
    pub min_occurrences: u32,
    /// Whether customers start once.
    pub mode: RetentionMode,
    /// Whether a later return counts for the buckets before it.
    pub return_rule: ReturnRule,
    /// Whether rows end where the range ends.
    pub shape: Shape,
    /// How many buckets after its first a row of the rectangular shape has; none: as many as the first row of all has.
    /// One row: how many offsets it has; none: as many as fit between the range's first bucket and `as_of`.
    pub columns: Option<usize>,
    /// By what the answer is broken down, as of the start fact.
    pub breakdown: Option<Breakdown>,
    /// What is counted.
    pub count_by: CountBy,
    /// What is measured.
    pub measure: Measure,
    /// A row for each bucket, or one for all.
    pub output: RetentionOutput,
    /// One row alone: what an offset is.
    pub clock: Clock,
    /// One row alone, rolling clock: whether a start counts from the beginning of its hour.
    pub truncate_start_to_hour: bool,
    /// One row alone: inclusive ranges of offsets instead of single ones.
    pub brackets: Vec<(u32, u32)>,
}

impl Default for RetentionQuery {
    fn default() -> Self {
        Self {
            start: Selector::ANY,
            returning: Selector::ANY,
            period: Period::default(),
            week_start: WeekStart::default(),
            min_occurrences: 1,
            mode: RetentionMode::default(),
            return_rule: ReturnRule::default(),
            shape: Shape::default(),
            columns: None,
            breakdown: None,
            count_by: CountBy::default(),
            measure: Measure::default(),
            output: RetentionOutput::default(),
            clock: Clock::default(),
            truncate_start_to_hour: false,
            brackets: Vec::new(),
        }
    }
}

/// Whether customers start once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetentionMode {
    /// In the bucket of the first start fact in the whole history alone.
    #[default]
    FirstTime,
    /// In every bucket with a start fact.
    Recurring,
}

/// Whether a later return counts for the buckets before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReturnRule {
    /// A return counts in its bucket.
    #[default]
    On,
    /// A return counts in its bucket and in all between the start and it.
    OnOrAfter,
}

/// Whether rows end where the range ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A later row is shorter: no row reaches behind the range.
    #[default]
    Triangle,
    /// All rows are equally long; the later ones reach behind the range, up to `as_of`.
    Rectangular,
}

/// What is measured of those who come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// How many customers.
    #[default]
    Customers,
    /// The amounts of their return facts, by currency.
    Sum,
    /// The number of their return facts.
    Count,
}

/// A row for each bucket, or one for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetentionOutput {
    /// A row for each bucket of starts.
    #[default]
    Rows,
    /// One row: offsets from each customer's own first start.
    OneRow,
}

/// What an offset from the start is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Calendar buckets.
    #[default]
    Calendar,
    /// Elapsed time: an hour, 24 hours, 7, 30, 90 or 365 days.
    Rolling,
}

impl RetentionQuery {
    pub(super) fn check(&self) -> Result<(), QueryError> {
        if self.min_occurrences == 0 {
            return Err(QueryError::new("min_occurrences", "0: a return needs at least 1 fact"));
        }
        if self.columns == Some(0) {
            return Err(QueryError::new("columns", "0: a row has at least 1 bucket after its first"));
        }
        for (index, (first, last)) in self.brackets.iter().enumerate() {
            if first > last {
                let why = format!("[{first}, {last}]: the first offset of a bracket is not after its last");
                return Err(QueryError::new(format!("brackets[{index}]"), why));
            }
        }
        // What would go unheard is refused.
        let one_row = self.output == RetentionOutput::OneRow;
        let recurring = self.mode == RetentionMode::Recurring;
        let rectangular = self.shape == Shape::Rectangular;
        let unheard = [
            (
                !one_row && self.clock == Clock::Rolling,
                "clock",
                "rolling: it is for the output \"one_row\" alone",
            ),
            (
                self.truncate_start_to_hour && !(one_row && self.clock == Clock::Rolling),
                "truncate_start_to_hour",
                "true: it is for the rolling clock of the output \"one_row\" alone",
            ),
            (!one_row && !self.brackets.is_empty(), "brackets", "they are for the output \"one_row\" alone"),
            (one_row && recurring, "mode", "recurring: one row is of first starts"),
            (
                one_row && self.return_rule == ReturnRule::OnOrAfter,
                "return_rule",
                "on_or_after: it is for the output \"rows\" alone; write brackets",
            ),
            (one_row && self.measure != Measure::Customers, "measure", "one row counts customers alone"),
            (one_row && rectangular, "shape", "rectangular: it is for the output \"rows\" alone"),
            (
                self.columns.is_some() && !(one_row && self.brackets.is_empty() || !one_row && rectangular),
                "columns",
                "it is for the shape \"rectangular\", and for one row without brackets",
            ),
        ];
        for (is_unheard, field, why) in unheard {
            if is_unheard {
                return Err(QueryError::new(field, why));
            }
        }
        check_without_steps(self.breakdown.as_ref(), &self.count_by)?;
        let all_events = |by: &Breakdown| by.attribution == Attribution::AllEvents;
        if recurring && self.breakdown.as_ref().is_some_and(all_events) {
            let why = "all_events: with the mode \"recurring\" write first_touch or last_touch";
            return Err(QueryError::new("breakdown.attribution", why));
        }
        Ok(())
    }
}

impl Query {
    /// A question about retention made ready, as of an instant; none for another kind.
    ///
    /// # Errors
    /// [`QueryError`] for a breakdown that the terms cannot give.
    pub fn retention(
        &self,
        terms: &Terms,
        as_of: Timestamp,
    ) -> Result<Option<Asked<RetentionCourse>>, QueryError> {
        let Ask::Retention(ask) = &self.ask else { return Ok(None) };
        let buckets = Buckets::new(ask.period, ask.week_start, self.frame.zone());
        let span = Span::new(buckets, &self.frame, as_of)?;
        let course = match ask.output {
            RetentionOutput::Rows => RetentionCourse::Rows(RowsCourse::new(ask, span)),
            RetentionOutput::OneRow => RetentionCourse::OneRow(OneRowCourse::new(ask, span)),
        };
        let selectors = [&ask.start, &ask.returning];
        Asked::new(course, self, terms, &selectors, Besides::None, ask.breakdown.as_ref(), &ask.count_by)
            .map(Some)
    }
}

/// The bit of a start, and that of a return.
const START: u64 = 1;
const RETURN: u64 = 2;

/// How retention is seen in one history.
#[derive(Clone, Debug)]
pub enum RetentionCourse {
    /// For a row a bucket.
    Rows(RowsCourse),
    /// For one row.
    OneRow(OneRowCourse),
}

/// What is remembered of one history: counts by bucket, no facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RetentionState {
    /// For a row a bucket.
    Rows(RowsState),
    /// For one row.
    OneRow(OneRowState),
}

/// How many come back.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum RetentionAnswer {
    /// A row a bucket.
    Rows(RetentionTable),
    /// One row.
    OneRow(RetentionRow),
}

impl Course for RetentionCourse {
    type State = RetentionState;
    type Outcome = RetentionState;
    type Sum = (RowsSum, OneRowSum);
    type Answer = RetentionAnswer;

    fn begin(&self) -> RetentionState {
        match self {
            Self::Rows(_) => RetentionState::Rows(RowsState::default()),
            Self::OneRow(_) => RetentionState::OneRow(OneRowState::default()),
        }
    }

    #[expect(clippy::inline_always, reason = "part of the fold's loop")]
    #[inline(always)]
    fn step(&self, state: &mut RetentionState, at: Timestamp, fact: Glance) {
        match (self, state) {
            (Self::Rows(course), RetentionState::Rows(state)) => course.step(state, at, fact),
            (Self::OneRow(course), RetentionState::OneRow(state)) => course.step(state, at, fact),
            // Never: each begins with its own state.
            _ => {}
        }
    }

    fn outcome(&self, state: &RetentionState, _: &Words, _: Timestamp) -> Option<RetentionState> {
        let counts = match state {
            RetentionState::Rows(state) => state.counts(),
            RetentionState::OneRow(state) => state.counts(),
        };
        counts.then(|| state.clone())
    }

    fn keeps_values(&self) -> bool {
        match self {
            Self::Rows(course) => course.keeps_values(),
            Self::OneRow(_) => true,
        }
    }

    fn value(&self, outcome: &RetentionState) -> Option<Word> {
        match (self, outcome) {
            (Self::Rows(course), RetentionState::Rows(state)) => course.value(state),
            (_, RetentionState::OneRow(state)) => state.value(),
            _ => None,
        }
    }

    fn add(&self, (rows, one_row): &mut Self::Sum, _: &str, outcome: &RetentionState) {
        match (self, outcome) {
            (Self::Rows(course), RetentionState::Rows(state)) => course.add(rows, state),
            (Self::OneRow(course), RetentionState::OneRow(state)) => course.add(one_row, state),
            _ => {}
        }
    }

    fn merge(&self, (rows, one_row): &mut Self::Sum, other: Self::Sum) {
        rows.merge(other.0);
        one_row.merge(other.1);
    }

    fn finish(&self, (rows, one_row): Self::Sum) -> RetentionAnswer {
        match self {
            Self::Rows(course) => RetentionAnswer::Rows(course.finish(&rows)),
            Self::OneRow(course) => RetentionAnswer::OneRow(course.finish(&one_row)),
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("retention", 1, &())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::query::worked::refused;

    #[test]
    fn what_would_go_unheard_is_refused_with_its_place() {
        let one_row = |more: Value| {
            let mut query = more;
            query["output"] = "one_row".into();
            query
        };
        for (query, why) in [
            (json!({"clock": "rolling"}), "clock: rolling"),
            (json!({"truncate_start_to_hour": true}), "truncate_start_to_hour: true"),
            (one_row(json!({"truncate_start_to_hour": true})), "truncate_start_to_hour: true"),
            (json!({"brackets": [[0, 1]]}), "brackets: they are"),
            (one_row(json!({"brackets": [[0, 1], [3, 2]]})), "brackets[1]: [3, 2]"),
            (one_row(json!({"mode": "recurring"})), "mode: recurring"),
            (one_row(json!({"return_rule": "on_or_after"})), "return_rule: on_or_after"),
            (one_row(json!({"measure": "sum"})), "measure: one row"),
            (one_row(json!({"shape": "rectangular"})), "shape: rectangular"),
            (json!({"columns": 3}), "columns: it is for"),
            (one_row(json!({"columns": 3, "brackets": [[0, 1]]})), "columns: it is for"),
            (json!({"shape": "rectangular", "columns": 0}), "columns: 0"),
            (json!({"count_by": {"customer_and": "device"}}), "count_by.customer_and: \"device\""),
            (json!({"breakdown": {"property": "x", "attribution": "step"}}), "breakdown.attribution: step"),
            (json!({"breakdown": {"property": "x", "step": 0}}), "breakdown.step: 0"),
            (json!({"breakdown": {}}), "breakdown.property: missing"),
            (json!({"breakdown": {"scope": "owner", "property": "x"}}), "breakdown.property: \"x\""),
            (
                json!({"mode": "recurring", "breakdown": {"property": "x", "attribution": "all_events"}}),
                "breakdown.attribution: all_events",
            ),
        ] {
            let mut query = query;
            query["kind"] = "retention".into();
            let error = refused(&query);
            assert!(error.starts_with(why), "{query}: {error}");
        }
    }
}
