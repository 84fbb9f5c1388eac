//! What a store's file is like: for people who ask whether something is wrong with it.

use std::fs;

use rusqlite::Connection;
use tenure_core::Timestamp;
use tenure_store::StoreError;

use crate::error::InStore;
use crate::{Durability, SqliteStore, open, schema};

/// What a store's file is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The format of the file.
    pub format: i64,
    /// How many facts the head counts.
    pub facts: u64,
    /// When the last one was recorded; none in an empty store.
    pub last_recorded_at: Option<Timestamp>,
    /// How SQLite keeps its journal: `wal`, in a file that this crate made.
    pub journal_mode: String,
    /// What an acknowledged append survives. It was proved when the store was opened, which else fails.
    pub durability: Durability,
    /// Bytes of a page.
    pub page_size: u64,
    /// All pages of the main file.
    pub pages: u64,
    /// Pages that hold nothing.
    pub free_pages: u64,
    /// Bytes of the write-ahead log. It is copied into the file every 4 MB, or 16 MB of large commits, and then begins
    /// anew, as soon as nobody reads from it; one of more than 128 MiB has a reader that does not end.
    pub log_bytes: u64,
    /// What SQLite finds wrong with its pages and indexes, at most [`Health::MOST`] lines; empty if nothing.
    pub damage: Vec<String>,
}

impl Health {
    /// How many lines of damage are told.
    pub const MOST: usize = 10;
}

/// The version of SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// The format of files that this build reads and writes.
pub const fn store_format() -> i64 {
    schema::FORMAT
}

impl SqliteStore {
    /// Looks at the file: its settings, its size, and whether its pages hang together. That reads the whole file, but
    /// not the facts in it: [`Self::verify`] does.
    ///
    /// # Errors
    /// If the file cannot be read at all. What is wrong within it is told in [`Health::damage`].
    ///
    /// # Example
    /// ```
    /// use tenure_sqlite::{Options, SqliteStore};
    /// let health = SqliteStore::open_in_memory(Options::new())?.health()?;
    /// assert!(health.damage.is_empty() && health.pages > 0);
    /// # Ok::<(), tenure_store::StoreError>(())
    /// ```
    pub fn health(&self) -> Result<Health, StoreError> {
        let durability = self.durability();
        let health = self.with_reader(|reader| look(&reader.connection, durability).of(&reader.name))?;
        let log = self.path().and_then(|path| fs::metadata(open::beside(path, "-wal")).ok());
        Ok(Health { log_bytes: log.map_or(0, |log| log.len()), ..health })
    }
}

fn look(connection: &Connection, durability: Durability) -> rusqlite::Result<Health> {
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.query_row(&format!("PRAGMA {pragma}"), (), |row| row.get(0))
    };
    let mut check = connection.prepare(&format!("PRAGMA quick_check({})", Health::MOST))?;
    let lines = check.query_map((), |row| row.get::<_, String>(0))?;
    // A file that cannot even be checked is damaged, too.
    let damage = lines.map(|line| line.unwrap_or_else(|error| error.to_string()));
    let damage: Vec<String> = damage.take(Health::MOST).filter(|line| line != "ok").collect();
    let (facts, recorded_at): (i64, i64) =
        connection
            .query_row("SELECT facts, recorded_at FROM head", (), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Health {
        format: number("user_version")?,
        facts: facts.unsigned_abs(),
        last_recorded_at: Timestamp::from_micros(recorded_at).filter(|_| facts > 0),
        journal_mode: connection.query_row("PRAGMA journal_mode", (), |row| row.get(0))?,
        durability,
        page_size: number("page_size")?.unsigned_abs(),
        pages: number("page_count")?.unsigned_abs(),
        free_pages: number("freelist_count")?.unsigned_abs(),
        log_bytes: 0,
        damage,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use tenure_core::log::{Append, Read};
    use tenure_core::{Customer, CustomerEvent, Event, EventId};
    use tenure_store::EventStore;

    fn fact(n: &str) -> Append {
        let (id, at) = (EventId::from_foreign("test", n), Timestamp::from_micros(1).unwrap());
        let ann = Customer::parse("ann", "test").unwrap();
        Append::new(vec![Event::new(id, ann, at, CustomerEvent::SignedUp {}).unwrap()])
    }

    #[test]
    fn a_file_tells_how_it_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let store = SqliteStore::open(&path, Options::new()).unwrap();
        let health = store.health().unwrap();
        assert_eq!((health.journal_mode.as_str(), health.durability), ("wal", Durability::Full));
        assert_eq!((health.format, health.damage.len()), (schema::FORMAT, 0));
        assert_eq!((health.facts, health.last_recorded_at), (0, None));
        assert_eq!((health.page_size, health.free_pages), (4096, 0));
        let appended = pollster::block_on(store.append(fact("1"))).unwrap();
        assert_eq!(appended.stored(), 1);
        let health = store.health().unwrap();
        assert_eq!(health.facts, 1);
        // A header of 32 bytes, and frames of a page and 24 bytes.
        assert!(health.log_bytes > 4096 && health.log_bytes % 4120 == 32, "{}", health.log_bytes);
        let page = pollster::block_on(store.read(&Read::all())).unwrap();
        assert_eq!(health.last_recorded_at, page.facts.iter().next().map(|fact| fact.recorded_at));
        drop(store);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), health.pages * health.page_size);
        let fast = Options::new().durability(Durability::MayLoseLastCommitsOnPowerLoss);
        let health = SqliteStore::open(&path, fast).unwrap().health().unwrap();
        assert_eq!(health.durability, Durability::MayLoseLastCommitsOnPowerLoss);
    }

    #[test]
    fn pages_that_hold_nothing_are_counted() {
        let store = SqliteStore::open_in_memory(Options::new()).unwrap();
        let free = |sql: &str| {
            let ran = |reader: &mut crate::read::Reader| {
                reader.connection.execute_batch(sql).unwrap();
                Ok(())
            };
            store.with_reader(ran).unwrap();
            store.health().unwrap().free_pages
        };
        assert_eq!(free("CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(40000))"), 0);
        assert_eq!(free("DELETE FROM t"), 9);
    }

    #[test]
    fn a_torn_page_is_damage_and_no_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let store = SqliteStore::open(&path, Options::new()).unwrap();
        pollster::block_on(store.append(fact("1"))).unwrap();
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'fact_id'";
        let page: i64 = store
            .with_reader(|reader| Ok(reader.connection.query_row(root, (), |row| row.get(0)).unwrap()))
            .unwrap();
        drop(store);
        let mut bytes = std::fs::read(&path).unwrap();
        let end = usize::try_from(page).unwrap() * 4096;
        bytes[end - 4096..end].fill(0xab);
        std::fs::write(&path, bytes).unwrap();
        let health = SqliteStore::open(&path, Options::new()).unwrap().health().unwrap();
        assert!(health.damage.iter().any(|line| line.contains(&format!("page {page}"))), "{health:?}");
        assert!(health.damage.len() <= Health::MOST);
    }
}
