//! What the entries of one history come to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ExclusionEffect;
use super::plan::{Chain, Filled, Plan};
use super::trial::Trial;

/// What entries came to, taken in one by one, in any order but for attempts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub best: Option<Best>,
    /// The deepest of those that are to be left out.
    tainted: usize,
    /// When the last chance was over, in microseconds.
    pub over: i64,
    /// Trend: the buckets of entries, and whether one of them went all the way.
    pub buckets: BTreeMap<i64, bool>,
    /// Attempts: how many, and how many went all the way.
    pub attempts: (u64, u64),
    /// From when on the next attempt may begin, in microseconds.
    next: i64,
}

/// The best entry, and its chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Best {
    pub entry: Filled,
    pub depth: usize,
    pub chain: Chain,
}

impl Best {
    /// The order of entries, the best one first: deepest, last required step earliest, latest entry.
    pub(super) fn rank(&self, other: &Self, plan: &Plan) -> core::cmp::Ordering {
        let last = |best: &Self| plan.last(&best.chain, best.depth).map(|fact| fact.at);
        other
            .depth
            .cmp(&self.depth)
            .then_with(|| last(self).cmp(&last(other)))
            .then_with(|| other.entry.key().cmp(&self.entry.key()))
    }
}

impl Tally {
    /// Takes in what came of an entry.
    pub(super) fn take(&mut self, plan: &Plan, trial: Trial) {
        let over = trial.over(plan);
        let Trial { entry, chain, taint, ended } = trial;
        let depth = plan.depth(&chain);
        let last = plan.last(&chain, depth).filter(|_| depth == plan.required.len());
        let left_out = taint.is_some() && plan.effect == ExclusionEffect::Discard;
        if let Some(buckets) = &plan.trend {
            *self.buckets.entry(buckets.number(entry.at)).or_default() |= last.is_some() && !left_out;
        }
        if plan.attempts {
            if entry.at.as_micros() < self.next {
                return;
            }
            self.attempts.0 += 1;
            self.attempts.1 += u64::from(last.is_some());
            self.next = match last {
                Some(last) => last.at.as_micros() + 1,
                // What ended it may be an entry; what lies in its window else is part of it.
                None => over + i64::from(taint.is_none() && ended.is_none()),
            };
        }
        self.over = self.over.max(over);
        if left_out {
            self.tainted = self.tainted.max(depth);
            return;
        }
        let candidate = Best { entry, depth, chain };
        if depth > 0 && self.best.as_ref().is_none_or(|best| candidate.rank(best, plan).is_lt()) {
            self.best = Some(candidate);
        }
    }

    /// Whether an entry at an instant cannot change anything any more.
    pub(super) fn is_settled(&self, plan: &Plan, at: i64) -> bool {
        let all = |best: &&Best| best.depth == plan.required.len();
        let last = self.best.as_ref().filter(all).and_then(|best| plan.last(&best.chain, best.depth));
        last.is_some_and(|last| last.at.as_micros() < at)
            && plan.tolerance == 0
            && plan.trend.is_none()
            && !plan.attempts
    }

    /// The best entry; none where all of the deepest are to be left out, or where there is none.
    pub(super) fn into_best(self) -> Option<Best> {
        let tainted = self.tainted;
        self.best.filter(|best| best.depth >= tainted)
    }
}
