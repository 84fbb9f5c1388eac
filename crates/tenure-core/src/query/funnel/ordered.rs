//! Steps in order, without a history: for each step, the latest entry from which it has been reached.
//!
//! What an entry could still reach, a later entry at the same step can reach too, and its window is open for longer. So
//! one chain a step is enough, and the first time that a depth is reached gives the best chain of that depth.

use serde::{Deserialize, Serialize};

use super::matching::{choose, fills, span};
use super::plan::{Filled, Plan, Seen};
use crate::event::FactKey;
use crate::time::Timestamp;

/// The latest entry at each step, and the best chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ordered {
    /// One chain a step, one after the other: that of step k has k + 1 facts. Nothing before the first entry.
    chains: Vec<Filled>,
    /// Which of them are there, one bit a step.
    there: u32,
    /// The best chain.
    pub best: Vec<Filled>,
}

/// Where the chain of a step begins.
const fn start(step: usize) -> usize {
    step * (step + 1) / 2
}

impl Ordered {
    fn chain(&self, step: usize) -> Option<&[Filled]> {
        if self.there >> step & 1 == 0 {
            return None;
        }
        self.chains.get(start(step)..start(step + 1))
    }

    fn entry(&self, step: usize) -> Option<FactKey> {
        self.chain(step)?.first().map(Filled::key)
    }

    /// When the latest entry was.
    pub(super) fn last_entry(&self) -> Option<Timestamp> {
        self.entry(0).map(|entry| entry.occurred_at)
    }

    /// The chain that has reached the step before, if a fact now may follow it and its entry has not been here.
    #[inline]
    fn follows(&self, plan: &Plan, step: usize, now: i64) -> bool {
        let Some(entry) = step.checked_sub(1).and_then(|before| self.entry(before)) else { return false };
        now - entry.occurred_at.as_micros() <= plan.window && self.entry(step) != Some(entry)
    }

    /// Takes facts of one instant, each for a step of its own: a single fact, or facts that cannot follow each other.
    #[inline]
    pub(super) fn pass_each(&mut self, plan: &Plan, facts: &[Seen]) {
        let Some(first) = facts.first() else { return };
        let now = first.micros();
        let met = facts.iter().fold(0, |met, fact| met | fact.met);
        // From the last step to the first, so that a fact fills one.
        let mut steps = met & plan.all_steps() & !1;
        while let Some(step) = steps.checked_ilog2() {
            steps &= !(1 << step);
            let step = step as usize;
            if self.follows(plan, step, now)
                && let Some(seen) = facts.iter().find(|seen| seen.meets(step))
            {
                self.advance(step, seen.fact);
            }
        }
        if let Some(seen) = facts.iter().rfind(|seen| seen.entry) {
            self.set(plan, &[seen.fact]);
        }
    }

    /// Prolongs the chain of the step before.
    #[inline(never)]
    fn advance(&mut self, step: usize, fact: Filled) {
        let Some((before, rest)) = self.chains.split_at_mut_checked(start(step)) else { return };
        let before = before.get(start(step - 1)..).unwrap_or_default();
        if let Some((last, chain)) = rest.get_mut(..=step).and_then(<[_]>::split_last_mut) {
            // Both are as long as the steps before.
            chain.copy_from_slice(before);
            *last = fact;
        }
        self.reached(step);
    }

    /// Sets the chain of a step.
    #[inline]
    fn set(&mut self, plan: &Plan, chain: &[Filled]) {
        let (Some(first), Some(step)) = (chain.first(), chain.len().checked_sub(1)) else { return };
        if self.chains.is_empty() {
            self.chains.resize(start(plan.steps), *first);
            self.best.reserve_exact(plan.steps);
        }
        if let Some(place) = self.chains.get_mut(start(step)..start(step + 1)) {
            place.copy_from_slice(chain);
        }
        self.reached(step);
    }

    /// A step that nobody had reached before now was reached first by the chain that is there now.
    #[inline]
    fn reached(&mut self, step: usize) {
        self.there |= 1 << step;
        if self.best.len() <= step {
            let chain = self.chains.get(start(step)..start(step + 1)).unwrap_or_default();
            self.best.clear();
            self.best.extend_from_slice(chain);
        }
    }

    /// Takes facts of one instant that may follow each other, in any order: distinct facts for distinct steps.
    pub(super) fn pass_any(&mut self, plan: &Plan, facts: &[Seen]) {
        let before = self.clone();
        for step in (0..plan.steps).rev() {
            if let Some(chain) = before.latest(plan, step, facts)
                && chain.first().map(Filled::key) > self.entry(step)
            {
                self.set(plan, &chain);
            }
        }
    }

    /// The chain to a step by facts of one instant whose entry is the latest.
    fn latest(&self, plan: &Plan, step: usize, facts: &[Seen]) -> Option<Vec<Filled>> {
        let met: Vec<u64> = facts.iter().map(|seen| seen.met).collect();
        // An entry of this instant is later than any before.
        for (place, seen) in facts.iter().enumerate().rev().filter(|(_, seen)| seen.entry) {
            let mut others = met.clone();
            if let Some(own) = others.get_mut(place) {
                *own = 0;
            }
            if let Some(more) = choose(span(1..=step), &others, &[]) {
                return Some(prolonged(&[seen.fact], &more, facts));
            }
        }
        let now = facts.first()?.micros();
        let mut best: Option<&[Filled]> = None;
        // The fewer steps are there already, the later the entry; of one entry the longest chain.
        for from in (0..step).rev() {
            let Some(chain) = self.chain(from) else { continue };
            if !fills(span(from + 1..=step), met.iter().copied()) {
                break;
            }
            let entry = chain.first()?;
            let later = best.and_then(<[_]>::first).is_none_or(|best| entry.key() > best.key());
            if later && now - entry.at.as_micros() <= plan.window {
                best = Some(chain);
            }
        }
        let more = choose(span(best?.len()..=step), &met, &[])?;
        Some(prolonged(best?, &more, facts))
    }
}

/// A chain with the facts chosen for the steps behind it; the choice begins with the last step.
fn prolonged(chain: &[Filled], more: &[(usize, usize)], facts: &[Seen]) -> Vec<Filled> {
    let more = more.iter().rev().filter_map(|(_, place)| facts.get(*place)).map(|seen| seen.fact);
    chain.iter().copied().chain(more).collect()
}
