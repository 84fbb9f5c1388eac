//! Whether a file says that somebody writes to it.
//!
//! While a store is open, its last commits stand in the file ending in `-wal`. A copy of the main file alone is a
//! whole and older log, and nothing in it would show what is missing. So the first commit of a handle marks the file
//! as in use, and the mark is copied into the main file at once; the last handle takes it away. A file that is marked
//! and has no `-wal` file beside it was separated from it.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};

use crate::read::run;
use crate::witness::Witness;

/// Sets the mark within a transaction and tells whether that changed it.
pub(crate) fn mark(connection: &Connection, in_use: bool) -> rusqlite::Result<bool> {
    let value = if in_use { "yes" } else { "no" };
    let changed = connection
        .prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'in_use' AND value <> ?1")?
        .execute([value])?;
    Ok(changed > 0)
}

/// Brings a new mark from the write-ahead log into the main file. If a reader prevents it, a later checkpoint does.
pub(crate) fn settle(connection: &Connection) {
    let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
}

/// Takes the mark away, and then the witness: where the one cannot be done, the other is still needed. Both while
/// nobody else can be writing, who would have made them anew.
pub(crate) fn leave(connection: &Connection, witness: Option<&mut Witness>) -> rusqlite::Result<()> {
    run(connection, "BEGIN IMMEDIATE")?;
    mark(connection, false)?;
    run(connection, "COMMIT")?;
    run(connection, "BEGIN IMMEDIATE")?;
    if !is_marked(connection)? {
        witness.into_iter().for_each(Witness::remove);
    }
    run(connection, "ROLLBACK")
}

/// Whether the mark is set.
pub(crate) fn is_marked(connection: &Connection) -> rusqlite::Result<bool> {
    let value: Option<String> = connection
        .query_row("SELECT value FROM meta WHERE name = 'in_use'", (), |row| row.get(0))
        .optional()?;
    Ok(value.as_deref() == Some("yes"))
}

/// Whether the write-ahead log is left as it is when the connection closes. After a failed sync it is what the next
/// one to open the file begins with: copying it into the file would be to sync again and to believe the answer. And
/// of a file that is refused it is evidence.
pub(crate) fn keep_log(connection: &Connection, keep: bool) {
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep);
}
