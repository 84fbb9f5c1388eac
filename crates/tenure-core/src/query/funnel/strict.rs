//! Steps without anything between: each further fact must be the next step, or the one just reached once more.
//!
//! An entry is followed fact by fact in every state that some order of tied facts, and some choice among optional steps,
//! leads to. It is over when there is none left.

use core::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::matching::choose;
use super::plan::{Chain, Filled, Plan, Seen, bits};
use super::tally::Tally;
use super::trial::Trial;
use crate::time::Timestamp;

/// One entry on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    entry: Filled,
    threads: Vec<Thread>,
    /// The best chain so far.
    pub best: Chain,
    /// When it ended before its time.
    pub ended: Option<Timestamp>,
}

/// A state of an entry: the step just reached, and the best chain to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Thread {
    step: usize,
    chain: Chain,
}

impl Thread {
    /// The same with further facts, the last step first.
    fn prolonged(&self, more: &[(usize, usize)], facts: &[Seen]) -> Self {
        let mut next = self.clone();
        for (step, place) in more {
            next.step = next.step.max(*step);
            if let Some(of_step) = next.chain.get_mut(*step) {
                *of_step = facts.get(*place).map(|seen| seen.fact);
            }
        }
        next
    }
}

impl Run {
    /// Follows the entry at a place through all facts of its window.
    pub(super) fn of(plan: &Plan, entry: Filled, place: usize, facts: &[Seen]) -> Self {
        let first = facts.partition_point(|seen| seen.fact.at < entry.at);
        let facts = facts.get(first..).unwrap_or_default();
        let mut groups = facts.chunk_by(|one, next| one.fact.at == next.fact.at);
        let mut run = Self::begin(plan, entry, place - first.min(place), groups.next().unwrap_or_default());
        groups.for_each(|group| run.pass(plan, group));
        run
    }

    /// The entry at a place of its instant.
    fn begin(plan: &Plan, entry: Filled, place: usize, facts: &[Seen]) -> Self {
        let mut best: Chain = vec![None; plan.steps];
        best.first_mut().into_iter().for_each(|first| *first = Some(entry));
        let alone = Thread { step: 0, chain: best.clone() };
        let mut run = Self { entry, threads: vec![alone.clone()], best, ended: None };
        if plan.strictly_later {
            run.pass(plan, facts.get(place + 1..).unwrap_or_default());
        } else {
            // What does not follow the entry may lie before it.
            let mut others = facts.to_vec();
            if let Some(own) = others.get_mut(place) {
                own.met = 0;
            }
            let mut reached = Vec::new();
            alone.roads(plan, &others, &mut |_, more| reached.push(alone.prolonged(more, &others)));
            run.threads = Vec::new();
            reached.into_iter().for_each(|thread| run.keep(plan, thread, true));
        }
        run
    }

    /// Takes in all facts of the next instant.
    fn pass(&mut self, plan: &Plan, facts: &[Seen]) {
        if plan.strictly_later {
            facts.iter().for_each(|seen| self.pass_one(plan, seen));
        } else {
            self.pass_any(plan, facts);
        }
        if self.threads.is_empty() && self.ended.is_none() {
            self.ended = facts.first().map(|seen| seen.fact.at);
        }
    }

    /// A fact that must be later than the step before it.
    fn pass_one(&mut self, plan: &Plan, seen: &Seen) {
        for thread in core::mem::take(&mut self.threads) {
            let before = thread.chain.get(thread.step).copied().flatten();
            let later = before.is_some_and(|before| before.at < seen.fact.at);
            let next = if later { plan.next(thread.step) & seen.met } else { 0 };
            if next == 0 && seen.meets(thread.step) {
                self.keep(plan, thread, true);
                continue;
            }
            for step in bits(next) {
                self.keep(plan, thread.prolonged(&[(step, 0)], core::slice::from_ref(seen)), true);
            }
        }
    }

