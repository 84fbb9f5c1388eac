//! One window of a history, for what cannot be told while the facts pass by: each entry is tried when its window is
//! over, by the facts in it. Facts that no open window can need are let go, so memory is bounded by a window's facts.

use serde::{Deserialize, Serialize};

use super::plan::{Plan, Seen};
use super::tally::Tally;
use super::trial::Trial;
use crate::time::Timestamp;

/// The facts of the windows that are open, and what came of those that are over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    facts: Vec<Seen>,
    /// The place of the first fact that may be an entry whose window is open.
    open: usize,
    tally: Tally,
}

impl Window {
    /// Takes in all facts of the next instant.
    pub(super) fn pass(&mut self, plan: &Plan, at: Timestamp, facts: &[Seen]) {
        let now = at.as_micros();
        while let Some(seen) = self.facts.get(self.open) {
            if seen.entry && plan.deadline(seen.fact.at) >= now {
                break;
            }
            if seen.entry
                && !self.tally.is_settled(plan, seen.micros())
                && let Some(trial) = Trial::of(plan, self.open, &self.facts)
            {
                self.tally.take(plan, trial);
            }
            self.open += 1;
        }
        let oldest = self.facts.get(self.open).map_or(now, Seen::micros).saturating_sub(plan.slack());
        let done = self.facts.partition_point(|seen| seen.micros() < oldest);
        // Half at a time, so that each fact is moved once or twice.
        if done * 2 >= self.facts.len() {
            self.facts.drain(..done);
            self.open = self.open.saturating_sub(done);
        }
        self.facts.extend_from_slice(facts);
    }

    /// All that is known, and what is on its way.
    pub(super) fn so_far(&self, plan: &Plan) -> (Tally, Vec<Trial>) {
        let entries = self.facts.iter().enumerate().skip(self.open).filter(|(_, seen)| seen.entry);
        let trials = entries.filter(|(_, seen)| !self.tally.is_settled(plan, seen.micros()));
        (self.tally.clone(), trials.filter_map(|(place, _)| Trial::of(plan, place, &self.facts)).collect())
    }
}
