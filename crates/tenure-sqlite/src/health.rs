//! What a store's file is like: for people who ask whether something is wrong with it.

use rusqlite::Connection;
use tenure_core::Timestamp;
use tenure_store::StoreError;

use crate::error::InStore;
use crate::{Durability, SqliteStore, schema};

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
        self.with_reader(|reader| look(&reader.connection, durability).of(&reader.name))
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
        damage,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    #[test]
    fn a_file_tells_how_it_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path().join("s.db"), Options::new()).unwrap();
        let health = store.health().unwrap();
        assert_eq!((health.journal_mode.as_str(), health.durability), ("wal", Durability::Full));
        assert_eq!((health.format, health.damage.len()), (schema::FORMAT, 0));
        assert!(health.pages * health.page_size >= 8 * 4096, "{health:?}");
    }
}
