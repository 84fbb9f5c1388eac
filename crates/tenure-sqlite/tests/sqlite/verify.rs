//! What `verify` says of a log that somebody changed behind the store's back.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::Connection;
use tenure_core::log::{Append, Read};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Position, Timestamp};
use tenure_sqlite::{Options, SqliteStore, Verified, VerifyError};
use tenure_store::{EventStore, StoreError};

const FACTS: u8 = 20;

fn store(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path, Options::new()).unwrap();
    let events = (0..FACTS)
        .map(|n| {
            let at = Timestamp::from_micros(i64::from(n)).unwrap();
            let customer = Customer::parse(if n % 2 == 0 { "ann" } else { "bob" }, "shop").unwrap();
            let fact = CustomerEvent::TagAdded { tag: format!("tag {n}") };
            Event::new(EventId::from_bytes([n; 16]), customer, at, fact).unwrap()
        })
        .collect();
    pollster::block_on(store.append(Append::new(events))).unwrap();
    store
}

fn verify(store: &SqliteStore) -> Result<Verified, VerifyError> {
    store.verify(|_, _| ControlFlow::Continue(()))
}

/// What is found after somebody ran this SQL who knows how to get around the triggers.
fn found_after(sql: &str) -> VerifyError {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = store(&path);
    let whole = verify(&store).unwrap();
    assert_eq!(whole.facts, u64::from(FACTS));
    assert_eq!(Some(whole.head_hash), pollster::block_on(store.head()).unwrap().hash);
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("DROP TRIGGER fact_is_never_changed; DROP TRIGGER fact_is_never_deleted").unwrap();
    raw.execute_batch(sql).unwrap();
    verify(&store).unwrap_err()
}

#[test]
fn an_altered_fact_is_named() {
    for column in [
        "version = 9",
        "previous = 1",
        "id = randomblob(16)",
        "customer = zeroblob(16)",
        "customer_key = NULL",
        "customer_key = 'shop:eve'",
        "occurred_at = occurred_at + 1",
        "recorded_at = recorded_at + 1",
        "kind = 1",
        "kind = 99",
        "schema = 2",
        "subject = 'tag 12'",
        "subject = NULL",
        "minor = 0",
        "currency = 'USD'",
        "number = 0",
        "channel = 'web'",
        "actor = 'me'",
        "data = '{}'",
        "context = '{}'",
        "header_sum = header_sum + 1",
        "body_sum = 0",
        "link = zeroblob(32)",
    ] {
        let error = found_after(&format!("UPDATE fact SET {column} WHERE position = 8"));
        assert!(matches!(error, VerifyError::Altered { position: Position(8), .. }), "{column}: {error:?}");
    }
}

/// Whoever can write checksums too is caught by the chain.
#[test]
fn an_altered_fact_with_right_checksums_is_named() {
    // Body and context swap nothing but their checksum is that of two other texts: take it from another store.
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("other.db");
    let fact = Event::new(
        EventId::from_bytes([7; 16]),
        Customer::parse("bob", "shop").unwrap(),
        Timestamp::from_micros(7).unwrap(),
        CustomerEvent::TagAdded { tag: "another".into() },
    )
    .unwrap();
    let lone = SqliteStore::open(&other, Options::new()).unwrap();
    pollster::block_on(lone.append(Append::new(vec![fact]))).unwrap();
    drop(lone);
    let error = found_after(&format!(
        "ATTACH '{}' AS other;
         UPDATE fact SET data = other.data, body_sum = other.body_sum, link = other.link
            FROM other.fact AS other WHERE fact.position = 8",
        other.display()
    ));
    assert!(matches!(error, VerifyError::Altered { position: Position(8), .. }), "{error:?}");
}

#[test]
fn a_removed_fact_is_named() {
    for (sql, position) in [
        ("DELETE FROM fact WHERE position = 8", 8),
        ("DELETE FROM fact WHERE position = 1", 1),
        ("DELETE FROM fact WHERE position >= 19", 19),
    ] {
        let error = found_after(sql);
        assert!(
            matches!(error, VerifyError::Removed { position: Position(at) } if at == position),
            "{error:?}"
        );
    }
}

