//! Windows of unordered funnels: steps and facts matched by trying every assignment.

use tenure_core::query::{ExclusionEffect, FunnelQuery};

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
        let mut lost = entry.fact.at - 1;
        let (done, taint) = loop {
            let done = self.done(lost);
            let taint = self.taint(&done, lost);
            match taint {
                Some(at) if self.ask.exclusion_effect == ExclusionEffect::Reset => {
                    let complete = done.len() == self.ask.steps.len();
                    if complete && done.last().is_some_and(|complete| *complete <= at) {
                        break (done, None);
                    }
                    lost = at;
                }
                taint => break (done, taint),
            }
        };
        let mut times: Vec<Option<i64>> = done.into_iter().map(Some).collect();
        times.resize(self.ask.steps.len(), None);
        Tried { taint, ..Tried::at_times(entry, self.ask, times) }
    }

    /// When each number of steps was done, of the facts after an instant.
    fn done(&self, after: i64) -> Vec<i64> {
        let Some(entry) = self.facts.get(self.entry) else { return Vec::new() };
        let end = self.ask.window_end(entry.fact.at);
        let inside: Vec<&Looked<'_>> =
            self.facts.iter().filter(|fact| fact.fact.at > after && fact.fact.at <= end).collect();
        let mut done = Vec::new();
        for now in inside.iter().map(|fact| fact.fact.at) {
            let so_far: Vec<&Looked<'_>> = inside.iter().copied().filter(|fact| fact.fact.at <= now).collect();
            let most = most(0, self.ask.steps.len(), &so_far);
            done.resize(done.len().max(most), now);
        }
        done
    }

    /// The first fact that must not be there, between the numbers of steps that it must not be between.
    fn taint(&self, done: &[i64], lost: i64) -> Option<i64> {
        let entry = self.facts.get(self.entry)?;
        let end = self.ask.window_end(entry.fact.at);
        let mut taints = Vec::new();
        for (number, exclusion) in self.ask.exclusions.iter().enumerate() {
            let Some(after) = done.get(exclusion.from_step).copied() else { continue };
            let before = done.get(exclusion.to_step.unwrap_or(self.ask.steps.len() - 1)).copied();
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
            let others: Vec<&Looked<'_>> =
                facts.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, fact)| *fact).collect();
            best = best.max(1 + most(step + 1, steps, &others));
        }
    }
    best
}
