//! Transitions: who moved from which stage to which, when, and how long stays last.

use serde::{Deserialize, Serialize};

use super::bucket::{Period, WeekStart};

/// A question about the stages of the policy between `from` and `to` (or `as_of`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransitionsQuery {
    /// How long a bucket of the flows is; none: no flows.
    pub period: Option<Period>,
    /// On which day a week starts.
    pub week_start: WeekStart,
}
