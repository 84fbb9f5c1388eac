//! The best chain of one entry, steps in order, whatever is asked: optional steps, ties, tolerance.
//!
//! A search from the last step to the first that tries the best fact first, so the first chain found is the best one.
//! What cannot be reached from the entry is never tried, and what failed once is not tried again, so a search is long
//! only where many facts meet several steps each and lie so close that their order is free.

use std::collections::BTreeSet;

use super::matching::fills;
use super::plan::{Chain, Plan, Seen, bits};

/// The best chain of the entry at a place, by the facts of its window.
pub(super) fn chain(plan: &Plan, place: usize, facts: &[Seen]) -> Chain {
    let Some(entry) = facts.get(place) else { return vec![None; plan.steps] };
    let start = facts.partition_point(|seen| seen.micros() < entry.micros().saturating_sub(plan.slack()));
    let mut of_steps: Vec<Vec<usize>> = vec![Vec::new(); plan.steps];
    for (at, seen) in facts.iter().enumerate().skip(start).filter(|(at, _)| *at != place) {
        for step in bits(seen.met & plan.all_steps()) {
            of_steps.get_mut(step).into_iter().for_each(|of_step| of_step.push(at));
        }
    }
    if let Some(first) = of_steps.first_mut() {
        *first = vec![place];
    }
    Search { plan, facts, of_steps, failed: BTreeSet::new(), used: Vec::new(), last: None }.best()
}

/// What failed: the step, the latest instant that it may have, how many optional steps are wanted up to it, and of
/// which sort the facts are that are taken and that it could have used.
type Failed = BTreeSet<(usize, i64, usize, Vec<(i64, u64)>)>;

struct Search<'a> {
    plan: &'a Plan,
    facts: &'a [Seen],
    /// The facts that meet each step, ascending, from the earliest that the entry can reach; for the first, the entry.
    of_steps: Vec<Vec<usize>>,
    failed: Failed,
    /// Steps, from the last one to the first, and their facts.
    used: Vec<(usize, usize)>,
    /// The last required step of the chain, and its instant.
    last: Option<(usize, i64)>,
}

impl Search<'_> {
    fn at(&self, place: usize) -> i64 {
        self.facts.get(place).map_or(0, Seen::micros)
    }

    /// The latest that a step may be whose follower is at an instant.
    fn before(&self, follower: i64) -> i64 {
        if self.plan.strictly_later { follower - 1 } else { follower.saturating_add(self.plan.tolerance) }
    }

    /// The earliest that a step may be whose predecessor is at an instant.
    fn after(&self, predecessor: i64) -> i64 {
        if self.plan.strictly_later { predecessor + 1 } else { predecessor - self.plan.tolerance }
    }

    /// Cuts what the entry cannot reach, and gives how many required steps it may reach.
    fn cut(&mut self) -> usize {
        let mut earliest = self.of_steps.first().and_then(|of| of.first()).map_or(0, |place| self.at(*place));
        let mut depth = 1;
        let mut reachable = true;
        for step in 1..self.plan.steps {
            let from = self.after(earliest);
            let facts = self.facts;
            let Some(of_step) = self.of_steps.get_mut(step) else { continue };
            of_step.retain(|place| reachable && facts.get(*place).is_some_and(|seen| seen.micros() >= from));
            let first = of_step.first().and_then(|first| facts.get(*first)).map(Seen::micros);
            match first {
                // By tolerance, an optional step may lead further back.
                Some(first) if self.plan.is_optional(step) => earliest = earliest.min(first),
                Some(first) => {
                    earliest = first;
                    depth += 1;
                }
                None => reachable &= self.plan.is_optional(step),
            }
        }
        depth
    }

    fn best(mut self) -> Chain {
        let most = self.cut();
        for depth in (1..=most).rev() {
            let required = self.plan.required.get(..depth).unwrap_or_default();
            let Some(last) = required.last().copied() else { continue };
            let steps = required.iter().fold(0, |set, step| set | 1 << step);
            let met = self.facts.iter().map(|seen| seen.met);
            if !fills(steps, met) {
                continue;
            }
            let end = self.plan.required.get(depth).copied().unwrap_or(self.plan.steps);
            let optional = (0..end).filter(|step| self.plan.is_optional(*step)).count();
            let mut instants: Vec<i64> =
                self.of_steps.get(last).into_iter().flatten().map(|place| self.at(*place)).collect();
            instants.dedup();
            for instant in instants {
                self.last = Some((last, instant));
                self.failed.clear();
                for wanted in (0..=optional).rev() {
                    if self.find(end - 1, i64::MAX, wanted) {
                        return self.found();
                    }
                }
            }
        }
        self.found()
    }

    fn found(&self) -> Chain {
        let mut chain = vec![None; self.plan.steps];
        for (step, place) in &self.used {
            if let Some(of_step) = chain.get_mut(*step) {
                *of_step = self.facts.get(*place).map(|seen| seen.fact);
            }
        }
        chain
    }

    /// Fills a step and all before it by facts up to an instant, with so many optional ones among them.
    fn find(&mut self, step: usize, limit: i64, wanted: usize) -> bool {
        let facts = self.facts;
        if step == 0 {
            let entry = self.of_steps.first().and_then(|of| of.first()).copied();
            let fits = wanted == 0 && entry.is_some_and(|entry| self.at(entry) <= limit);
            self.used.extend(entry.filter(|_| fits).map(|entry| (0, entry)));
            return fits;
        }
        let optional = self.plan.is_optional(step);
        if (1..=step).filter(|step| self.plan.is_optional(*step)).count() < wanted {
            return false;
        }
        let below = (1_u64 << (step + 1)) - 2;
        let sort = |place: &usize| facts.get(*place).map_or((0, 0), |seen| (seen.micros(), seen.met & below));
        let mut taken: Vec<_> = self.used.iter().map(|(_, place)| sort(place)).collect();
        taken.retain(|(at, met)| *at <= limit && *met != 0);
        taken.sort_unstable();
        let key = (step, limit, wanted, taken);
        if self.failed.contains(&key) {
            return false;
        }
        if !optional || wanted > 0 {
            // Facts of one sort are as good as each other, but for the first.
            let mut tried = BTreeSet::new();
            for index in 0.. {
                let Some(place) = self.of_steps.get(step).and_then(|of| of.get(index)).copied() else {
                    break;
                };
                let at = self.at(place);
                if at > limit {
                    break;
                }
                let misses = self.last.is_some_and(|(last, instant)| last == step && instant != at);
                if misses || self.used.iter().any(|(_, used)| *used == place) || !tried.insert(sort(&place)) {
                    continue;
                }
                self.used.push((step, place));
                let before = self.before(at);
                if self.find(step - 1, before, wanted - usize::from(optional)) {
                    return true;
                }
                self.used.pop();
            }
        }
        if optional && self.find(step - 1, limit, wanted) {
            return true;
        }
        self.failed.insert(key);
        false
    }
}
