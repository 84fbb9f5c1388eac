//! Retention: of those who started in a bucket, how many come back in the buckets after it.

use serde::{Deserialize, Serialize};

use super::QueryError;
use super::breakdown::{Breakdown, CountBy};
use super::bucket::{Period, WeekStart};
use super::selector::Selector;

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
    /// How many buckets after its first a row of the rectangular shape has; none: as many as the range has.
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
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Calendar buckets.
    #[default]
    Calendar,
    /// Elapsed time: an hour, 24 hours, 7 days, 30 days.
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
        Ok(())
    }
}
