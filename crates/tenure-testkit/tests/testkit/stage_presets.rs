//! What holds of the policies that come with the library.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use tenure_core::fold::{Projection, fold};
use tenure_core::projection::stage::{Cause, Language, StageMachine, StagePolicy, Timeline};
use tenure_core::{Event, Timestamp};
use tenure_testkit::stage_strategies::{stage_history, stretched};

fn presets() -> Vec<StagePolicy> {
    vec![StagePolicy::retail().unwrap(), StagePolicy::saas().unwrap(), StagePolicy::b2b().unwrap()]
}

#[test]
fn presets_round_trip_and_every_stage_can_be_entered_and_left() {
    for policy in presets() {
        let written = serde_json::to_value(&policy).unwrap();
        assert_eq!(serde_json::from_value::<StagePolicy>(written).unwrap(), policy);
        let transitions = policy.transitions();
        for stage in policy.stages() {
            let place = policy.find(&stage.id).unwrap();
            assert!(stage.initial || transitions.iter().any(|(_, to)| *to == place), "enter {}", stage.id);
            assert!(transitions.iter().any(|(from, _)| *from == place), "leave {}", stage.id);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// A change and its reverse have a fact between them; every change is legal and has a reason in both languages.
    #[test]
    fn no_preset_flaps(history in stage_history(), stretch in 1..40_i64) {
        let history = stretched(&history, stretch);
        for policy in presets() {
            let legal = policy.transitions();
            let timeline = Timeline::new(StageMachine::new(policy));
            let state = fold(&timeline, history.iter().map(Event::view));
            let changes = timeline.view(&state, Timestamp::MAX);
            // The changes that silence has made since the last fact; one that a fact made may be undone by silence.
            let mut silent = Vec::new();
            let mut last = None;
            for change in &changes {
                let fact = history.iter().map(Event::occurred_at).rev().find(|at| *at <= change.at);
                if fact != last {
                    silent.clear();
                    last = fact;
                }
                if let Some(from) = change.from {
                    prop_assert!(legal.contains(&(from, change.to)));
                    if matches!(change.cause, Cause::Silence { .. }) {
                        prop_assert!(!silent.contains(&(change.to, from)), "{:?}", changes);
                        silent.push((from, change.to));
                    }
                }
                for language in [Language::En, Language::ZhCn] {
                    let reason = timeline.machine().reason(change, language);
                    prop_assert!(!reason.is_empty() && !reason.contains('{'), "{}", reason);
                }
            }
        }
    }
}