#[test]
fn moved_facts_are_named_with_their_old_place() {
    let error = found_after(
        "UPDATE fact SET position = -1 WHERE position = 8;
         UPDATE fact SET position = 8 WHERE position = 12;
         UPDATE fact SET position = 12 WHERE position = -1",
    );
    assert!(
        matches!(error, VerifyError::Moved { position: Position(8), written_at: Position(12) }),
        "{error:?}"
    );
}

#[test]
fn what_stands_beside_the_facts_is_checked_too() {
    for sql in [
        "UPDATE head SET facts = 21",
        "UPDATE head SET facts = 19",
        "UPDATE head SET link = zeroblob(32)",
        "UPDATE stream SET version = version + 1, last = 3",
        "UPDATE stream SET last = last - 2",
        "DELETE FROM stream",
    ] {
        let error = found_after(sql);
        assert!(
            matches!(error, VerifyError::Index { .. } | VerifyError::Removed { position: Position(21) }),
            "{sql}: {error:?}"
        );
    }
}

#[test]
fn a_removed_fact_is_no_end_of_the_log_and_hides_no_stream() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = store(&path);
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("DROP TRIGGER fact_is_never_deleted; DELETE FROM fact WHERE position = 8").unwrap();
    let first = pollster::block_on(store.read(&Read::all())).unwrap();
    assert_eq!((first.facts.len(), first.scanned_to), (7, Position(7)));
    let error = pollster::block_on(store.read(&Read::all().from(Position(7)))).unwrap_err();
    assert!(matches!(error, StoreError::Undecodable { position: Position(8), .. }), "{error:?}");
    let rest = pollster::block_on(store.read(&Read::all().from(Position(8)))).unwrap();
    assert_eq!(rest.facts.len(), 12);
    // So is a missing tail: the head says how long the log is.
    raw.execute_batch("DELETE FROM fact WHERE position >= 19").unwrap();
    let rest = Read::all().from(Position(8));
    let page = pollster::block_on(store.read(&rest)).unwrap();
    assert!(!page.is_last(&rest));
    assert_eq!((page.facts.len(), page.scanned_to), (10, Position(18)));
    let error = pollster::block_on(store.read(&rest.from(Position(18)))).unwrap_err();
    assert!(matches!(error, StoreError::Undecodable { position: Position(19), .. }), "{error:?}");
}

/// A schema that was changed, a note, and an instant of the head: nothing that a read would notice.
#[test]
fn what_no_read_would_notice_is_found() {
    for (sql, what) in [
        ("DROP VIEW facts", "view facts"),
        (
            "DROP INDEX fact_correction; CREATE INDEX fact_correction ON fact (position) WHERE kind IN (1, 3)",
            "index fact_correction",
        ),
        ("UPDATE head SET recorded_at = recorded_at + 1", "the head was not recorded"),
        ("INSERT INTO entry VALUES ('note', x'6162', x'63', 7)", "the entry note:ab"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let store = store(&path);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let error = verify(&store).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("a.db"), "{sql}: {error}");
    }
    // Tables of others are no harm.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = store(&path);
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE mine (a); CREATE INDEX seen ON fact (occurred_at)")
        .unwrap();
    verify(&store).unwrap();
}

/// Without a chain to follow, the checksums of the one fact say it.
#[test]
fn an_altered_fact_is_not_read() {
    for column in [
        "occurred_at = occurred_at + 1",
        "subject = 'tag 12'",
        "actor = 'me'",
        "data = '{}'",
        "context = '{}'",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let store = store(&path);
        let raw = Connection::open(&path).unwrap();
        raw.execute_batch("DROP TRIGGER fact_is_never_changed").unwrap();
        raw.execute(&format!("UPDATE fact SET {column} WHERE position = 8"), ()).unwrap();
        let error = pollster::block_on(store.read(&Read::all().from(Position(7)))).unwrap_err();
        assert!(
            matches!(error, StoreError::Undecodable { position: Position(8), .. }),
            "{column}: {error:?}"
        );
    }
}
