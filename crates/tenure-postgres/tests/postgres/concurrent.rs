//! Many writers of several kinds, one follower: nothing skipped, nothing reordered.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::common::{Raw, database, fact, new_log, open};
use tenure_core::log::{Append, Read};
use tenure_core::{EventId, Position};
use tenure_postgres::{Options, PostgresStore};
use tenure_store::{EventStore, StoreError};

const WRITERS: u64 = 8;

/// A million with `TENURE_FAULTS=long cargo test --release -p tenure-postgres --test postgres concurrent`.
fn facts() -> u64 {
    if std::env::var("TENURE_FAULTS").is_ok_and(|form| form == "long") { 1_000_000 } else { 20_000 }
}

/// A small generator with a seed, so that the schedule can be had again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Writes the numbers of one writer: in batches, in transactions of its own that pause, and first in ones that roll
/// back.
fn write(store: &PostgresStore, writer: u64) {
    let mut dice = Dice(writer + 1);
    let mut raw = Raw::connect(database());
    let (mut next, end) = (writer * facts() / WRITERS, (writer + 1) * facts() / WRITERS);
    while next < end {
        let most = if dice.below(10) == 0 { 300 } else { 30 };
        let batch = 1 + dice.below(most);
        let batch: Vec<_> =
            (next..end.min(next + batch)).map(|n| fact(n, &format!("c{}", dice.below(50)))).collect();
        next += batch.len() as u64;
        let append = Append::new(batch);
        if dice.below(4) > 0 {
            pollster::block_on(store.append(append)).unwrap();
            continue;
        }
        let Raw { runtime, client } = &mut raw;
        for commit in [dice.below(2) == 0, true] {
            let pause = format!("SELECT pg_sleep(0.00{})", dice.below(8));
            runtime.block_on(async {
                let mut transaction = client.transaction().await.unwrap();
                let done = store.append_in(&mut transaction, &append).await.unwrap();
                transaction.execute(&pause, &[]).await.unwrap();
                if commit {
                    transaction.commit().await.unwrap();
                } else {
                    transaction.rollback().await.unwrap();
                }
                assert_eq!(done.facts.len(), append.events().len());
            });
            if commit {
                break;
            }
        }
    }
}

/// Says that a writer is done, however it ended: the follower must not wait for one that failed.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_follower_of_eight_writers_misses_nothing_and_sees_nothing_twice() {
    let log = new_log();
    let handles: Vec<_> = (0..3).map(|_| open(database(), Options::new().log(&log))).collect();
    let writing = AtomicUsize::new(usize::try_from(WRITERS).unwrap());
    let seen: Vec<(Position, EventId)> = thread::scope(|scope| {
        for writer in 0..WRITERS {
            // Two handles, as two processes have them, each with several tasks.
            let (store, writing) = (&handles[usize::try_from(writer % 2).unwrap()], &writing);
            scope.spawn(move || {
                let _done = Done(writing);
                write(store, writer);
            });
        }
        let (follower, writing) = (&handles[2], &writing);
        let follower = scope.spawn(move || {
            let (mut seen, mut read) = (Vec::new(), Read::all().limit(997));
            loop {
                let over = writing.load(Ordering::SeqCst) == 0;
                let page = pollster::block_on(follower.read(&read)).unwrap();
                seen.extend(page.facts.iter().map(|fact| (fact.position, fact.event.id)));
                let last = page.is_last(&read);
                read.from = page.scanned_to;
                if over && last {
                    return seen;
                }
            }
        });
        follower.join().unwrap()
    });
    let positions: Vec<_> = seen.iter().map(|(position, _)| position.0).collect();
    assert_eq!(positions, (1..=facts()).collect::<Vec<_>>());
    let mut ids: Vec<_> = seen.iter().map(|(_, id)| *id).collect();
    let mut written: Vec<_> = (0..facts()).map(|n| fact(n, "any").id()).collect();
    ids.sort_unstable();
    written.sort_unstable();
    assert_eq!(ids, written);
    let verified = pollster::block_on(handles[0].verify(|_, _| ControlFlow::Continue(()))).unwrap();
    assert_eq!(verified.facts, facts());
}

/// Two handles that send the same facts at once store them once; the other is told where they stand.
#[test]
fn the_same_facts_from_two_handles_at_once_are_stored_once() {
    let log = new_log();
    let handles: Vec<_> = (0..2).map(|_| open(database(), Options::new().log(&log))).collect();
    for round in 0..40 {
        let batch: Vec<_> = (round * 10..(round + 1) * 10).map(|n| fact(n, &format!("c{}", n % 3))).collect();
        let answers: Vec<Result<_, StoreError>> = thread::scope(|scope| {
            let writers: Vec<_> = handles
                .iter()
                .map(|store| {
                    let append = Append::new(batch.clone());
                    scope.spawn(move || pollster::block_on(store.append(append)))
                })
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().map(tenure_core::log::Appended::stored).sum::<usize>(), 10);
        let places = |answer: usize| answers[answer].facts.iter().map(|fact| (fact.position, fact.version));
        assert!(places(0).eq(places(1)), "{answers:?}");
    }
}
