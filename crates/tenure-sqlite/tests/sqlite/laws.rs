//! The laws on SQLite, folded on three threads: what holds in memory holds here, bit for bit.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use tenure_core::projection::rfm::Rfm;
use tenure_core::projection::stage::{StageMachine, Timeline};
use tenure_core::report::rfm::RfmReport;
use tenure_core::report::stages::StageDwell;
use tenure_core::{Duration, Policy};
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::ManualClock;
use tenure_testkit::laws::{self, InStore};
use tenure_testkit::stage_strategies::{stage_history, stage_policy};
use tenure_testkit::strategies::{delivered, facts, instant};
use tenure_testkit::{Everybody, Everything};

fn sqlite() -> InStore<impl Fn(Arc<ManualClock>) -> SqliteStore> {
    InStore(|clock: Arc<ManualClock>| SqliteStore::open_in_memory(Options::new().clock(clock)).unwrap())
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
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn l1_any_order_of_arrival_folds_to_the_same_states((facts, batches) in delivered(30), preset in preset()) {
        laws::converges(&Everything, &sqlite(), &facts, &batches)?;
        laws::converges(&standard(preset), &sqlite(), &facts, &batches)?;
    }

    #[test]
    fn l2_as_of_is_a_cut_of_the_facts((_, batches) in delivered(30), at in instant(), preset in preset()) {
        laws::as_of_is_a_cut(&Everything, &sqlite(), &batches, at)?;
        laws::as_of_is_a_cut(&standard(preset), &sqlite(), &batches, at)?;
    }

    #[test]
    fn l2_known_at_is_a_prefix_of_the_log((_, batches) in delivered(30), count in any::<Index>(), preset in preset()) {
        let count = count.index(batches.len() + 1);
        laws::known_at_is_a_prefix(&Everything, &sqlite(), &batches, count)?;
        laws::known_at_is_a_prefix(&standard(preset), &sqlite(), &batches, count)?;
    }

    #[test]
    fn l3_a_fold_resumes_from_a_snapshot(facts in facts(30), cut in 0_usize..40, preset in preset()) {
        laws::resumes(&Everything, &sqlite(), &facts, cut)?;
        laws::resumes(&standard(preset), &sqlite(), &facts, cut)?;
    }

    #[test]
    fn l4_reports_of_partitions_add_up((_, batches) in delivered(30), at in instant(), preset in preset()) {
        laws::parts_add_up(&Everything, &Everybody, &sqlite(), &batches, at)?;
        let (machine, timeline, rfm) = standard(preset);
        laws::parts_add_up(&timeline, &StageDwell { policy: machine.policy() }, &sqlite(), &batches, at)?;
        laws::parts_add_up(&rfm, &RfmReport::new(&rfm, at), &sqlite(), &batches, at)?;
    }

    #[test]
    fn l5_silence_is_foretold((_, batches) in delivered(30), days in 0_u32..200, preset in preset()) {
        laws::silence_is_foretold(&standard(preset).0, &sqlite(), &batches, Duration::days(days))?;
    }

    #[test]
    fn l5_silence_is_foretold_under_any_policy(policy in stage_policy(), facts in stage_history(), days in 0_u32..20) {
        laws::silence_is_foretold(&StageMachine::new(policy), &sqlite(), &[facts], Duration::days(days))?;
    }

    #[test]
    fn l7_l8_changes_are_explained_and_legal((_, batches) in delivered(30), preset in preset()) {
        laws::changes_are_explained_and_legal(&standard(preset).0, &sqlite(), &batches)?;
    }

    #[test]
    fn l7_l8_changes_are_explained_and_legal_under_any_policy(policy in stage_policy(), facts in stage_history()) {
        laws::changes_are_explained_and_legal(&StageMachine::new(policy), &sqlite(), &[facts])?;
    }

    #[test]
    fn l9_a_voided_fact_was_never_there((_, batches) in delivered(30), preset in preset()) {
        laws::voided_is_never_recorded(&Everything, &sqlite(), &batches)?;
        laws::voided_is_never_recorded(&standard(preset), &sqlite(), &batches)?;
    }

    #[test]
    fn l10_erased_is_missing_and_what_is_plain_stays(
        (facts, batches) in delivered(30),
        who in any::<Index>(),
        preset in preset(),
    ) {
        prop_assume!(!facts.is_empty());
        let store = SqliteStore::open_in_memory(Options::new()).unwrap();
        let person = who.get(&facts).customer().id();
        laws::erased_leaves_what_is_plain(&standard(preset), &store, &batches, person)?;
    }
}
