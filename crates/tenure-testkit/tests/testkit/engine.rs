//! An engine over the store in memory shows and tells what a replay shows.

use proptest::prelude::*;
use tenure_core::Policy;
use tenure_store::MemoryStore;
use tenure_testkit::engine::{
    Keeping, any_steps, is_a_replay, policy_of, stage_steps, two_that_keep_are_a_replay,
};
use tenure_testkit::segment_strategies::segment_steps;
use tenure_testkit::stage_strategies::stage_policy;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_engine_is_a_replay_under_the_presets(
        steps in any_steps(30),
        preset in prop::sample::select(&Policy::PRESETS[..]),
    ) {
        is_a_replay(MemoryStore::new(), &Policy::preset(preset).unwrap(), &steps)?;
    }

    #[test]
    fn an_engine_is_a_replay_under_any_policy(steps in stage_steps(), policy in stage_policy()) {
        is_a_replay(MemoryStore::new(), &policy_of(&policy), &steps)?;
    }

    #[test]
    fn two_engines_that_keep_are_a_replay_under_the_presets(
        steps in any_steps(30),
        preset in prop::sample::select(&Policy::PRESETS[..]),
        keeping in prop::sample::select(vec![Keeping::Behind, Keeping::Inline]),
    ) {
        two_that_keep_are_a_replay(MemoryStore::new(), &Policy::preset(preset).unwrap(), &steps, keeping)?;
    }

    #[test]
    fn two_engines_that_keep_are_a_replay_under_any_policy(
        steps in stage_steps(),
        policy in stage_policy(),
        keeping in prop::sample::select(vec![Keeping::Behind, Keeping::Inline]),
    ) {
        two_that_keep_are_a_replay(MemoryStore::new(), &policy_of(&policy), &steps, keeping)?;
    }
}

proptest! {
    // The oracle computes everything from scratch, again and again.
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn segments_are_told_as_they_are_found_from_scratch((policy, steps) in segment_steps()) {
        is_a_replay(MemoryStore::new(), &policy, &steps)?;
    }

    #[test]
    fn two_engines_that_keep_tell_segments_as_they_are_found_from_scratch(
        (policy, steps) in segment_steps(),
        keeping in prop::sample::select(vec![Keeping::Behind, Keeping::Inline]),
    ) {
        two_that_keep_are_a_replay(MemoryStore::new(), &policy, &steps, keeping)?;
    }
}
