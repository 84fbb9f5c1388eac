//! The conformance kit: one public function for each rule that a store must keep, and one line to run them all.
//!
//! The rules have the numbers of the store contract. [`MemoryStore`](tenure_store::MemoryStore) is the executable
//! reference; [`Flawed`] stores, each broken in one way, show that the rules see what they are for.
//!
//! ```
//! use tenure_store::MemoryStore;
//! use tenure_testkit::conformance::{self, Verdict};
//! let adapter = |clock| MemoryStore::with_clock(clock); // any function from a clock to a new, empty store
//! assert_eq!(conformance::r09_an_empty_batch_is_refused(&adapter)?, Verdict::Held);
//! # Ok::<(), conformance::Failure>(())
//! ```
//! In the `tests/` of an adapter: `tenure_testkit::store_conformance!(|clock| MemoryStore::with_clock(clock));`

mod adapter;
mod append;
mod entry;
mod erase;
mod facts;
mod failing;
mod flawed;
mod held;
mod model;
mod order;
mod project;
mod read;
mod subscribe;

use std::sync::Arc;

pub use adapter::{Adapter, AnyAdapter};
pub use append::*;
pub use entry::*;
pub use erase::{CANARIES, canary_facts, erased_is_gone, r54_what_was_erased_is_gone};
pub use flawed::{Flaw, Flawed};
pub use held::*;
pub use model::*;
pub use order::*;
pub use project::*;
pub use read::*;
pub use subscribe::*;
use tenure_core::Timestamp;
use tenure_store::{AnyStore, ManualClock};

pub use crate::Failure;

/// Another writer's transaction that is open.
pub trait Held {
    /// Ends it.
    fn end(self: Box<Self>, end: End);
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is committed.
    Commit,
    /// It is rolled back.
    RollBack,
    /// Its connection or process is gone.
    Kill,
}

/// What is tried on a stored fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tamper {
    /// To write another value into it.
    Change,
    /// To delete it.
    Delete,
    /// To empty the table.
    Empty,
}

/// What became of a rule that was not broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The store keeps it.
    Held,
    /// It could not be checked, and why.
    Skipped(&'static str),
}

/// What a rule says of a store.
pub type Outcome = Result<Verdict, Failure>;

/// A rule and its name.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Number and statement, as the function is called.
    pub name: &'static str,
    /// The check.
    pub check: fn(&dyn AnyAdapter) -> Outcome,
}

/// A store under a clock that shows the first of May 2024 and stands still.
fn fresh(adapter: &dyn AnyAdapter) -> AnyStore {
    adapter.open(standing())
}

fn standing() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(today()))
}

fn today() -> Timestamp {
    Timestamp::parse("2024-05-01T00:00:00Z").unwrap_or(Timestamp::MIN)
}

macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+).into());
        }
    };
}
use ensure;

/// Fails unless both sides are equal, and says what they are.
fn same<T: PartialEq + core::fmt::Debug>(what: &str, left: &T, right: &T) -> Result<(), Failure> {
    if left == right { Ok(()) } else { Err(format!("{what}: {left:?} is not {right:?}").into()) }
}

/// Runs a macro with the names of all rules.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_rules {
    ($then:ident, $with:tt) => {
        $crate::$then! {
            $with
            r01_new_streams_count_versions_from_one
            r02_an_append_over_several_streams_is_one
            r03_one_bad_expectation_rolls_all_back
            r04_no_stream_is_refused_on_an_existing_one
            r05_exists_is_refused_on_a_missing_one
            r06_a_wrong_version_is_told_in_exact_numbers
            r07_concurrent_appends_without_expectation_are_all_stored
            r08_of_racers_for_one_version_one_wins
            r09_an_empty_batch_is_refused
            r10_the_same_batch_twice_is_stored_once
            r11_an_append_whose_answer_was_lost_can_be_sent_again
            r12_partly_known_batches
            r13_an_id_with_other_content_is_refused
            r14_an_id_twice_in_a_batch
            r15_batches_of_any_size
            r16_payloads_come_back_as_they_were
            r17_header_fields_come_back_as_they_were
            r18_a_failed_append_consumes_no_position
            r19_positions_are_contiguous_from_one
            r20_the_order_of_versions_is_that_of_positions
            r21_recorded_at_never_decreases
            r22_a_polling_reader_misses_nothing
            r23_a_held_open_writer_is_neither_passed_nor_skipped
            r24_an_unrelated_transaction_stalls_nobody
            r25_a_killed_writer_leaves_no_hole
            r26_a_restored_copy_is_the_same
            r27_any_size_of_page_gives_the_same_list
            r28_bounds_are_exact
            r29_backward_is_the_reverse_of_forward
            r30_filters_move_scanned_to
            r31_a_missing_stream_is_empty
            r32_a_read_during_appends_is_a_prefix
            r33_cuts_in_time_are_those_of_a_naive_model
            r34_an_unreadable_fact_is_named_and_ends_nothing
            r35_two_logs_never_see_each_other
            r36_a_subscription_goes_from_the_past_to_the_present_without_a_seam
            r37_each_catch_up_is_told_once
            r38_a_subscription_needs_no_notification
            r39_a_slow_consumer_holds_one_page
            r40_a_subscription_outlives_its_store
            r41_a_checkpoint_beyond_the_head_is_refused
            r42_states_and_checkpoint_are_written_together
            r43_of_two_runners_one_keeps_each_step
            r44_an_unreadable_fact_stops_or_is_parked
            r45_a_rebuild_during_appends_equals_an_offline_fold
            r46_a_cancelled_rebuild_goes_on
            r47_a_switch_is_atomic_and_can_be_taken_back
            r48_nothing_is_told_twice
            r49_a_lease_ends_and_is_taken_over
            r50_kept_states_and_the_tail_are_the_whole_fold
            r51_old_schemas_are_brought_forward
            r52_unknown_kinds_are_kept
            r54_what_was_erased_is_gone
            r57_stored_facts_cannot_be_changed
            r58_a_store_answers_as_memory_does
            r59_any_order_of_commits_folds_to_the_same
            r60_two_stores_keep_the_same_bytes
            ids_are_found
            entries_are_compared_and_set
            entries_and_facts_are_written_together
            entries_are_scanned_in_the_order_of_bytes
            a_store_that_is_opened_again_is_the_same
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_rule_list {
    ([] $($rule:ident)*) => {
        /// All rules.
        pub const RULES: &[Rule] = &[$( Rule { name: stringify!($rule), check: $rule } ),*];
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_rule_tests {
    ([$adapter:expr] $($rule:ident)*) => {$(
        #[test]
        fn $rule() -> ::core::result::Result<(), $crate::conformance::Failure> {
            if let $crate::conformance::Verdict::Skipped(why) = $crate::conformance::$rule(&$adapter)? {
                eprintln!("skipped: {why}");
            }
            Ok(())
        }
    )*};
}

crate::__store_rules!(__store_rule_list, []);

/// Makes one test of every rule for a store. The expression is an [`Adapter`](crate::conformance::Adapter): a
/// function from a clock to a new, empty store, or a type that can do more.
///
/// ```
/// # #[cfg(test)]
/// tenure_testkit::store_conformance!(|clock| tenure_store::MemoryStore::with_clock(clock));
/// ```
#[macro_export]
macro_rules! store_conformance {
    ($adapter:expr) => {
        $crate::__store_rules!(__store_rule_tests, [$adapter]);
    };
}
