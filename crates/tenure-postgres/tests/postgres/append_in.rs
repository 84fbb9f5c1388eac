//! Appending inside a transaction of the caller's: together or not at all, and what it costs others.

use std::time::{Duration, Instant};

use crate::common::{Raw, cluster, database, fact, new_log, new_store, open};
use tenure_core::log::{Append, AppendError, Expected};
use tenure_core::{Position, Version};
use tenure_postgres::Options;
use tenure_store::{EventStore, StoreError};

fn head(store: &impl EventStore) -> u64 {
    pollster::block_on(store.head()).unwrap().position.0
}

#[test]
fn facts_and_the_callers_rows_are_committed_together_or_not_at_all() {
    let store = new_store();
    let mut raw = Raw::connect(database());
    raw.run("CREATE TABLE stock (left_over int NOT NULL); INSERT INTO stock VALUES (10)");
    let Raw { runtime, client } = &mut raw;
    for (n, commit) in [(0, true), (1, false), (2, true)] {
        runtime.block_on(async {
            let mut transaction = client.transaction().await.unwrap();
            transaction.execute("UPDATE stock SET left_over = left_over - 1", &[]).await.unwrap();
            let done = store.append_in(&mut transaction, &Append::new(vec![fact(n, "ann")])).await.unwrap();
            assert_eq!(done.stored(), 1);
            if commit {
                transaction.commit().await.unwrap();
            } else {
                transaction.rollback().await.unwrap();
            }
        });
    }
    assert_eq!((raw.ask("SELECT left_over FROM stock"), head(&store)), ("8".into(), 2));
    let known =
        pollster::block_on(store.known(&[fact(0, "ann").id(), fact(1, "ann").id(), fact(2, "ann").id()]));
    assert_eq!(known.unwrap(), [Some(Position(1)), None, Some(Position(2))]);
    // The handle's own writer goes on behind what it did not write.
    let next = pollster::block_on(store.append(Append::new(vec![fact(9, "ann")]))).unwrap();
    assert_eq!((next.facts[0].position, next.facts[0].version), (Position(3), Version(3)));
    assert_eq!(
        pollster::block_on(store.verify(|_, _| std::ops::ControlFlow::Continue(()))).unwrap().facts,
        3
    );
}

#[test]
fn what_is_refused_leaves_the_transaction_usable() {
    let store = new_store();
    pollster::block_on(store.append(Append::new(vec![fact(0, "ann")]))).unwrap();
    let mut raw = Raw::connect(database());
    raw.run("CREATE TABLE diary (line text)");
    let Raw { runtime, client } = &mut raw;
    runtime.block_on(async {
        let mut transaction = client.transaction().await.unwrap();
        transaction.execute("SET LOCAL lock_timeout = '77ms'", &[]).await.unwrap();
        let stale =
            Append::new(vec![fact(1, "ann")]).expect(fact(1, "ann").customer().id(), Expected::NoStream);
        let error = store.append_in(&mut transaction, &stale).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(AppendError::Version { .. })), "{error:?}");
        let again = store.append_in(&mut transaction, &Append::new(vec![fact(0, "ann")])).await.unwrap();
        assert!(again.already_stored());
        let row = transaction.query_one("SELECT current_setting('lock_timeout')", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "77ms", "the caller's own time-out");
        transaction.execute("INSERT INTO diary VALUES ('a')", &[]).await.unwrap();
        store.append_in(&mut transaction, &Append::new(vec![fact(1, "ann")])).await.unwrap();
        transaction.commit().await.unwrap();
    });
    assert_eq!((raw.ask("SELECT count(*) FROM diary"), head(&store)), ("1".into(), 2));
}

/// While a caller holds its transaction open others wait, no longer than they said that they would; readers do not.
#[test]
fn a_transaction_held_open_blocks_others_for_their_time_out_and_says_so() {
    let patience = Duration::from_millis(200);
    let log = new_log();
    let holder = open(database(), Options::new().log(&log));
    let waiter = open(database(), Options::new().log(&log).lock_timeout(patience));
    let mut raw = Raw::connect(database());
    let Raw { runtime, client } = &mut raw;
    let transaction = runtime.block_on(async {
        let mut transaction = client.transaction().await.unwrap();
        holder.append_in(&mut transaction, &Append::new(vec![fact(0, "ann")])).await.unwrap();
        transaction
    });
    let begun = Instant::now();
    let error = pollster::block_on(waiter.append(Append::new(vec![fact(1, "bob")]))).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }) && error.is_retryable(), "{error:?}");
    assert!(error.to_string().contains(&format!("log \"{log}\"")) && error.hint().is_some(), "{error}");
    assert!(begun.elapsed() >= patience, "it did not wait: {:?}", begun.elapsed());
    assert_eq!(head(&waiter), 0, "a reader waits or sees what is not committed");
    let mut second = Raw::connect(database());
    let Raw { runtime: theirs, client } = &mut second;
    theirs.block_on(async {
        let mut transaction = client.transaction().await.unwrap();
        let append = Append::new(vec![fact(2, "eve")]);
        let error = waiter.append_in(&mut transaction, &append).await.unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    });
    // Another log of the same schema has its own head.
    pollster::block_on(new_store().append(Append::new(vec![fact(1, "bob")]))).unwrap();
    runtime.block_on(transaction.commit()).unwrap();
    let done = pollster::block_on(waiter.append(Append::new(vec![fact(1, "bob")]))).unwrap();
    assert_eq!(done.facts[0].position, Position(2));
}

#[test]
fn a_transaction_on_another_database_is_refused() {
    let store = new_store();
    let elsewhere = cluster().database().unwrap();
    for made in [false, true] {
        if made {
            // The same schema, and a log of the same number and name.
            for log in 1..=64 {
                drop(open(&elsewhere, Options::new().log(format!("log {log}"))));
            }
        }
        let mut raw = Raw::connect(&elsewhere);
        let Raw { runtime, client } = &mut raw;
        runtime.block_on(async {
            let mut transaction = client.transaction().await.unwrap();
            let append = Append::new(vec![fact(0, "ann")]);
            let error = store.append_in(&mut transaction, &append).await.unwrap_err();
            assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
        });
    }
    assert_eq!(head(&store), 0);
}

#[test]
fn a_transaction_that_does_not_wait_for_the_disk_is_refused() {
    let store = new_store();
    let mut raw = Raw::connect(database());
    let Raw { runtime, client } = &mut raw;
    runtime.block_on(async {
        let mut transaction = client.transaction().await.unwrap();
        transaction.execute("SET LOCAL synchronous_commit = off", &[]).await.unwrap();
        let append = Append::new(vec![fact(0, "ann")]);
        let error = store.append_in(&mut transaction, &append).await.unwrap_err();
        assert!(
            matches!(&error, StoreError::Unsafe { what, .. } if what.contains("synchronous_commit")),
            "{error:?}"
        );
    });
}
