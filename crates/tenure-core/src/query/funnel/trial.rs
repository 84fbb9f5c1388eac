//! What comes of one entry.

use super::plan::{Chain, Filled, Plan, Seen};
use super::{ExclusionEffect, StepOrder, search, strict, unordered};
use crate::time::Timestamp;

/// What comes of one entry: its chain, and what ended it before its time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trial {
    pub entry: Filled,
    pub chain: Chain,
    /// The earliest exclusion on its way.
    pub taint: Option<Timestamp>,
    /// Strict: the instant of the fact that was not the next step.
    pub ended: Option<Timestamp>,
}

impl Trial {
    /// Tries the entry at a place of a stretch of history that has all its window, as far as it is known.
    pub(super) fn of(plan: &Plan, place: usize, facts: &[Seen]) -> Option<Self> {
        let entry = facts.get(place)?.fact;
        let deadline = plan.deadline(entry.at);
        let facts = facts.get(..facts.partition_point(|seen| seen.micros() <= deadline))?;
        let mut ended = None;
        let mut chain = match plan.order {
            StepOrder::Ordered => search::chain(plan, place, facts),
            StepOrder::Unordered => unordered::chain(plan, entry.at, facts),
            StepOrder::Strict => {
                let run = strict::Run::of(plan, entry, place, facts);
                ended = run.ended;
                run.best
            }
        };
        let taint = taint(plan, &chain, facts);
        if taint.is_some() && plan.effect == ExclusionEffect::Reset {
            chain = unordered::reset(plan, entry.at, facts);
        }
        let mut trial = Self { entry, chain, taint, ended };
        if plan.effect == ExclusionEffect::DropOff {
            trial.drop_off(plan);
        }
        Some(trial)
    }

    /// What stands when all later than the taint is gone.
    fn drop_off(&mut self, plan: &Plan) {
        let Some(taint) = self.taint else { return };
        for fact in &mut self.chain {
            *fact = fact.filter(|fact| fact.at <= taint);
        }
        let depth = plan.depth(&self.chain);
        if let Some(missing) = plan.required.get(depth) {
            self.chain.iter_mut().skip(*missing).for_each(|fact| *fact = None);
        }
    }

    /// From when on, in microseconds, nothing more comes of it.
    pub(super) fn over(&self, plan: &Plan) -> i64 {
        let taint = self.taint.filter(|_| plan.effect != ExclusionEffect::Reset);
        let early = [taint, self.ended].into_iter().flatten().map(Timestamp::as_micros);
        early.fold(plan.deadline(self.entry.at), i64::min)
    }
}

/// The earliest fact that taints a chain: after one step and before another, or before none.
pub(super) fn taint(plan: &Plan, chain: &[Option<Filled>], facts: &[Seen]) -> Option<Timestamp> {
    let step = |step: usize| chain.get(step).copied().flatten().map(|fact| fact.at);
    let earliest = |exclusion: &super::plan::Taints| {
        let after = step(exclusion.from)?;
        let before = step(exclusion.to);
        let between = |at: Timestamp| after < at && before.is_none_or(|before| at < before);
        facts
            .iter()
            .find(|seen| seen.met & exclusion.bit != 0 && between(seen.fact.at))
            .map(|seen| seen.fact.at)
    };
    plan.exclusions.iter().filter_map(earliest).min()
}
