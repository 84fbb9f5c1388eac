//! How good scores are, given what happened. Scores that are equal are treated alike: the order of items decides nothing,
//! not even the last bit.

mod bootstrap;
mod probability;
mod ranking;

pub use bootstrap::{Resampling, ece_interval};
pub use probability::{ReliabilityBin, brier, brier_skill, ece, log_loss, reliability};
pub use ranking::{Capture, auc, capture, pr_auc};

use crate::error::{StatsError, finite};
use crate::special::count;

/// A score and what happened: positive if what the score is high for came true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The score: any number for rankings, a probability where one is asked for.
    pub score: f64,
    /// Whether it came true.
    pub positive: bool,
}

/// By score and label, ascending; at least one.
fn sorted(scored: &[Scored]) -> Result<Vec<Scored>, StatsError> {
    if scored.is_empty() {
        return Err(StatsError::TooFew { what: "scores", seen: 0, needed: 1 });
    }
    let mut items = Vec::with_capacity(scored.len());
    for item in scored {
        // Adding 0 makes −0 into 0.
        items.push(Scored { score: finite("a score", item.score)? + 0.0, positive: item.positive });
    }
    items.sort_unstable_by(|a, b| a.score.total_cmp(&b.score).then(a.positive.cmp(&b.positive)));
    Ok(items)
}

/// The same, of probabilities.
fn probabilities(scored: &[Scored]) -> Result<Vec<Scored>, StatsError> {
    if let Some(Scored { score, .. }) = scored.iter().find(|item| !(0.0..=1.0).contains(&item.score)) {
        return Err(StatsError::Domain { name: "a probability", value: *score, expected: "between 0 and 1" });
    }
    sorted(scored)
}

/// The same as `sorted`, in groups of equal scores with their sizes and numbers of positives, and the two totals.
pub(crate) struct Ties {
    pub(crate) groups: Vec<Tie>,
    seen: usize,
    pub(crate) items: f64,
    pub(crate) positives: f64,
}

/// Items with one score.
pub(crate) struct Tie {
    pub(crate) score: f64,
    pub(crate) items: f64,
    pub(crate) positives: f64,
}

impl Ties {
    pub(crate) fn of(scored: &[Scored]) -> Result<Self, StatsError> {
        let groups = sorted(scored)?
            .chunk_by(|a, b| a.score.total_cmp(&b.score).is_eq())
            .filter_map(|group| {
                let score = group.first()?.score;
                let positives = count(group.iter().filter(|item| item.positive).count());
                Some(Tie { score, items: count(group.len()), positives })
            })
            .collect();
        let positives = count(scored.iter().filter(|item| item.positive).count());
        Ok(Self { groups, seen: scored.len(), items: count(scored.len()), positives })
    }

    /// Refuses labels of one class.
    pub(crate) fn both_classes(self) -> Result<Self, StatsError> {
        let some = self.positives > 0.0;
        if some && self.positives < self.items {
            Ok(self)
        } else {
            Err(StatsError::OneClass { seen: self.seen, label: some })
        }
    }
}
