//! An engine over PostgreSQL shows and tells what a replay shows, and the laws hold as they do in memory.

use std::sync::Arc;

use proptest::prelude::*;
use tenure_core::projection::rfm::Rfm;
use tenure_core::projection::stage::{StageMachine, Timeline};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
use tenure_postgres::{Options, PostgresStore};
use tenure_store::{Engine, ManualClock};
use tenure_testkit::Everything;
use tenure_testkit::engine::{
    Keeping, any_steps, is_a_replay, policy_of, stage_steps, two_that_keep_are_a_replay,
};
use tenure_testkit::laws::{self, InStore};
use tenure_testkit::segment_strategies::segment_steps;
use tenure_testkit::stage_strategies::stage_policy;
use tenure_testkit::strategies::{delivered, facts, instant};

use crate::common::{database, new_log, new_store, open};

fn stores() -> InStore<impl Fn(Arc<ManualClock>) -> PostgresStore> {
    InStore(|clock: Arc<ManualClock>| open(database(), Options::new().log(new_log()).readers(3).clock(clock)))
}

/// Everything that a customer's answer is made of, under a preset.
fn standard(preset: &str) -> (StageMachine, Timeline, Rfm) {
    let policy = Policy::preset(preset).unwrap();
    let machine = policy.stages().unwrap();
    (machine.clone(), Timeline::new(machine), policy.rfm().unwrap())
}

fn preset() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&Policy::PRESETS[..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn an_engine_is_a_replay_under_the_presets(steps in any_steps(30), preset in preset()) {
        is_a_replay(new_store(), &Policy::preset(preset).unwrap(), &steps)?;
    }

    #[test]
    fn an_engine_is_a_replay_under_any_policy(steps in stage_steps(), policy in stage_policy()) {
        is_a_replay(new_store(), &policy_of(&policy), &steps)?;
    }

    #[test]
    fn segments_are_told_as_they_are_found_from_scratch((policy, steps) in segment_steps()) {
        is_a_replay(new_store(), &policy, &steps)?;
        two_that_keep_are_a_replay(new_store(), &policy, &steps, Keeping::Behind)?;
    }

    #[test]
    fn l1_any_order_of_arrival_folds_to_the_same_states((facts, batches) in delivered(30), preset in preset()) {
        laws::converges(&Everything, &stores(), &facts, &batches)?;
        laws::converges(&standard(preset), &stores(), &facts, &batches)?;
    }

    #[test]
    fn l2_as_of_is_a_cut_of_the_facts((_, batches) in delivered(30), at in instant(), preset in preset()) {
        laws::as_of_is_a_cut(&Everything, &stores(), &batches, at)?;
        laws::as_of_is_a_cut(&standard(preset), &stores(), &batches, at)?;
    }

    #[test]
    fn l3_a_fold_resumes_from_a_snapshot(facts in facts(30), cut in 0_usize..40, preset in preset()) {
        laws::resumes(&Everything, &stores(), &facts, cut)?;
        laws::resumes(&standard(preset), &stores(), &facts, cut)?;
    }

    #[test]
    fn l9_a_voided_fact_was_never_there((_, batches) in delivered(30), preset in preset()) {
        laws::voided_is_never_recorded(&Everything, &stores(), &batches)?;
        laws::voided_is_never_recorded(&standard(preset), &stores(), &batches)?;
    }
}

/// Two engines on two handles of one log, as two processes have them.
#[test]
fn what_another_process_writes_is_taken_in_by_a_refresh() {
    let log = new_log();
    let engine = || {
        let store = open(database(), Options::new().log(&log));
        pollster::block_on(Engine::open(store, Policy::preset("retail").unwrap())).unwrap()
    };
    let (ours, theirs) = (engine(), engine());
    let ann = Customer::parse("ann", "shop").unwrap();
    let order = |id: &str, at: &str| {
        let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
        Event::new(EventId::from_foreign("shop", id), ann.clone(), Timestamp::parse(at).unwrap(), order)
            .unwrap()
    };
    let stage = |engine: &Engine<PostgresStore>| {
        let view = pollster::block_on(engine.customer(ann.id()).into_future()).unwrap();
        view.map(|view| view.stage)
    };
    pollster::block_on(theirs.record([order("1", "2024-05-01T10:00:00Z")])).unwrap();
    assert_eq!(stage(&ours), None);
    assert_eq!(pollster::block_on(ours.refresh()).unwrap().len(), 2);
    assert_eq!(stage(&ours).as_deref(), Some("new"));
    pollster::block_on(ours.record([order("2", "2024-05-10T10:00:00Z")])).unwrap();
    pollster::block_on(theirs.refresh()).unwrap();
    assert_eq!((stage(&ours), ours.checkpoint()), (stage(&theirs), theirs.checkpoint()));
    for engine in [ours, theirs] {
        assert!(pollster::block_on(engine.audit()).unwrap().is_empty());
    }
}
