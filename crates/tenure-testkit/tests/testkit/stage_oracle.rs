//! The stage machine against the book.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use proptest::test_runner::Config;
use tenure_core::fold::{Folded, Projection, Snapshot, UpTo, fold};
use tenure_core::projection::stage::{Cause, StageChange, StageMachine, StagePolicy, Timeline};
use tenure_core::{Duration, Event, EventView, Timestamp};
use tenure_testkit::oracle::{OracleCause, OracleChange, StageOracle};
use tenure_testkit::stage_strategies::{stage_case, stage_history, stretched, with_other_ids};

fn views(history: &[Event]) -> Vec<EventView<'_>> {
    let mut views: Vec<_> = history.iter().map(Event::view).collect();
    views.sort_by_key(EventView::key);
    views
}

fn in_codes(machine: &StageMachine, change: &StageChange) -> OracleChange {
    let policy = machine.policy();
    OracleChange {
        at: change.at,
        from: change.from.map(|from| policy.code(from).to_owned()),
        to: policy.code(change.to).to_owned(),
        rule: change.rule.map(|rule| policy.rule(rule).unwrap().name.to_string()),
        cause: match &change.cause {
            Cause::Facts(facts) => OracleCause::Facts(facts.clone()),
            Cause::Silence { since, condition } => OracleCause::Silence {
                since: *since,
                condition: machine.condition_text(*condition).to_owned(),
            },
        },
    }
}

/// Instants worth asking about: each fact and each change, and the microsecond on both sides.
fn instants(history: &[EventView<'_>], changes: &[OracleChange]) -> Vec<Timestamp> {
    let at = history.iter().map(|fact| fact.occurred_at).chain(changes.iter().map(|change| change.at));
    let mut all: Vec<_> = at
        .flat_map(|at| [-1, 0, 1].map(|off| Timestamp::from_micros(at.as_micros() + off)))
        .flatten()
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn agree(policy: &StagePolicy, history: &[Event]) -> Result<(), TestCaseError> {
    let facts = views(history);
    let machine = StageMachine::new(policy.clone());
    let timeline = Timeline::new(machine.clone());
    let oracle = StageOracle::new(policy, facts.clone());
    let horizon = facts.last().unwrap().occurred_at.checked_add(Duration::days(20)).unwrap();

    // The whole timeline: instants, stages, rules, causes.
    let expected = oracle.changes_until(horizon);
    let whole = fold(&timeline, facts.clone());
    prop_assert!(timeline.fits(&whole));
    let changes: Vec<_> =
        timeline.view(&whole, horizon).iter().map(|change| in_codes(&machine, change)).collect();
    prop_assert_eq!(&changes, &expected);

    // The stage at many instants, by the history cut there; the next change as well.
    for (index, at) in instants(&facts, &expected).into_iter().enumerate() {
        let cut = UpTo { projection: &machine, at };
        let state = fold(&cut, facts.clone());
        prop_assert!(machine.fits(&state));
        let view = machine.view(&state, at);
        let standing = expected.iter().rev().find(|change| change.at <= at);
        prop_assert_eq!(
            view.map(|v| policy.code(v.stage).to_owned()),
            standing.map(|change| change.to.clone())
        );
        prop_assert_eq!(view.map(|v| v.since), standing.map(|change| change.at));
        let rule = view.and_then(|v| v.rule).map(|rule| policy.rule(rule).unwrap().name.to_string());
        prop_assert_eq!(rule, standing.and_then(|change| change.rule.clone()));
        if index % 5 == 0 {
            let known = facts.iter().copied().filter(|fact| fact.occurred_at <= at);
            let next = StageOracle::new(policy, known).next_change(at);
            prop_assert_eq!(machine.next_change(&state, at), next, "after {}", at);
        }
    }
    Ok(())
}

fn cases(cases: u32) -> Config {
    // A config of its own, for the number must not depend on the environment.
    Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn engine_and_oracle_agree((policy, history) in stage_case()) {
        agree(&policy, &history)?;
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    /// `cargo test --release -p tenure-testkit --test testkit stage_oracle -- --ignored`
    #[test]
    #[ignore = "minutes"]
    fn engine_and_oracle_agree_at_length((policy, history) in stage_case()) {
        agree(&policy, &history)?;
    }
}

proptest! {
    #![proptest_config(cases(700))]

    #[test]
    fn engine_and_oracle_agree_on_the_presets(history in stage_history(), stretch in 1..15_i64) {
        let history = stretched(&history, stretch);
        for policy in [StagePolicy::retail(), StagePolicy::saas(), StagePolicy::b2b()] {
            agree(&policy.unwrap(), &history)?;
        }
    }

    #[test]
    fn a_snapshot_at_any_cut_then_the_rest_is_the_whole(
        (policy, history) in stage_case(), cut in any::<prop::sample::Index>()
    ) {
        let machine = Timeline::new(StageMachine::new(policy));
        let facts = views(&history);
        let (known, rest) = facts.split_at(cut.index(facts.len()) + 1);
        let folded = Folded { state: fold(&machine, known.to_vec()), last: known.last().unwrap().key() };
        let bytes = Snapshot::new(folded, Vec::new()).encode(&machine).unwrap();
        let mut state = Snapshot::decode(&bytes, &machine).unwrap().state;
        for fact in rest {
            machine.apply(&mut state, fact);
        }
        prop_assert_eq!(state, fold(&machine, facts));
    }

    #[test]
    fn ids_of_simultaneous_facts_cannot_matter(
        (policy, history) in stage_case(), salt in any::<u64>()
    ) {
        let machine = StageMachine::new(policy);
        let shuffled = with_other_ids(&history, salt);
        prop_assert_eq!(fold(&machine, views(&history)), fold(&machine, views(&shuffled)));
    }
}
