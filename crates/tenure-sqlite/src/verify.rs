//! Following the chain: whether the log is what was written, and where it first is not.

use core::ops::ControlFlow;

use tenure_core::Position;
use tenure_store::{Follower, StoreError, Verified, VerifyError};

use crate::error::InStore;
use crate::read::{self, Reader};
use crate::schema::columns;
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
            let head =
                self.with_reader(|reader| reader.on_snapshot(|reader| Ok(follow(reader, &mut follower))))??;
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

/// Follows the chain for a while and gives the head.
fn follow(reader: &mut Reader, follower: &mut Follower) -> Result<i64, VerifyError> {
    let Reader { connection, decoder, .. } = reader;
    let sql = |error| VerifyError::Store(StoreError::backend(error));
    let (head, head_link) = read::head(connection).map_err(sql)?;
    let mut links = connection.prepare_cached(LINKS).map_err(sql)?;
    let mut rows = links.query((follower.at(), AT_ONCE)).map_err(sql)?;
    let mut left = AT_ONCE;
    while let Some(row) = rows.next().map_err(sql)? {
        left -= 1;
        decoder.follow(row, head, follower)?;
    }
    follower.arrive(head, &head_link, left > 0)?;
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
    END";

/// Checks streams and indexes against the facts.
fn beside(reader: &Reader) -> Result<(), VerifyError> {
    let (connection, name) = (&reader.connection, reader.name());
    let wrong: Option<String> = connection.query_row(STREAMS, (), |row| row.get(0)).of(name)?;
    if let Some(what) = wrong {
        return Err(VerifyError::Index { what: what.into() });
    }
    let found: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0)).of(name)?;
    if found != "ok" {
        return Err(VerifyError::Index { what: found.into() });
    }
    Ok(())
}
