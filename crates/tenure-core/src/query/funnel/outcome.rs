//! What a funnel says of one customer.

use std::collections::BTreeMap;

use super::plan::{Filled, Plan};
use super::tally::Best;
use crate::time::Timestamp;

/// How far one customer came, by the best entry.
#[derive(Clone, Debug, PartialEq)]
pub struct FunnelOutcome {
    pub(super) best: Best,
    /// How the customer stands.
    pub standing: FunnelStanding,
    /// The buckets of entries, and whether one of them converted.
    pub(super) buckets: BTreeMap<i64, bool>,
    /// Attempts, and conversions among them.
    pub(super) attempts: (u64, u64),
}

/// How a customer stands in a funnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunnelStanding {
    /// Reached the last required step.
    Converted,
    /// Has not, but an entry is on its way whose window is open. Never for the order `unordered`.
    Pending,
    /// Has not, and no longer can by the entries there are.
    Dropped {
        /// The required step that was reached last, from 0.
        step: usize,
        /// Since when no entry has been on its way: the last window was over, or the entry ended before. For the order
        /// `unordered`, the end of the last window, which may lie ahead.
        since: Timestamp,
    },
}

impl FunnelStanding {
    pub(super) fn new(plan: &Plan, depth: usize, pending: bool, over: i64) -> Self {
        if depth >= plan.required.len() {
            return Self::Converted;
        }
        if pending {
            return Self::Pending;
        }
        let step = depth.checked_sub(1).and_then(|last| plan.required.get(last)).copied().unwrap_or(0);
        Self::Dropped { step, since: Timestamp::from_micros(over).unwrap_or(Timestamp::MAX) }
    }
}

impl FunnelOutcome {
    pub(super) fn new(best: Best, standing: FunnelStanding) -> Self {
        Self { best, standing, buckets: BTreeMap::new(), attempts: (0, 0) }
    }

    /// How many required steps were reached.
    pub fn depth(&self) -> usize {
        self.best.depth
    }

    /// For each step the fact that fills it; none for a step that was not reached, or left out. For the order
    /// `unordered`, the facts with which one step, two steps, and so on were done.
    pub fn steps(&self) -> &[Option<Filled>] {
        &self.best.chain
    }

    /// The entry; for the order `unordered`, the fact with which the window starts.
    pub fn entry(&self) -> Filled {
        self.best.entry
    }

    /// Of two histories of one customer the one that counts, and what both say of buckets and attempts.
    pub(super) fn joined(self, other: Self, plan: &Plan) -> Self {
        use FunnelStanding::{Converted, Dropped, Pending};
        let (mut best, other) =
            if other.best.rank(&self.best, plan).is_lt() { (other, self) } else { (self, other) };
        for (bucket, converted) in other.buckets {
            *best.buckets.entry(bucket).or_default() |= converted;
        }
        best.attempts = (best.attempts.0 + other.attempts.0, best.attempts.1 + other.attempts.1);
        best.standing = match (best.standing, other.standing) {
            (Dropped { .. }, Pending) => Pending,
            (Dropped { step, since }, Dropped { since: also, .. }) => {
                Dropped { step, since: since.max(also) }
            }
            (standing @ (Converted | Pending | Dropped { .. }), _) => standing,
        };
        best
    }
}
