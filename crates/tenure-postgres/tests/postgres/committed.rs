//! Waking up at a commit: one's own, another's, and none that was there before.

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use tenure_core::log::Append;
use tenure_postgres::{Options, PostgresStore};
use tenure_store::EventStore;

use crate::common::{Raw, database, fact, new_log, open};

fn append(store: &PostgresStore, n: u64) {
    pollster::block_on(store.append(Append::new(vec![fact(n, "ann")]))).unwrap();
}

fn is_ready(future: impl Future<Output = ()>) -> bool {
    matches!(pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
}

/// Waits, and fails where nobody wakes.
fn wait(woken: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let woken = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), woken).await });
    assert!(woken.is_ok(), "nobody woke");
}

#[test]
fn ones_own_commit_wakes_and_counts_from_the_call() {
    let store = open(database(), Options::new().log(new_log()).without_notifications());
    append(&store, 0);
    let (before, never) = (store.committed(), store.committed());
    assert!(!is_ready(never), "woken by what was there before");
    append(&store, 1);
    // Not polled until now.
    assert!(is_ready(before));
    assert!(!is_ready(store.committed()), "woken twice by one commit");
    // What is known already is no commit.
    let none = store.committed();
    append(&store, 1);
    assert!(!is_ready(none), "woken without a commit");
}

#[test]
fn anothers_commit_wakes_whoever_waits() {
    let log = new_log();
    let (ours, theirs) =
        (open(database(), Options::new().log(&log)), open(database(), Options::new().log(&log)));
    append(&theirs, 0);
    for n in 1..20 {
        let woken = ours.committed();
        append(&theirs, n);
        // Also for the first, which is written before anybody listens.
        wait(woken);
        assert_eq!(
            pollster::block_on(ours.head()).unwrap().position.0,
            n + 1,
            "woken before the commit is seen"
        );
    }
    // So does one of another log not.
    let woken = ours.committed();
    append(&open(database(), Options::new().log(new_log())), 0);
    assert!(!is_ready(woken));
}

/// The connection that listens is lost: the next one tells of what was missed.
#[test]
fn a_listener_that_was_cut_off_listens_again() {
    let log = new_log();
    let database = crate::common::cluster().database().unwrap();
    let (ours, theirs) =
        (open(&database, Options::new().log(&log)), open(&database, Options::new().log(&log)));
    let woken = ours.committed();
    append(&theirs, 0);
    wait(woken);
    let raw = Raw::connect(&database);
    let woken = ours.committed();
    let cut_off = raw.ask(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'SELECT position, link FROM tenure.log%'",
    );
    assert_eq!(cut_off, "1");
    append(&theirs, 1);
    wait(woken);
}
