//! How long things last, where some are not over yet.

use std::collections::BTreeMap;

use crate::time::Duration;

/// The stays in one stage, or the waits between two facts, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stays {
    /// Completed ones by their length.
    completed: BTreeMap<Duration, u64>,
    open: u64,
}

impl Stays {
    /// Adds one that is over.
    pub(crate) fn end(&mut self, length: Duration) {
        *self.completed.entry(length).or_default() += 1;
    }

    /// Adds one that goes on: its length is not known yet, so it is in no quantile.
    pub(crate) const fn go_on(&mut self) {
        self.open += 1;
    }

    /// Adds others.
    pub(crate) fn merge(&mut self, other: Self) {
        for (length, times) in other.completed {
            *self.completed.entry(length).or_default() += times;
        }
        self.open += other.open;
    }

    /// How many are over.
    pub(crate) fn completed(&self) -> u64 {
        self.completed.values().sum()
    }

    /// How many go on.
    pub(crate) const fn open(&self) -> u64 {
        self.open
    }

    /// The smallest length that so many percent of the completed ones do not exceed; none without one.
    pub(crate) fn nearest_rank(&self, percent: u64) -> Option<Duration> {
        let rank = u128::from(self.completed()) * u128::from(percent);
        let rank = rank.div_ceil(100).max(1);
        let mut seen = 0_u128;
        self.completed.iter().find_map(|(length, times)| {
            seen += u128::from(*times);
            (seen >= rank).then_some(*length)
        })
    }
}
