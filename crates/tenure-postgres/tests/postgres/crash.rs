//! Connections that are lost around a commit: what was committed is never called failed.

use std::time::Duration;

use tenure_core::Position;
use tenure_core::log::{Append, Read};
use tenure_postgres::{Options, PostgresStore};
use tenure_store::{EventStore, StoreError};

use crate::common::{Cut, Proxy, cluster, database, fact, new_log, open};

fn through(proxy: &Proxy, options: Options) -> PostgresStore {
    let (server, way) = (cluster().socket().display().to_string(), proxy.directory().display().to_string());
    open(&database().replace(&server, &way), options)
}

#[test]
fn a_commit_whose_connection_is_cut_is_answered_as_what_it_was() {
    for cut in [Cut::BeforeCommit, Cut::AtCommit, Cut::AfterCommit] {
        let proxy = Proxy::new(cluster().socket());
        let log = new_log();
        let store = through(&proxy, Options::new().log(&log));
        pollster::block_on(store.append(Append::new(vec![fact(0, "ann")]))).unwrap();
        for (round, size) in [(1, 3), (2, 200)] {
            proxy.cut(cut);
            let first = round * 1_000;
            let batch: Vec<_> = (first..first + size).map(|n| fact(n, "ann")).collect();
            let done = pollster::block_on(store.append(Append::new(batch))).unwrap();
            assert!(proxy.was_cut(), "{cut:?}: the connection was not cut");
            assert_eq!(u64::try_from(done.stored()).unwrap(), size, "{cut:?}: {done:?}");
            let direct = open(database(), Options::new().log(&log));
            assert_eq!(pollster::block_on(direct.head()).unwrap().position, done.head, "{cut:?}");
            let known = pollster::block_on(direct.known(&[fact(first, "ann").id()])).unwrap();
            assert_eq!(known, [Some(done.facts[0].position)], "{cut:?}");
        }
        let direct = open(database(), Options::new().log(&log));
        let all = pollster::block_on(direct.read(&Read::all())).unwrap();
        assert_eq!(all.facts.len(), 204, "{cut:?}");
        assert_eq!(all.head, Position(204), "{cut:?}");
    }
}

/// Where nobody can be asked what became of it, the answer is that it is unknown, and sending it again finds out.
#[test]
fn a_commit_that_nobody_can_be_asked_about_is_unknown() {
    let proxy = Proxy::new(cluster().socket());
    let log = new_log();
    let store = through(&proxy, Options::new().log(&log).lock_timeout(Duration::from_millis(300)));
    proxy.cut(Cut::AfterCommit);
    proxy.refuse_others(true);
    let append = Append::new(vec![fact(0, "ann")]);
    let error = pollster::block_on(store.append(append.clone())).unwrap_err();
    assert!(matches!(error, StoreError::Unknown(_)) && error.is_retryable(), "{error:?}");
    let error = pollster::block_on(store.append(append.clone())).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }) && error.is_retryable(), "{error:?}");
    proxy.refuse_others(false);
    let again = pollster::block_on(store.append(append)).unwrap();
    assert!(again.already_stored(), "{again:?}");
}
