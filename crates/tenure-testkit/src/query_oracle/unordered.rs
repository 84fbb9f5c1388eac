//! Windows of unordered funnels: steps and facts matched by trying every assignment.

use tenure_core::query::{Count, ExclusionEffect, FunnelQuery};

use super::funnel::{Looked, Tried, Words as _};

/// A window that begins with a fact.
pub(super) struct Window<'a, 'f> {
    pub ask: &'a FunnelQuery,
    pub facts: &'a [Looked<'f>],
    pub entry: usize,
}

impl Window<'_, '_> {
    pub fn tried(&self) -> Tried {
        let Some(entry) = self.facts.get(self.entry) else { return Tried::default() };
        // Attempts end at a taint.
        let resets =
            self.ask.exclusion_effect == ExclusionEffect::Reset && self.ask.count == Count::Customers;
        let mut lost = entry.fact.at - 1;
        let (done, taint) = loop {
            let done = self.done(lost);
            match self.taint(&done, lost) {
                Some(at) if resets && self.is_complete_at(&done, at) => break (done, None),
                Some(at) if resets => lost = at,
                taint => break (done, taint),
            }
        };
        let mut chain: Vec<Option<usize>> = done.into_iter().map(Some).collect();
        chain.resize(self.ask.steps.len(), None);
        Tried { taint, ..Tried::of(self.facts, self.entry, self.ask, &chain) }
    }

    fn at(&self, fact: usize) -> i64 {
        self.facts.get(fact).map_or(i64::MAX, |fact| fact.fact.at)
    }

    fn is_complete_at(&self, done: &[usize], at: i64) -> bool {
        done.len() == self.ask.steps.len() && done.last().is_some_and(|last| self.at(*last) <= at)
    }

    /// With which fact each number of steps was done, of the facts after an instant.
    fn done(&self, after: i64) -> Vec<usize> {
        let Some(entry) = self.facts.get(self.entry) else { return Vec::new() };
        let end = self.ask.window_end(entry.fact.at);
        let mut so_far = Vec::new();
        let mut done = Vec::new();
        for (place, fact) in self.facts.iter().enumerate() {
            if fact.fact.at > after && fact.fact.at <= end {
                so_far.push(fact);
                done.resize(done.len().max(most(0, self.ask.steps.len(), &so_far)), place);
            }
        }
        done
    }

    /// The first fact that must not be there, between the numbers of steps that it must not be between.
    fn taint(&self, done: &[usize], lost: i64) -> Option<i64> {
        let entry = self.facts.get(self.entry)?;
        let end = self.ask.window_end(entry.fact.at);
        let mut taints = Vec::new();
        for (number, exclusion) in self.ask.exclusions.iter().enumerate() {
            let step_at = |step: usize| done.get(step).map(|fact| self.at(*fact));
            let Some(after) = step_at(exclusion.from_step) else { continue };
            let before = step_at(exclusion.to_step.unwrap_or(self.ask.steps.len() - 1));
            let there = self.facts.iter().filter(|fact| fact.excluded(number)).map(|fact| fact.fact.at);
            taints.extend(there.filter(|at| {
                *at > after && *at > lost && before.is_none_or(|before| *at < before) && *at <= end
            }));
        }
        taints.into_iter().min()
    }
}

/// The most steps, from one on, that facts of their own can fill.
fn most(step: usize, steps: usize, facts: &[&Looked<'_>]) -> usize {
    if step == steps {
        return 0;
    }
    let mut best = most(step + 1, steps, facts);
    for (place, fact) in facts.iter().enumerate() {
        if fact.met.get(step) == Some(&true) {
            let others: Vec<&Looked<'_>> = facts
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != place)
                .map(|(_, fact)| *fact)
                .collect();
            best = best.max(1 + most(step + 1, steps, &others));
        }
    }
    best
}
