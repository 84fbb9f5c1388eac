//! Latest: the number of the latest match.

use serde::{Deserialize, Serialize};

use super::{Reading, Witnesses, first_change};
use crate::event::EventView;
use crate::projection::churn::scale::Scale;
use crate::projection::rhythm::NEVER;
use crate::select::Matcher;

#[derive(Clone, Debug, PartialEq)]
pub(in crate::projection::churn) struct Latest {
    pub of: Matcher,
    /// How long it is remembered.
    pub within: Option<i64>,
    pub scale: Scale,
}

/// The greatest number of the latest instant, and the facts that say it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::projection::churn) struct LatestMemory {
    at: i64,
    number: i64,
    facts: Witnesses,
}

impl Default for LatestMemory {
    fn default() -> Self {
        Self { at: NEVER, number: 0, facts: Witnesses::default() }
    }
}

impl Latest {
    pub(super) fn take(&self, memory: &mut LatestMemory, fact: &EventView<'_>) {
        let Some(number) = fact.number.filter(|_| self.of.matches(fact)) else { return };
        let at = fact.occurred_at.as_micros();
        if at != memory.at || number > memory.number {
            memory.facts.clear();
            (memory.at, memory.number) = (at, number);
        }
        if number == memory.number {
            memory.facts.add(fact.id);
        }
    }

    fn raw(&self, memory: &LatestMemory, at: i64) -> Option<i64> {
        let there = memory.at != NEVER && self.within.is_none_or(|within| at - memory.at < within);
        there.then_some(memory.number)
    }

    pub(super) fn read(&self, memory: &LatestMemory, at: i64) -> Reading {
        let Some(raw) = self.raw(memory, at) else { return Reading::default() };
        let (facts, all) = memory.facts.facts();
        Reading::of(raw, Some(memory.at), facts, all)
    }

    pub(super) fn next_change(&self, memory: &LatestMemory, after: i64) -> Option<i64> {
        let now = self.raw(memory, after);
        let forgotten = self.within.filter(|_| now.is_some()).map(|within| memory.at.saturating_add(within));
        first_change(&self.scale, now, forgotten.into_iter(), |at| self.raw(memory, at))
    }
}

impl LatestMemory {
    pub(super) fn fits(&self) -> bool {
        self.facts.fits()
    }
}
