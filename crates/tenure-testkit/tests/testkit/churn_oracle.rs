//! The churn score against the book, and its laws under any policy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use proptest::test_runner::Config;
use tenure_core::fold::{Folded, Projection, Snapshot, UpTo, fold};
use tenure_core::projection::churn::{ChurnPolicy, ChurnView};
use tenure_core::{Duration, Event, EventView, Policy, Timestamp};
use tenure_testkit::churn_laws;
use tenure_testkit::churn_oracle::{ChurnOracle, OracleSignal};
use tenure_testkit::churn_strategies::{ChurnCase, churn_case};
use tenure_testkit::laws;
use tenure_testkit::laws::InMemory;
use tenure_testkit::stage_strategies::{stage_history, stretched, with_other_ids};
use tenure_testkit::strategies::{delivered, facts};

fn views(history: &[Event]) -> Vec<EventView<'_>> {
    let mut views: Vec<_> = history.iter().map(Event::view).collect();
    views.sort_by_key(EventView::key);
    views
}

fn told(view: &ChurnView) -> Vec<OracleSignal> {
    let told = |signal: &tenure_core::projection::churn::SignalView| OracleSignal {
        raw: signal.raw,
        points: signal.points,
        since: signal.since.map(Timestamp::as_micros),
        facts: signal.facts.clone(),
        more: signal.more,
    };
    view.signals.iter().map(told).collect()
}

fn agree(case: &ChurnCase, history: &[Event]) -> Result<(), TestCaseError> {
    let ChurnCase { policy, zone, cadence, churn } = case;
    let facts = views(history);
    let oracle = ChurnOracle::new(policy, *zone, *cadence, facts.clone());
    // Each fact, what silence does after each and after the last, and the microsecond on both sides.
    let mut instants: Vec<i64> = facts.iter().map(|fact| fact.occurred_at.as_micros()).collect();
    for fact in &facts {
        let cut = UpTo { projection: churn, at: fact.occurred_at };
        let next = churn.next_change(&fold(&cut, facts.clone()), fact.occurred_at);
        instants.extend(next.map(Timestamp::as_micros));
    }
    let all: std::collections::BTreeSet<i64> = instants.iter().flat_map(|at| [at - 1, *at, at + 1]).collect();
    for (index, at) in all.into_iter().filter_map(Timestamp::from_micros).enumerate() {
        let cut = UpTo { projection: churn, at };
        let state = fold(&cut, facts.clone());
        prop_assert!(churn.fits(&state));
        let view = churn.view(&state, at);
        prop_assert_eq!(told(&view), oracle.signals_at(at), "at {}", at);
        prop_assert_eq!(i64::from(view.score), oracle.score_at(at));
        if index % 3 == 0 {
            let known = facts.iter().copied().filter(|fact| fact.occurred_at <= at);
            let next = ChurnOracle::new(policy, *zone, *cadence, known).next_change(at);
            prop_assert_eq!(churn.next_change(&state, at), next, "after {}", at);
        }
    }
    Ok(())
}

fn preset(name: &str) -> ChurnCase {
    let policy = Policy::preset(name).unwrap();
    let (zone, cadence, churn) = (policy.zone, policy.cadence, policy.churn().unwrap());
    ChurnCase { policy: policy.churn.unwrap(), zone, cadence, churn }
}

fn cases(cases: u32) -> Config {
    // A config of its own, for the number must not depend on the environment.
    Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn engine_and_oracle_agree((case, history) in churn_case()) {
        agree(&case, &history)?;
    }
}

proptest! {
    #![proptest_config(cases(30_000))]

    /// `cargo test --release -p tenure-testkit --test testkit churn_oracle -- --ignored`
    #[test]
    #[ignore = "minutes"]
    fn engine_and_oracle_agree_at_length((case, history) in churn_case()) {
        agree(&case, &history)?;
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn engine_and_oracle_agree_on_the_presets(history in stage_history(), stretch in 1..15_i64) {
        let history = stretched(&history, stretch);
        for name in Policy::PRESETS {
            agree(&preset(name), &history)?;
        }
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn l3_a_snapshot_at_any_cut_then_the_rest_is_the_whole(
        (case, history) in churn_case(), cut in any::<prop::sample::Index>()
    ) {
        let churn = case.churn;
        let facts = views(&history);
        let (known, rest) = facts.split_at(cut.index(facts.len()) + 1);
        let folded = Folded { state: fold(&churn, known.to_vec()), last: known.last().unwrap().key() };
        let bytes = Snapshot::new(folded, Vec::new()).encode(&churn).unwrap();
        let mut state = Snapshot::decode(&bytes, &churn).unwrap().state;
        for fact in rest {
            churn.apply(&mut state, fact);
        }
        prop_assert_eq!(state, fold(&churn, facts));
    }

    #[test]
    fn ids_and_order_of_simultaneous_facts_cannot_matter((case, history) in churn_case(), salt in any::<u64>()) {
        let churn = case.churn;
        let last = history.last().unwrap().occurred_at();
        let said = |history: &[Event], at: Timestamp| {
            let view = churn.view(&fold(&churn, views(history)), at);
            let said = view.signals.iter().map(|signal| (signal.raw, signal.points, signal.since, signal.facts.len(), signal.more));
            (view.score, said.collect::<Vec<_>>())
        };
        let shuffled = with_other_ids(&history, salt);
        let later = last.checked_add(Duration::days(3)).unwrap();
        for at in [last, later] {
            prop_assert_eq!(said(&history, at), said(&shuffled, at));
        }
        // Facts of one instant applied backwards give the same state.
        let mut backwards = views(&history);
        backwards.sort_by(|a, b| a.occurred_at.cmp(&b.occurred_at).then(b.id.cmp(&a.id)));
        prop_assert_eq!(fold(&churn, backwards), fold(&churn, views(&history)));
    }

    #[test]
    fn l5_points_are_foretold((case, history) in churn_case(), days in 0_u32..20) {
        churn_laws::points_are_foretold(&case.churn, &InMemory, &[history], Duration::days(days))?;
    }

    #[test]
    fn l6_worse_is_never_better((case, history) in churn_case(), worse in 1..1_000_000_000_000_i64) {
        churn_laws::worse_is_never_better(&case.churn, &InMemory, &[history], worse)?;
    }

    #[test]
    fn l7_contributions_add_up((case, history) in churn_case(), days in 0_u32..20) {
        churn_laws::contributions_add_up(&case.churn, &InMemory, &[history], Duration::days(days))?;
    }

    #[test]
    fn a_policy_is_written_and_reads_as_itself((case, _) in churn_case()) {
        let json = serde_json::to_value(&case.policy).unwrap();
        prop_assert_eq!(&serde_json::from_value::<ChurnPolicy>(json).unwrap(), &case.policy);
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn l1_l2_l9_hold_under_any_policy(
        (case, _) in churn_case(), (facts, batches) in delivered(20), at in tenure_testkit::strategies::instant()
    ) {
        laws::converges(&case.churn, &InMemory, &facts, &batches)?;
        laws::as_of_is_a_cut(&case.churn, &InMemory, &batches, at)?;
        laws::incremental_equals_replay(&case.churn, &batches)?;
        laws::voided_is_never_recorded(&case.churn, &InMemory, &batches)?;
    }

    #[test]
    fn l3_any_history_resumes((case, _) in churn_case(), facts in facts(20), cut in 0_usize..30) {
        laws::resumes(&case.churn, &InMemory, &facts, cut)?;
    }
}
