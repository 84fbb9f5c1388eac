//! The laws on SQLite, folded on three threads: what holds in memory holds here, bit for bit.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::Index;
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::ManualClock;
use tenure_testkit::Everything;
use tenure_testkit::laws::{self, InStore};
use tenure_testkit::strategies::{delivered, instant};

fn sqlite() -> InStore<impl Fn(Arc<ManualClock>) -> SqliteStore> {
    InStore(|clock: Arc<ManualClock>| SqliteStore::open_in_memory(Options::new().clock(clock)).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn l1_any_order_of_arrival_folds_to_the_same_states((facts, batches) in delivered(30)) {
        laws::converges(&Everything, &sqlite(), &facts, &batches)?;
    }

    #[test]
    fn l2_as_of_is_a_cut_of_the_facts((_, batches) in delivered(30), at in instant()) {
        laws::as_of_is_a_cut(&Everything, &sqlite(), &batches, at)?;
    }

    #[test]
    fn l2_known_at_is_a_prefix_of_the_log((_, batches) in delivered(30), count in any::<Index>()) {
        laws::known_at_is_a_prefix(&Everything, &sqlite(), &batches, count.index(batches.len() + 1))?;
    }

    #[test]
    fn l9_a_voided_fact_was_never_there((_, batches) in delivered(30)) {
        laws::voided_is_never_recorded(&Everything, &sqlite(), &batches)?;
    }
}
