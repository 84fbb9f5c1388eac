//! A SQLite file and a SQLite database in memory keep every rule of the store contract.
#![expect(clippy::unwrap_used, reason = "an adapter of the kit that cannot open its store is a failed test")]

use std::any::Any;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;
use tenure_core::Position;
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::Clock;
use tenure_testkit::conformance::{Adapter, Failure, Tamper, erased_is_gone};

mod memory {
    use super::*;

    struct Memory;

    impl Adapter for Memory {
        type Store = SqliteStore;

        fn open(&self, clock: Arc<dyn Clock>) -> SqliteStore {
            SqliteStore::open_in_memory(Options::new().clock(clock)).unwrap()
        }

        fn erased_is_gone(&self, store: &SqliteStore) -> Option<Result<(), Failure>> {
            Some(erased_is_gone(store))
        }
    }

    tenure_testkit::store_conformance!(Memory);
}

mod file {
    use super::*;
    tenure_testkit::store_conformance!(Files::new());
}

/// Stores in a directory of their own.
struct Files {
    directory: tempfile::TempDir,
    next: AtomicUsize,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), next: AtomicUsize::new(0) }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join(format!("{}.db", self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Adapter for Files {
    type Store = SqliteStore;

    fn erased_is_gone(&self, store: &SqliteStore) -> Option<Result<(), Failure>> {
        Some(erased_is_gone(store))
    }

    fn open(&self, clock: Arc<dyn Clock>) -> SqliteStore {
        SqliteStore::open(self.path(), Options::new().clock(clock)).unwrap()
    }

    fn reopen(&self, store: SqliteStore, clock: Arc<dyn Clock>) -> Result<SqliteStore, SqliteStore> {
        let path = store.path().unwrap().to_owned();
        drop(store);
        Ok(SqliteStore::open(path, Options::new().existing().clock(clock)).unwrap())
    }

    fn spoil(&self, store: &SqliteStore, position: Position) -> bool {
        let raw = Connection::open(store.path().unwrap()).unwrap();
        raw.execute_batch("DROP TRIGGER fact_is_never_changed").unwrap();
        let position = i64::try_from(position.0).unwrap();
        raw.execute("UPDATE fact SET data = '{}' WHERE position = ?1", [position]).unwrap() == 1
    }

    fn unrelated(&self, store: &SqliteStore) -> Option<Box<dyn Any>> {
        let raw = Connection::open(store.path().unwrap()).unwrap();
        raw.execute_batch("BEGIN; SELECT * FROM head").unwrap();
        Some(Box::new(raw))
    }

    fn restore(&self, store: &SqliteStore, clock: Arc<dyn Clock>) -> Option<SqliteStore> {
        let copy = self.path();
        store.backup(&copy, |_, _| ControlFlow::Continue(())).unwrap();
        Some(SqliteStore::open(copy, Options::new().existing().clock(clock)).unwrap())
    }

    fn tamper(&self, store: &SqliteStore, position: Position, tamper: Tamper) -> Option<bool> {
        let raw = Connection::open(store.path().unwrap()).unwrap();
        let sql = match tamper {
            Tamper::Change => format!("UPDATE fact SET number = 1 WHERE position = {position}"),
            Tamper::Delete => format!("DELETE FROM fact WHERE position = {position}"),
            Tamper::Empty => "DELETE FROM fact".to_owned(),
        };
        Some(raw.execute_batch(&sql).is_err())
    }
}
