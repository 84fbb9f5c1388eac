//! An engine over SQLite shows and tells what a replay shows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::Engine;
use tenure_testkit::engine::{
    Keeping, any_steps, is_a_replay, policy_of, stage_steps, two_that_keep_are_a_replay,
};
use tenure_testkit::segment_strategies::segment_steps;
use tenure_testkit::stage_strategies::stage_policy;

fn sqlite() -> SqliteStore {
    SqliteStore::open_in_memory(Options::new()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn an_engine_is_a_replay_under_the_presets(
        steps in any_steps(30),
        preset in prop::sample::select(&Policy::PRESETS[..]),
    ) {
        is_a_replay(sqlite(), &Policy::preset(preset).unwrap(), &steps)?;
    }

    #[test]
    fn an_engine_is_a_replay_under_any_policy(steps in stage_steps(), policy in stage_policy()) {
        is_a_replay(sqlite(), &policy_of(&policy), &steps)?;
    }

    #[test]
    fn two_engines_that_keep_are_a_replay(
        steps in any_steps(30),
        preset in prop::sample::select(&Policy::PRESETS[..]),
        keeping in prop::sample::select(vec![Keeping::Behind, Keeping::Inline]),
    ) {
        two_that_keep_are_a_replay(sqlite(), &Policy::preset(preset).unwrap(), &steps, keeping)?;
    }
}

proptest! {
    // The oracle computes everything from scratch, again and again.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn segments_are_told_as_they_are_found_from_scratch(
        (policy, steps) in segment_steps(),
        keeping in prop::sample::select(vec![Keeping::Behind, Keeping::Inline]),
    ) {
        is_a_replay(sqlite(), &policy, &steps)?;
        two_that_keep_are_a_replay(sqlite(), &policy, &steps, keeping)?;
    }
}

/// Two engines on two handles of one file, as two processes have them.
#[test]
fn what_another_process_writes_is_taken_in_by_a_refresh() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shop.db");
    let open = || {
        let store = SqliteStore::open(&file, Options::new()).unwrap();
        pollster::block_on(Engine::open(store, Policy::preset("retail").unwrap())).unwrap()
    };
    let (ours, theirs) = (open(), open());
    let ann = Customer::parse("ann", "shop").unwrap();
    let order = |id: &str, at: &str| {
        let order = CustomerEvent::OrderPlaced { order: None, total: None, lines: vec![] };
        Event::new(EventId::from_foreign("shop", id), ann.clone(), Timestamp::parse(at).unwrap(), order)
            .unwrap()
    };
    let stage = |engine: &Engine<SqliteStore>| {
        let view = pollster::block_on(engine.customer(ann.id()).into_future()).unwrap();
        view.map(|view| view.stage)
    };
    pollster::block_on(theirs.record([order("1", "2024-05-01T10:00:00Z")])).unwrap();
    assert_eq!(stage(&ours), None);
    assert_eq!(pollster::block_on(ours.refresh()).unwrap().len(), 2);
    assert_eq!(stage(&ours).as_deref(), Some("new"));

    // Recorded by both: stored once, and each knows of it. What came before is taken in with it.
    let (second, third) = (order("2", "2024-05-20T10:00:00Z"), order("3", "2024-05-10T10:00:00Z"));
    pollster::block_on(theirs.record([second.clone()])).unwrap();
    pollster::block_on(ours.record([third])).unwrap();
    assert!(pollster::block_on(ours.record([second])).unwrap().facts.already_stored());
    pollster::block_on(theirs.refresh()).unwrap();
    assert_eq!((stage(&ours), ours.checkpoint()), (stage(&theirs), theirs.checkpoint()));
    assert_eq!(ours.checkpoint().position.0, 3);
    for engine in [ours, theirs] {
        assert!(pollster::block_on(engine.audit()).unwrap().is_empty());
    }
}
