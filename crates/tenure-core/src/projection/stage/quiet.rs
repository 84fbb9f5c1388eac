//! Which facts cannot wake the rules out of a stage: an order makes nobody silent, so where silence alone leads out of
//! a stage no rule need be tried for it.

use core::ops::Range;

use super::compile::{Expr, Op, Rule};
use super::test::{Elapsed, Test};
use crate::event::{Kind, KindSet};

/// The kinds whose facts cannot make any of the rules hold that did not hold before.
pub(super) fn quiet(rules: &[Rule], tests: &[Test], ops: &[(Kind, &[Op])]) -> KindSet {
    let mut quiet = KindSet::NONE;
    for (kind, ops) in ops {
        if rules.iter().all(|rule| ops.iter().all(|op| !may_wake(rule, tests, op))) {
            quiet = quiet.with(*kind);
        }
    }
    quiet
}

fn may_wake(rule: &Rule, tests: &[Test], op: &Op) -> bool {
    let denies = has_not(&rule.when);
    let mut tests = rule.tests.iter().filter_map(|test| tests.get(usize::from(*test)));
    match op {
        Op::Select { keep, .. } => tests.any(|test| {
            let reads = reads(test);
            keep.slots().any(|slot| reads.contains(&slot)) && (denies || !only_falls(test))
        }),
        // An order takes a confirmed churn back.
        Op::Churn { slot, on: false } => tests.any(|test| {
            matches!(test, Test::Latch { slot: read, inverted } if read == slot && (denies || *inverted))
        }),
        // Of the others it is not known.
        _ => true,
    }
}

fn has_not(expr: &Expr) -> bool {
    match expr {
        Expr::Test(_) => false,
        Expr::All(parts) | Expr::Any(parts) => parts.iter().any(has_not),
        Expr::Not(_) => true,
    }
}

/// Whether a fact that it looks at can make it false, but not true.
const fn only_falls(test: &Test) -> bool {
    matches!(test, Test::Elapsed(elapsed) if elapsed.once)
}

/// The words that a test reads, where facts that match a selector write them; none of the others.
const fn reads(test: &Test) -> Range<usize> {
    match *test {
        Test::Elapsed(Elapsed { slot: Some(slot), .. })
        | Test::Total { slot, .. }
        | Test::SinceStage { slot, .. } => slot..slot + 1,
        Test::Sum { slot, .. } => slot..slot + 2,
        Test::Elapsed(_) | Test::Active(_) | Test::Complaint | Test::Latch { .. } | Test::Score { .. } => {
            0..0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{StageMachine, StagePolicy};
    use super::*;

    #[test]
    fn an_order_wakes_nobody_who_is_loyal_and_everybody_who_is_at_risk() {
        let machine = StageMachine::new(StagePolicy::retail().unwrap());
        let quiet = |stage: &str, kind| machine.quiet(machine.policy().find(stage).unwrap()).contains(kind);
        assert!(quiet("loyal", Kind::OrderPlaced));
        for stage in ["prospect", "new", "active", "at_risk", "churned", "won_back"] {
            assert!(!quiet(stage, Kind::OrderPlaced), "{stage}");
        }
        assert!(!quiet("loyal", Kind::ChurnConfirmed));
    }
}
