//! Steps in any order inside one window: the most that distinct facts can fill, and when each number of them was done.

use super::matching::Matching;
use super::plan::{Chain, Plan, Seen};
use super::trial::taint;
use crate::time::Timestamp;

/// For each number of steps, the fact with which so many were done, from an instant on.
pub(super) fn chain(plan: &Plan, from: Timestamp, facts: &[Seen]) -> Chain {
    let mut matching = Matching::new();
    let mut chain: Chain = vec![None; plan.steps];
    let first = facts.partition_point(|seen| seen.fact.at < from);
    for seen in facts.iter().skip(first) {
        let place = matching.count();
        if matching.add(seen.met & plan.all_steps())
            && let Some(step) = chain.get_mut(place)
        {
            *step = Some(seen.fact);
        }
    }
    chain
}

/// The same, where each exclusion on the way takes all that was collected before it.
pub(super) fn reset(plan: &Plan, from: Timestamp, facts: &[Seen]) -> Chain {
    let mut from = from;
    loop {
        let chain = chain(plan, from, facts);
        let behind = taint(plan, &chain, facts).and_then(|at| Timestamp::from_micros(at.as_micros() + 1));
        match behind {
            Some(behind) => from = behind,
            None => return chain,
        }
    }
}
