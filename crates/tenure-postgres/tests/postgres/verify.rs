//! What `verify` says of a log that somebody changed behind the store's back.

use std::ops::ControlFlow;

use tenure_core::log::Append;
use tenure_core::{Customer, CustomerEvent, Event, EventId, Position, Timestamp};
use tenure_postgres::{Options, PostgresStore, Verified, VerifyError};
use tenure_store::EventStore;

use crate::common::{Raw, database, new_log, open};

const FACTS: u8 = 20;

fn store() -> PostgresStore {
    let store = open(database(), Options::new().log(new_log()));
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

fn verify(store: &PostgresStore) -> Result<Verified, VerifyError> {
    pollster::block_on(store.verify(|_, _| ControlFlow::Continue(())))
}

/// What is found after somebody ran this SQL who knows how to get around the triggers. `LOG` is the log.
fn found_after(sql: &str) -> VerifyError {
    let store = store();
    let whole = verify(&store).unwrap();
    assert_eq!(whole.facts, u64::from(FACTS));
    assert_eq!(Some(whole.head_hash), pollster::block_on(store.head()).unwrap().hash);
    let raw = Raw::connect(database());
    raw.run("SET session_replication_role = replica");
    let log = format!("log = (SELECT log FROM tenure.log WHERE name = '{}')", store.log());
    raw.run(&sql.replace("LOG", &log));
    verify(&store).unwrap_err()
}

#[test]
fn an_altered_fact_is_named() {
    for column in [
        "version = 9",
        "previous = 1",
        "id = gen_random_uuid()",
        "customer = gen_random_uuid()",
        "customer_key = NULL",
        "customer_key = 'shop:eve'",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "occurred_at = 'infinity'",
        "recorded_at = recorded_at + interval '1 microsecond'",
        "kind = 'signed_up'",
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
        "link = decode(repeat('00', 32), 'hex')",
        "link = ''",
    ] {
        let error = found_after(&format!("UPDATE tenure.fact SET {column} WHERE position = 8 AND LOG"));
        assert!(matches!(error, VerifyError::Altered { position: Position(8), .. }), "{column}: {error:?}");
    }
}

#[test]
fn a_removed_fact_is_named() {
    for (rows, position) in [("position = 8", 8), ("position = 1", 1), ("position >= 19", 19)] {
        let error = found_after(&format!("DELETE FROM tenure.fact WHERE {rows} AND LOG"));
        assert!(
            matches!(error, VerifyError::Removed { position: Position(at) } if at == position),
            "{error:?}"
        );
    }
}

#[test]
fn moved_facts_are_named_with_their_old_place() {
    let error = found_after(
        "UPDATE tenure.fact SET position = -1 WHERE position = 8 AND LOG;
         UPDATE tenure.fact SET position = 8 WHERE position = 12 AND LOG;
         UPDATE tenure.fact SET position = 12 WHERE position = -1 AND LOG",
    );
    assert!(
        matches!(error, VerifyError::Moved { position: Position(8), written_at: Position(12) }),
        "{error:?}"
    );
}

#[test]
fn what_stands_beside_the_facts_is_checked_too() {
    for sql in [
        "UPDATE tenure.log SET position = 21 WHERE LOG",
        "UPDATE tenure.log SET position = 19 WHERE LOG",
        "UPDATE tenure.log SET link = decode(repeat('00', 32), 'hex') WHERE LOG",
        "UPDATE tenure.stream SET version = version + 1, last = 3 WHERE LOG",
        "UPDATE tenure.stream SET last = last - 2 WHERE LOG",
        "DELETE FROM tenure.stream WHERE LOG",
    ] {
        let error = found_after(sql);
        assert!(
            matches!(error, VerifyError::Index { .. } | VerifyError::Removed { position: Position(21) }),
            "{sql}: {error:?}"
        );
    }
}
