//! What the static check of a policy says, held against what machines do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use tenure_core::fold::{Projection, fold};
use tenure_core::policy::check::{Code, Severity, check_stages};
use tenure_core::projection::stage::{Cause, StageMachine, StagePolicy, Timeline};
use tenure_core::{Event, Timestamp};
use tenure_testkit::stage_strategies::{stage_case, stage_policy};

/// What the check says can never be, and what it says may be.
#[derive(Default)]
struct Said {
    dead_rules: BTreeSet<String>,
    /// Rule and the stage in which it never fires.
    shadowed: BTreeSet<(String, String)>,
    unreachable: BTreeSet<String>,
    inescapable: BTreeSet<String>,
    /// A rule and the one that undoes it, both ways.
    flapping: BTreeSet<(String, String)>,
    gave_up: bool,
}

fn said(policy: &StagePolicy) -> Said {
    let mut said = Said::default();
    for finding in check_stages(policy) {
        let value = |name| finding.value(name).to_owned();
        match (finding.code, finding.severity) {
            (Code::DeadCondition, Severity::Error) => {
                let whole = policy.rules().iter().enumerate();
                let whole = whole.filter(|(place, _)| *finding.path == *format!("rule[{place}].when"));
                said.dead_rules.extend(whole.map(|(_, rule)| rule.name.to_string()));
            }
            (Code::ShadowedRule, Severity::Error) => {
                said.shadowed.insert((value("rule"), value("stage")));
            }
            (Code::UnreachableStage, _) => {
                said.unreachable.insert(value("stage"));
            }
            (Code::InescapableStage, _) => {
                said.inescapable.insert(value("stage"));
            }
            (Code::Flapping, _) => {
                said.flapping.insert((value("rule"), value("back")));
                said.flapping.insert((value("back"), value("rule")));
            }
            (Code::TooLarge, _) => said.gave_up = true,
            _ => {}
        }
    }
    said
}

fn holds(policy: &StagePolicy, history: &[Event]) -> Result<(), TestCaseError> {
    let said = said(policy);
    let timeline = Timeline::new(StageMachine::new(policy.clone()));
    let state = fold(&timeline, history.iter().map(Event::view));
    let mut silent: Vec<(_, _, String)> = Vec::new();
    let mut last = None;
    for change in timeline.view(&state, Timestamp::MAX) {
        let to = policy.code(change.to).to_owned();
        prop_assert!(!said.unreachable.contains(&to), "{} is entered", to);
        let (Some(from), Some(rule)) = (change.from, change.rule) else { continue };
        let rule = policy.rule(rule).unwrap().name.to_string();
        let left = policy.code(from).to_owned();
        prop_assert!(!said.dead_rules.contains(&rule), "{} fires", rule);
        prop_assert!(!said.inescapable.contains(&left), "{} is left", left);
        prop_assert!(!said.shadowed.contains(&(rule.clone(), left.clone())), "{} fires in {}", rule, left);
        // Changes of silence since the last fact.
        let fact = history.iter().map(Event::occurred_at).rev().find(|at| *at <= change.at);
        if fact != last {
            silent.clear();
            last = fact;
        }
        if matches!(change.cause, Cause::Silence { .. }) {
            for (_, _, before) in silent.iter().filter(|(a, b, _)| (*a, *b) == (change.to, from)) {
                let told = said.flapping.contains(&(before.clone(), rule.clone()));
                prop_assert!(told || said.gave_up, "{} undoes {} by silence alone", rule, before);
            }
            // A policy that goes round changes a thousand times; the last of them say no more than the first.
            if silent.len() < 50 {
                silent.push((from, change.to, rule));
            }
        }
    }
    Ok(())
}

fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn what_is_called_impossible_does_not_happen_and_what_flaps_is_told((policy, history) in stage_case()) {
        holds(&policy, &history)?;
    }
}

proptest! {
    #![proptest_config(cases(100_000))]

    /// `cargo test --release -p tenure-testkit --test testkit policy_check -- --ignored`
    #[test]
    #[ignore = "minutes"]
    fn at_length((policy, history) in stage_case()) {
        holds(&policy, &history)?;
    }
}

/// The law above says nothing where nothing is found.
#[test]
fn the_check_finds_something_in_random_policies() {
    let mut runner = TestRunner::deterministic();
    let mut found: BTreeMap<Code, usize> = BTreeMap::new();
    let mut clean = 0;
    for _ in 0..400 {
        let findings = check_stages(&stage_policy().new_tree(&mut runner).unwrap().current());
        clean += usize::from(!findings.iter().any(|finding| finding.severity == Severity::Error));
        for finding in findings {
            *found.entry(finding.code).or_default() += 1;
        }
    }
    for code in [
        Code::DeadCondition,
        Code::AlwaysTrue,
        Code::RedundantCondition,
        Code::ShadowedRule,
        Code::UnreachableStage,
        Code::InescapableStage,
        Code::Flapping,
    ] {
        assert!(found.get(&code).is_some_and(|times| *times >= 5), "{}: {found:?}", code.name());
    }
    assert!(clean >= 20 && !found.contains_key(&Code::TooLarge), "{clean} without errors: {found:?}");
}
