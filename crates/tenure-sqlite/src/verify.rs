//! Following the chain: whether the log is what was written, and where it first is not.

use core::ops::ControlFlow;
use std::path::PathBuf;

use rusqlite::Connection;
use tenure_core::Position;
use tenure_store::{LogHash, StoreError, Unreadable};

use crate::error::{InStore, Name};
use crate::read::{self, Reader};
use crate::row::Linked;
use crate::schema::{self, columns};
use crate::store::SqliteStore;

/// Facts that are followed within one snapshot, so that a long check does not hold up the write-ahead log.
const AT_ONCE: i64 = 1 << 16;

const LINKS: &str =
    concat!("SELECT ", columns!(), ", link FROM fact WHERE position > ?1 ORDER BY position LIMIT ?2");

/// What a check found to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many facts were followed.
    pub facts: u64,
    /// The last link: logs with one hash hold the same facts in the same order.
    pub head_hash: LogHash,
}

/// Where a log is not what was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The fact at this position was changed. **What to do:** restore a backup.
    #[error("the fact at position {position} was altered: {what}")]
    Altered {
        /// The first bad position.
        position: Position,
        /// How that shows.
        what: Box<str>,
    },
    /// There is no fact at this position. **What to do:** restore a backup.
    #[error("the fact at position {position} was removed")]
    Removed {
        /// The first bad position.
        position: Position,
    },
    /// The fact at this position was written at another one. **What to do:** restore a backup.
    #[error("the fact at position {position} was moved there from position {written_at}")]
    Moved {
        /// The first bad position.
        position: Position,
        /// Where it belongs.
        written_at: Position,
    },
    /// The facts are right, and what the store keeps about them is not. **What to do:** restore a backup.
    #[error("the facts in {} are whole, but {what}", file.display())]
    Index {
        /// The file.
        file: PathBuf,
        /// What is not right.
        what: Box<str>,
    },
    /// The caller asked to stop.
    #[error("the check was stopped at position {at}")]
    Stopped {
        /// The last position that was found right.
        at: Position,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

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
        let (mut at, mut link) = (0_i64, [0_u8; 32]);
        loop {
            let found = self
                .with_reader(|reader| reader.on_snapshot(|reader| Ok(follow(reader, &mut at, &mut link))))?;
            let head = match found {
                Ok(head) => head,
                Err(bad) => return Err(bad.into_error(self.name())),
            };
            let position = Position(at.unsigned_abs());
            if progress(position, Position(head.unsigned_abs())).is_break() {
                return Err(VerifyError::Stopped { at: position });
            }
            if at >= head {
                break;
            }
        }
        self.with_reader(|reader| reader.on_snapshot(|reader| Ok(beside(reader))))??;
        Ok(Verified { facts: at.unsigned_abs(), head_hash: LogHash(link) })
    }
}

/// The first bad position.
enum Bad {
    Altered(i64, String),
    Removed(i64),
    Moved(i64, i64),
    Head(String),
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Bad {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl Bad {
    fn into_error(self, name: &Name) -> VerifyError {
        let at = |position: i64| Position(position.unsigned_abs());
        match self {
            Self::Altered(position, what) => {
                VerifyError::Altered { position: at(position), what: what.into() }
            }
            Self::Removed(position) => VerifyError::Removed { position: at(position) },
            Self::Moved(position, written_at) => {
                VerifyError::Moved { position: at(position), written_at: at(written_at) }
            }
            Self::Head(what) => index(name, &what),
            Self::Sql(error) => VerifyError::Store(name.error(error)),
        }
    }
}

fn index(name: &Name, what: &str) -> VerifyError {
    VerifyError::Index { file: name.0.clone(), what: what.into() }
}

/// Follows the chain for a while and gives the head.
fn follow(reader: &mut Reader, at: &mut i64, link: &mut [u8; 32]) -> Result<i64, Bad> {
    let Reader { connection, decoder, .. } = reader;
    let (head, head_link) = read::head(connection)?;
    let mut links = connection.prepare_cached(LINKS)?;
    let mut rows = links.query((*at, AT_ONCE))?;
    let mut left = AT_ONCE;
    while let Some(row) = rows.next()? {
        left -= 1;
        let expected = at.saturating_add(1);
        let position: i64 = row.get(0)?;
        if position != expected {
            return Err(Bad::Removed(expected));
        }
        let linked = match decoder.link(row, link) {
            Ok(linked) => linked,
            Err(source @ Unreadable::Checksum { part: "header" }) => {
                return Err(match decoder.belongs_at(row, head) {
                    Some(written_at) => Bad::Moved(position, written_at),
                    None => Bad::Altered(position, source.to_string()),
                });
            }
            Err(source) => return Err(Bad::Altered(position, source.to_string())),
        };
        let Linked { place, stored, computed } = linked;
        if stored != computed {
            return Err(Bad::Altered(position, "it does not fit the chain".into()));
        }
        if place.previous >= position || (place.previous == 0) != (place.version == 1) {
            return Err(Bad::Altered(position, "its place in the stream is impossible".into()));
        }
        (*at, *link) = (position, computed);
    }
    if left > 0 && *at < head {
        return Err(Bad::Removed(at.saturating_add(1)));
    }
    if *at > head {
        return Err(Bad::Head(format!("the head counts {head} facts and there are more")));
    }
    if *at == head && *link != head_link {
        return Err(Bad::Head("the head does not vouch for the last of them".into()));
    }
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

/// Checks streams, indexes, notes and the schema itself against the facts.
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
    let mut notes = connection.prepare_cached("SELECT name FROM note ORDER BY name").of(name)?;
    let notes = notes.query_map((), |row| row.get::<_, String>(0)).of(name)?;
    notes.into_iter().try_for_each(|note| reader.note(&note.of(name)?).map(drop))?;
    Ok(())
}
