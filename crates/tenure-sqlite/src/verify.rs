//! Following the chain: whether the log is what was written, and where it first is not.

use core::ops::ControlFlow;

use rusqlite::Connection;
use tenure_core::Position;
use tenure_store::{EntryKey, Follower, Verified, VerifyError};

use crate::error::{InStore, Name};
use crate::read::{self, Reader};
use crate::schema::{self, columns};
use crate::store::SqliteStore;

/// Facts that are followed within one snapshot, so that a long check does not hold up the write-ahead log.
const AT_ONCE: i64 = 1 << 16;

const LINKS: &str =
    concat!("SELECT ", columns!(), ", link FROM fact WHERE position > ?1 ORDER BY position LIMIT ?2");

impl SqliteStore {
    /// Reads every fact, checks its checksums and follows the chain to the head; then checks what is kept beside the
    /// facts: streams and indexes. Blocks. `progress` is called with position and head now and then.
    ///
    /// Facts may be appended meanwhile; those are checked too.
    ///
    /// # Errors
    /// [`VerifyError`] naming the first bad position.
    ///
    /// # Example
    /// ```
    /// use core::ops::ControlFlow::Continue;
    /// use tenure_sqlite::{Options, SqliteStore};
    /// let store = SqliteStore::open_in_memory(Options::new())?;
    /// assert_eq!(store.verify(|_, _| Continue(()))?.facts, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn verify(
        &self,
        mut progress: impl FnMut(Position, Position) -> ControlFlow<()>,
    ) -> Result<Verified, VerifyError> {
        let mut follower = Follower::default();
        loop {
            let found =
                self.with_reader(|reader| reader.on_snapshot(|reader| Ok(follow(reader, &mut follower))))?;
            let head = found?;
            let position = Position(follower.at().unsigned_abs());
            if progress(position, Position(head.unsigned_abs())).is_break() {
                return Err(VerifyError::Stopped { at: position });
            }
            if follower.at() >= head {
                break;
            }
        }
        self.with_reader(|reader| reader.on_snapshot(|reader| Ok(beside(reader))))??;
        Ok(follower.verified())
    }
}

fn index(name: &Name, what: &str) -> VerifyError {
    VerifyError::Index { location: name.location(), what: what.into() }
}

/// Follows the chain for a while and gives the head.
fn follow(reader: &mut Reader, follower: &mut Follower) -> Result<i64, VerifyError> {
    let Reader { connection, decoder, name, .. } = reader;
    let sql = |error| VerifyError::Store(name.error(error));
    let (head, head_link) = read::head(connection).map_err(sql)?;
    let mut links = connection.prepare_cached(LINKS).map_err(sql)?;
    let mut rows = links.query((follower.at(), AT_ONCE)).map_err(sql)?;
    let mut left = AT_ONCE;
    while let Some(row) = rows.next().map_err(sql)? {
        left -= 1;
        decoder.follow(row, head, follower)?;
    }
    follower.arrive(&name.location(), head, &head_link, left > 0)?;
    Ok(head)
}

/// Whether streams and facts agree: each fact follows the one it names, each stream ends at its last fact, and
/// together the streams are as long as the log, so that no fact is outside of them.
const STREAMS: &str = "
    SELECT CASE
        WHEN EXISTS (
            SELECT 1 FROM fact LEFT JOIN fact AS before ON before.position = fact.previous
            WHERE fact.previous > 0
                AND (before.customer IS NOT fact.customer OR before.version IS NOT fact.version - 1)
        ) THEN 'a fact does not follow the one that it names'
        WHEN EXISTS (
            SELECT 1 FROM stream LEFT JOIN fact ON fact.position = stream.last
            WHERE fact.customer IS NOT stream.customer OR fact.version IS NOT stream.version
        ) THEN 'a stream does not end at its last fact'
        WHEN (SELECT coalesce(sum(version), 0) FROM stream) <> (SELECT count(*) FROM fact)
            THEN 'the streams do not hold all of them'
        WHEN (SELECT recorded_at FROM head) <>
            coalesce((SELECT recorded_at FROM fact ORDER BY position DESC LIMIT 1), 0)
            THEN 'the head was not recorded with the last of them'
    END";

/// A table, index, trigger or view that is not what every store has: whatever rests on it would be wrong in silence.
fn changed_schema(connection: &Connection) -> rusqlite::Result<Option<String>> {
    const SCHEMA: &str = "SELECT type || ' ' || name, tbl_name, sql FROM sqlite_schema";
    type Made = (String, String, Option<String>);
    let of = |connection: &Connection| -> rusqlite::Result<Vec<Made>> {
        let mut schema = connection.prepare(SCHEMA)?;
        let rows = schema.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect()
    };
    let fresh = Connection::open_in_memory()?;
    fresh.execute_batch(schema::CREATE)?;
    let here = of(connection)?;
    Ok(of(&fresh)?.into_iter().find(|made| !here.contains(made)).map(|(name, ..)| name))
}

/// Checks streams, indexes, entries and the schema itself against the facts.
fn beside(reader: &Reader) -> Result<(), VerifyError> {
    let (connection, name) = (&reader.connection, reader.name());
    let wrong: Option<String> = connection.query_row(STREAMS, (), |row| row.get(0)).of(name)?;
    if let Some(what) = wrong {
        return Err(index(name, &what));
    }
    if let Some(what) = changed_schema(connection).of(name)? {
        return Err(index(name, &format!("{what} is not as it was made")));
    }
    let found: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0)).of(name)?;
    if found != "ok" {
        return Err(index(name, &found));
    }
    let mut keys = connection.prepare_cached("SELECT space, key FROM entry ORDER BY space, key").of(name)?;
    let keys =
        keys.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, Vec<u8>>(1)?))).of(name)?;
    for key in keys {
        let (space, key) = key.of(name)?;
        read::entry(connection, name, &EntryKey::new(space, key))?;
    }
    Ok(())
}