    /// Facts of one instant, in any order.
    fn pass_any(&mut self, plan: &Plan, facts: &[Seen]) {
        let met: Vec<u64> = facts.iter().map(|seen| seen.met).collect();
        for thread in core::mem::take(&mut self.threads) {
            thread.roads(plan, facts, &mut |road, more| {
                self.keep(plan, thread.prolonged(more, facts), false);
                // All else must be a repeat of a step on the road that is not the next one as well.
                let repeats =
                    |met: u64| bits(road).any(|step| met >> step & 1 == 1 && met & plan.next(step) == 0);
                let others = met.iter().enumerate().filter(|(_, met)| !repeats(**met));
                let must: Vec<usize> = others.map(|(place, _)| place).collect();
                let new = road & !((1 << (thread.step + 1)) - 1);
                if let Some(more) = choose(new, &met, &must) {
                    self.keep(plan, thread.prolonged(&more, facts), true);
                }
            });
        }
    }

    /// Remembers that a state was reached, and whether it goes on from there.
    fn keep(&mut self, plan: &Plan, thread: Thread, lives: bool) {
        if plan.rank(&thread.chain, &self.best) == Ordering::Less {
            self.best.clone_from(&thread.chain);
        }
        if !lives {
            return;
        }
        // Two ways to one state go on alike, but for what they count.
        let sort = |thread: &Thread| {
            let depth = plan.depth(&thread.chain);
            let last = plan.last(&thread.chain, depth).map(|fact| fact.at);
            (thread.step, last, thread.chain.iter().flatten().count())
        };
        let wanted = sort(&thread);
        match self.threads.iter_mut().find(|other| sort(other) == wanted) {
            Some(other) if plan.rank(&thread.chain, &other.chain) == Ordering::Less => *other = thread,
            Some(_) => {}
            None => self.threads.push(thread),
        }
    }

    fn trial(self) -> Trial {
        Trial { entry: self.entry, chain: self.best, taint: None, ended: self.ended }
    }
}

impl Thread {
    /// All roads from a state by distinct facts of one instant, the empty one among them: `each` is given the steps of
    /// the road with the one it begins at, and the facts chosen for them.
    fn roads(&self, plan: &Plan, facts: &[Seen], each: &mut dyn FnMut(u64, &[(usize, usize)])) {
        let met: Vec<u64> = facts.iter().map(|seen| seen.met).collect();
        let mut open = vec![(self.step, 1_u64 << self.step)];
        while let Some((step, road)) = open.pop() {
            let Some(more) = choose(road & !(1 << self.step), &met, &[]) else { continue };
            each(road, &more);
            open.extend(bits(plan.next(step)).map(|next| (next, road | 1 << next)));
        }
    }
}

/// The entries of a history that are on their way, without the history.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Strict {
    runs: Vec<Run>,
    tally: Tally,
}

impl Strict {
    /// Takes in all facts of the next instant.
    pub(super) fn pass(&mut self, plan: &Plan, at: Timestamp, facts: &[Seen]) {
        let now = at.as_micros();
        for run in &mut self.runs {
            if now <= plan.deadline(run.entry.at) {
                run.pass(plan, facts);
            }
        }
        let entries = facts.iter().enumerate().filter(|(_, seen)| seen.entry);
        self.runs.extend(entries.map(|(place, seen)| Run::begin(plan, seen.fact, place, facts)));
        // A later entry in the same states can do whatever an earlier one can.
        let states = |run: &Run| run.threads.iter().fold(0_u64, |set, thread| set | 1 << thread.step);
        let mut later: Vec<u64> = Vec::new();
        for run in core::mem::take(&mut self.runs).into_iter().rev() {
            let states = states(&run);
            let over = run.threads.is_empty() || now > plan.deadline(run.entry.at);
            if over || later.contains(&states) {
                self.tally.take(plan, run.trial());
            } else {
                later.push(states);
                self.runs.push(run);
            }
        }
        self.runs.reverse();
    }

    /// All that is known, and what is on its way.
    pub(super) fn so_far(&self) -> (Tally, Vec<Trial>) {
        (self.tally.clone(), self.runs.iter().cloned().map(Run::trial).collect())
    }
}
