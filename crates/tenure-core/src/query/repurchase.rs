//! Repurchase: how many make another purchase, and how long that takes.

use serde::{Deserialize, Serialize};

use super::QueryError;
use super::breakdown::{Breakdown, CountBy};
use super::bucket::{Period, WeekStart};
use super::selector::Selector;
use crate::event::Kind;

/// A question about repeated purchases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
        Ok(())
    }
}
