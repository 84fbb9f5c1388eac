//! Rules 23 to 26 and 57: transactions of others, crashes, restored copies, and hands on the facts themselves.

use core::time::Duration;
use std::sync::mpsc::channel;
use std::thread;

use tenure_core::Position;
use tenure_core::log::{Append, Read};
use tenure_store::EventStore;

use super::facts::{fact, facts, head, read_all, store_all};
use super::{AnyAdapter, End, Failure, Outcome, Tamper, Verdict, ensure, fresh, same, standing};

/// How long something is given to happen that must not happen.
const A_WHILE: Duration = Duration::from_millis(50);

const NO_HOLD: &str = "no transaction of another writer can be held open on this store";

fn positions<S: EventStore>(store: &S) -> Result<Vec<u64>, Failure> {
    Ok(read_all(store, Read::all())?.iter().map(|fact| fact.position.0).collect())
}

/// While another writer's transaction is open, readers see nothing of it and nothing behind it, and whoever appends comes
/// after it; whether it is committed or not, no position is skipped.
///
/// # Errors
/// How it is broken.
pub fn r23_a_held_open_writer_is_neither_passed_nor_skipped(adapter: &dyn AnyAdapter) -> Outcome {
    for end in [End::Commit, End::RollBack] {
        let store = &fresh(adapter);
        store_all(store, facts(0..3, "ann")?)?;
        let Some(held) = adapter.hold(store, Append::new(vec![fact(10, "bob")?])) else {
            return Ok(Verdict::Skipped(NO_HOLD));
        };
        same("seen while it is open", &positions(store)?, &vec![1, 2, 3])?;
        let (done, waits) = channel();
        let seen = thread::scope(|scope| -> Result<Vec<u64>, Failure> {
            let other = scope.spawn(move || -> Result<(), Failure> {
                store_all(store, vec![fact(20, "eve")?])?;
                let _ = done.send(());
                Ok(())
            });
            let passed = waits.recv_timeout(A_WHILE).is_ok();
            let seen = positions(store)?;
            held.end(end);
            other.join().unwrap_or_else(|_| Err("a writer panicked".into()))?;
            ensure!(!passed, "an append went past a transaction that was open");
            Ok(seen)
        })?;
        same("seen while another one waits", &seen, &vec![1, 2, 3])?;
        let ids: Vec<_> = read_all(store, Read::all())?.iter().skip(3).map(|fact| fact.event.id).collect();
        let (bob, eve) = (super::facts::id(10), super::facts::id(20));
        same("stored", &ids, &if end == End::Commit { vec![bob, eve] } else { vec![eve] })?;
        same("positions", &positions(store)?, &(1..=head(store)?).collect())?;
    }
    Ok(Verdict::Held)
}

/// A transaction that is open in the same database and has not appended to this log stalls neither its writers nor its
/// readers.
///
/// # Errors
/// How it is broken.
pub fn r24_an_unrelated_transaction_stalls_nobody(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..3, "ann")?)?;
    let Some(unrelated) = adapter.unrelated(&store) else {
        return Ok(Verdict::Skipped("a database of this store has no transactions but its own"));
    };
    for n in 3..20 {
        store_all(&store, vec![fact(n, "bob")?])?;
        same("seen", &positions(&store)?, &(1..=n + 1).collect())?;
    }
    drop(unrelated);
    Ok(Verdict::Held)
}

/// A writer that is killed between its insert and its commit leaves nothing behind, and no hole.
///
/// # Errors
/// How it is broken.
pub fn r25_a_killed_writer_leaves_no_hole(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    for n in 0..5 {
        let before = head(&store)?;
        let Some(held) = adapter.hold(&store, Append::new(facts(100 * n..100 * n + 3, "bob")?)) else {
            return Ok(Verdict::Skipped(NO_HOLD));
        };
        held.end(End::Kill);
        same("head", &head(&store)?, &before)?;
        store_all(&store, vec![fact(5_000 + n, "ann")?])?;
        // What the killed one was about to store can be stored.
        store_all(&store, facts(100 * n..100 * n + 3, "bob")?)?;
        same("positions", &positions(&store)?, &(1..=before + 4).collect())?;
    }
    Ok(Verdict::Held)
}

/// A copy that was made by the store's own means has the same facts at the same positions, the same entries, and goes on.
///
/// # Errors
/// How it is broken.
pub fn r26_a_restored_copy_is_the_same(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..30, "ann")?)?;
    store_all(&store, facts(30..40, "bob")?)?;
    pollster::block_on(store.put_note("checkpoint", None, "17"))?;
    let Some(copy) = adapter.restore(&store, standing()) else {
        return Ok(Verdict::Skipped("the store has no means to copy itself"));
    };
    same("facts", &read_all(&copy, Read::all())?, &read_all(&store, Read::all())?)?;
    same("head", &pollster::block_on(copy.head())?, &pollster::block_on(store.head())?)?;
    same("note", &pollster::block_on(copy.note("checkpoint"))?.as_deref(), &Some("17"))?;
    store_all(&copy, vec![fact(40, "bob")?])?;
    store_all(&store, vec![fact(41, "eve")?])?;
    same("the copy goes on by itself", &(head(&copy)?, head(&store)?), &(41, 41))?;
    ensure!(
        pollster::block_on(copy.append(Append::new(facts(0..30, "ann")?)))?.already_stored(),
        "the copy does not know its facts"
    );
    Ok(Verdict::Held)
}

/// The database itself refuses to change, delete or empty what was stored.
///
/// # Errors
/// How it is broken.
pub fn r57_stored_facts_cannot_be_changed(adapter: &dyn AnyAdapter) -> Outcome {
    let store = fresh(adapter);
    store_all(&store, facts(0..5, "ann")?)?;
    let before = read_all(&store, Read::all())?;
    let mut tried = 0;
    for tamper in [Tamper::Change, Tamper::Delete, Tamper::Empty] {
        let Some(refused) = adapter.tamper(&store, Position(2), tamper) else { continue };
        tried += 1;
        ensure!(refused, "the database let somebody {tamper:?} facts");
        same("facts", &read_all(&store, Read::all())?, &before)?;
    }
    Ok(if tried == 0 { Verdict::Skipped("there is no database beside the store") } else { Verdict::Held })
}
