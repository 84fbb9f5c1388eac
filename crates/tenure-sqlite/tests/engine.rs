//! An engine over SQLite shows and tells what a replay shows.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use tenure_core::Policy;
use tenure_sqlite::{Options, SqliteStore};
use tenure_testkit::engine::{any_steps, is_a_replay, policy_of, stage_steps};
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
}
