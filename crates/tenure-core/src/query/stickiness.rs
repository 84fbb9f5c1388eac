//! Stickiness: in how many buckets of a range customers were active.

use serde::{Deserialize, Serialize};

use super::breakdown::{Breakdown, CountBy};
use super::bucket::{Period, WeekStart};
use super::selector::Selector;

/// A question about stickiness. The range needs both bounds, so that the number of buckets is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
