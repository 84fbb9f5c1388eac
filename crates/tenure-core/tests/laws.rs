//! The laws on the log in memory.

use proptest::prelude::*;
use proptest::sample::Index;
use tenure_testkit::laws::{self, InMemory};
use tenure_testkit::strategies::{delivered, facts, instant};
use tenure_testkit::{Everybody, Everything};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn l1_any_order_of_arrival_folds_to_the_same_states((facts, batches) in delivered(30)) {
        laws::converges(&Everything, &InMemory, &facts, &batches)?;
    }

    #[test]
    fn l2_as_of_is_a_cut_of_the_facts((_, batches) in delivered(30), at in instant()) {
        laws::as_of_is_a_cut(&Everything, &InMemory, &batches, at)?;
    }

    #[test]
    fn l2_known_at_is_a_prefix_of_the_log((_, batches) in delivered(30), count in any::<Index>()) {
        laws::known_at_is_a_prefix(&Everything, &InMemory, &batches, count.index(batches.len() + 1))?;
    }

    #[test]
    fn l2_incremental_states_are_those_of_a_replay((_, batches) in delivered(30)) {
        laws::incremental_equals_replay(&Everything, &batches)?;
    }

    #[test]
    fn l3_a_fold_resumes_from_a_snapshot(facts in facts(30), cut in 0_usize..40) {
        laws::resumes(&Everything, &facts, cut)?;
    }

    #[test]
    fn l4_reports_of_partitions_add_up((_, batches) in delivered(30), at in instant()) {
        laws::partitions_add_up(&Everything, &Everybody, &batches, at)?;
    }

    #[test]
    fn l9_a_voided_fact_was_never_there((_, batches) in delivered(30)) {
        laws::voided_is_never_recorded(&Everything, &InMemory, &batches)?;
    }
}
