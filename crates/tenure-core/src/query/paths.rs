//! Paths: what customers did after something, or before it.

use serde::{Deserialize, Serialize};

use super::QueryError;
use super::selector::{Filter, Selector};

/// A question about paths.
///
/// # Example
/// ```
/// use tenure_core::query::PathsQuery;
/// let paths: PathsQuery = serde_json::from_str(r#"{"anchor": "signed_up"}"#)?;
/// assert!(paths.collapse_repeats);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathsQuery {
    /// Where a path begins, or ends.
    pub anchor: Selector,
    /// Each customer's first anchor, or each.
    #[serde(default)]
    pub anchors: Anchors,
    /// What comes after it, or what came before.
    #[serde(default)]
    pub direction: PathDirection,
    /// How many facts a path has at most, without its anchor: 1 to 100.
    #[serde(default = "five")]
    pub depth: usize,
    /// Whether equal names one after the other are one.
    #[serde(default = "yes")]
    pub collapse_repeats: bool,
    /// What must hold of the facts of a path.
    #[serde(default, rename = "where")]
    pub filter: Filter,
    /// How far from its anchor a path reaches, inclusive; at least 1.
    #[serde(default = "thirty_days")]
    pub window_seconds: u64,
    /// The smallest share of the paths that is shown, 0 to 1; what is left out is counted.
    #[serde(default)]
    pub min_share: f64,
    /// Two groups of customers to compare, by tests of their profile as of the anchor.
    #[serde(default)]
    pub compare: Option<[Filter; 2]>,
}

const fn five() -> usize {
    5
}

const fn yes() -> bool {
    true
}

const fn thirty_days() -> u64 {
    2_592_000
}

/// Each customer's first anchor, or each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anchors {
    /// The first one in range.
    #[default]
    First,
    /// Every one in range.
    Each,
}

/// What comes after an anchor, or what came before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathDirection {
    /// After it.
    #[default]
    After,
    /// Before it, the nearest first.
    Before,
}

impl PathsQuery {
    pub(super) fn check(&self) -> Result<(), QueryError> {
        if !(1..=100).contains(&self.depth) {
            return Err(QueryError::new("depth", format!("{}: a path has 1 to 100 facts", self.depth)));
        }
        if self.window_seconds == 0 {
            return Err(QueryError::new("window_seconds", "0: a window is at least 1 second"));
        }
        if !(0.0..=1.0).contains(&self.min_share) {
            return Err(QueryError::new(
                "min_share",
                format!("{}: a share is between 0 and 1", self.min_share),
            ));
        }
        Ok(())
    }
}
