//! Opening: what the file is, before it is touched; what it promises, before it is used.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use tenure_core::log::FactBlock;
use tenure_store::{StoreError, Unreadable};

use crate::checkpoint::PAGES;
use crate::error::{InStore, Name};
use crate::in_use;
use crate::options::{Durability, Options};
use crate::read::{self, Reader};
use crate::schema::{APPLICATION_ID, CREATE, FORMAT};
use crate::witness::{Claim, Witness};

/// SQLite 3.51.3 is the first without the race between a checkpoint and a commit that loses the commit.
const OLDEST_LIBRARY: i32 = 3_051_003;

/// Bytes that the write-ahead log keeps on disk after it was copied.
const KEPT_LOG_BYTES: i64 = 64 << 20;

/// What stands at a path, as far as it can be told without SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Store,
}

/// Refuses whatever is no store, by reading its first bytes. Nothing is written: SQLite itself would roll back a
/// foreign file's journal on opening it.
fn inspect(path: &Path, name: &Name, create: bool) -> Result<Found, StoreError> {
    let unreachable = |error: &std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => name.unreachable("no permission"),
        _ => name.unreachable(&error.to_string()),
    };
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Err(name.unreachable("it is a directory")),
        Ok(meta) if meta.len() == 0 && !create => return Err(name.not_a_store("the file is empty")),
        Ok(meta) if meta.len() == 0 => return Ok(Found::Nothing),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
                return Err(name.unreachable(&format!("there is no directory {}", directory.display())));
            }
            if !create {
                return Err(name.unreachable("there is no such file"));
            }
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(unreachable(&error)),
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(100).read_to_end(&mut start))
        .map_err(|error| unreachable(&error))?;
    if !start.starts_with(b"SQLite format 3\0") {
        if create && start.iter().all(|byte| *byte == 0) && begun(path) {
            return Ok(Found::Nothing);
        }
        return Err(name.not_a_store("not a SQLite file"));
    }
    let number = |at: usize| -> Option<i64> {
        let bytes: [u8; 4] = start.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(i64::from(i32::from_be_bytes(bytes)))
    };
    // Offsets of the SQLite file format, section 1.3.
    let (Some(format), Some(application)) = (number(60), number(68)) else {
        return Err(name.damaged("it ends within its first hundred bytes"));
    };
    if application != APPLICATION_ID {
        return Err(name.not_a_store("a SQLite file of another application"));
    }
    if format != FORMAT {
        return Err(StoreError::Format { location: name.location(), format, known: FORMAT });
    }
    OpenOptions::new().write(true).open(path).map_err(|error| unreachable(&error))?;
    Ok(Found::Store)
}

/// Whether somebody began to make a database here and did not come to the end: the journal beside the file says that
/// there was nothing before, and that is what SQLite makes of it.
fn begun(path: &Path) -> bool {
    let mut start = Vec::new();
    let journal = File::open(beside(path, "-journal"));
    let read = journal.and_then(|journal| journal.take(28).read_to_end(&mut start));
    // Offsets of the SQLite file format, section 3.
    read.is_ok()
        && start.starts_with(&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7])
        && start.get(16..20) == Some(&[0; 4])
}

/// The path of a file that stands beside the store.
pub(crate) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// An opened file.
pub(crate) struct Opened {
    /// The writer's connection.
    pub(crate) connection: Connection,
    /// Whether the file said that somebody writes to it: another handle, or one that was killed.
    pub(crate) in_use: bool,
}

/// Opens a file.
pub(crate) fn file(path: &Path, options: &Options) -> Result<Opened, StoreError> {
    let name = Name::of(path);
    library(&name)?;
    let has_log = || fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    // Before the file itself: who makes a store makes its log last.
    let found_log = has_log();
    let found = inspect(path, &name, options.create)?;
    if found == Found::Nothing && found_log {
        return Err(name
            .damaged("it is missing or empty, and the file ending in -wal with its last commits is there"));
    }
    let mut witness = Witness::beside(path, false);
    let connection = connect(path, options, &name)?;
    // Until the file is found to be whole, closing it must change nothing.
    in_use::keep_log(&connection, true);
    durable(&connection, options, &name)?;
    // A file that somebody began to make is empty once SQLite has looked at it.
    let created = found == Found::Nothing || is_empty(&connection).of(&name)?;
    if created && !options.create {
        return Err(
            name.not_a_store("somebody began to make it and did not come to the end; it holds nothing")
        );
    }
    if created {
        create(&connection, &name)?;
    }
    write_ahead(&connection, options, &name)?;
    if created {
        // The first write through the write-ahead log: where syncing fails early, SQLite says "wal" and writes
        // without it, and the proof below finds out.
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('journal', 'wal')", ()).of(&name)?;
    }
    durable(&connection, options, &name)?;
    let second = connect(path, options, &name)?;
    let journal: String = second.query_row("PRAGMA journal_mode", (), |row| row.get(0)).of(&name)?;
    if journal != "wal" {
        let what = format!("a second connection finds its journal mode to be \"{journal}\", not \"wal\"");
        return Err(name.not_safe(&what));
    }
    let in_use = in_use::is_marked(&second).of(&name)?;
    // Somebody else may have begun to write just now; or copied the whole log into the file, and then the witness knows
    // whether anything is missing.
    let unaccounted = || !found_log && !has_log() && witness.read().is_none();
    if in_use && unaccounted() && !options.accept_missing_wal {
        return Err(name.damaged(
            "it was in use when it was copied or its process ended, and the file ending in -wal with its last \
             commits is not beside it",
        ));
    }
    if options.accept_missing_wal {
        witness.remove();
    }
    let in_doubt = whole(second, &name, &witness)?;
    if found_log && in_doubt && options.durability == Durability::Full {
        renew_log(&connection, path, options, &name)?;
    }
    in_use::keep_log(&connection, false);
    Ok(Opened { connection, in_use })
}

/// Opens a log in memory.
pub(crate) fn memory(options: &Options, name: &Name) -> Result<Connection, StoreError> {
    library(name)?;
    let connection = Connection::open_in_memory().of(name)?;
    prepare(&connection, options).of(name)?;
    create(&connection, name)?;
    Ok(connection)
}

/// One more connection to a store, for reading alone.
pub(crate) fn reader(path: &Path, options: &Options, name: &Name) -> Result<Connection, StoreError> {
    let connection = connect(path, options, name)?;
    connection.pragma_update(None, "query_only", true).of(name)?;
    Ok(connection)
}

fn library(name: &Name) -> Result<(), StoreError> {
    if rusqlite::version_number() < OLDEST_LIBRARY {
        let what = format!("SQLite {} may lose commits; 3.51.3 or newer is needed", rusqlite::version());
        return Err(name.not_safe(&what));
    }
    Ok(())
}

fn connect(path: &Path, options: &Options, name: &Name) -> Result<Connection, StoreError> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).of(name)?;
    prepare(&connection, options).of(name)?;
    Ok(connection)
}

fn prepare(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    connection.busy_timeout(options.lock_timeout)?;
    connection.set_prepared_statement_cache_capacity(32);
    // In KiB: what is written at random places (ids without time, many customers) stays in memory.
    connection.pragma_update(None, "cache_size", -32_768)
}

/// Sets how far a commit reaches and reads it back, since SQLite ignores what it does not understand.
fn durable(connection: &Connection, options: &Options, name: &Name) -> Result<(), StoreError> {
    let level: i64 = match options.durability {
        Durability::Full => 3,
        Durability::MayLoseLastCommitsOnPowerLoss => 1,
    };
    connection.pragma_update(None, "synchronous", level).of(name)?;
    let actual: i64 = connection.query_row("PRAGMA synchronous", (), |row| row.get(0)).of(name)?;
    if actual == level { Ok(()) } else { Err(name.not_safe("SQLite did not take the level of durability")) }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA page_count", (), |row| row.get(0)).map(|pages: i64| pages == 0)
}

/// Makes an empty database a store, unless another process just did. This happens under the rollback journal, so
/// that the mark of a store is in the file itself and not only in its write-ahead log.
fn create(connection: &Connection, name: &Name) -> Result<(), StoreError> {
    connection.execute_batch("BEGIN IMMEDIATE").of(name)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).of(name)?;
    let made = if tables == 0 {
        connection.execute_batch(CREATE).and_then(|()| {
            connection.pragma_update(None, "application_id", APPLICATION_ID)?;
            connection.pragma_update(None, "user_version", FORMAT)
        })
    } else {
        Ok(())
    };
    made.and_then(|()| connection.execute_batch("COMMIT")).of(name)
}

/// Switches to the write-ahead log. SQLite does not wait for others here, so this does.
fn write_ahead(connection: &Connection, options: &Options, name: &Name) -> Result<(), StoreError> {
    let begun = Instant::now();
    let journal: String = loop {
        match connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < options.lock_timeout =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            journal => break journal.of(name)?,
        }
    };
    if journal != "wal" {
        return Err(name.not_safe(&format!("its journal mode is \"{journal}\", not \"wal\"")));
    }
    connection.pragma_update(None, "wal_autocheckpoint", PAGES).of(name)?;
    connection.pragma_update(None, "journal_size_limit", KEPT_LOG_BYTES).of(name)
}

/// Writes what stands in the write-ahead log anew, and syncs it.
///
/// Its end may be that of a commit whose sync failed: then it stands in the memory of the system and perhaps never on
/// disk, where no later sync would bring it. SQLite reads it all the same, and would build on it. What is written again is
/// synced again. Where somebody else writes this is not needed, and must not be: what failed to be synced is no part of
/// the log that they go on with.
fn renew_log(connection: &Connection, path: &Path, options: &Options, name: &Name) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::from_millis(100)).of(name)?;
    let begun = connection.execute_batch("BEGIN IMMEDIATE");
    connection.busy_timeout(options.lock_timeout).of(name)?;
    match begun {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => return Ok(()),
        begun => begun.of(name)?,
    }
    let renewed = write_again(&beside(path, "-wal"));
    connection.execute_batch("ROLLBACK").of(name)?;
    renewed.map_err(|error| name.unreachable(&format!("the file ending in -wal cannot be synced: {error}")))
}

fn write_again(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut bytes = vec![0; 1 << 20];
    let mut at = 0_u64;
    loop {
        file.seek(SeekFrom::Start(at))?;
        let read = file.read(&mut bytes)?;
        if read == 0 {
            return file.sync_all();
        }
        file.seek(SeekFrom::Start(at))?;
        file.write_all(bytes.get(..read).unwrap_or_default())?;
        at += read as u64;
    }
}

/// Checks that the file is a store of this format, that its head and its tail agree, and that the log is as long as it
/// was acknowledged to be. Tells whether there may be more in it than that.
fn whole(connection: Connection, name: &Name, witness: &Witness) -> Result<bool, StoreError> {
    // Before the log is looked at: another handle may go on writing both.
    let claim = witness.read();
    let pragma = |pragma: &str| -> Result<i64, StoreError> {
        connection.query_row(&format!("PRAGMA {pragma}"), (), |row| row.get(0)).of(name)
    };
    if pragma("application_id")? != APPLICATION_ID {
        return Err(name.not_a_store("a SQLite file of another application"));
    }
    let format = pragma("user_version")?;
    if format != FORMAT {
        return Err(StoreError::Format { location: name.location(), format, known: FORMAT });
    }
    let mut reader = Reader::new(connection, name.clone());
    reader.on_snapshot(|reader| {
        let connection = &reader.connection;
        let (facts, link) =
            read::head(connection).optional().of(name)?.ok_or_else(|| name.damaged("it has no head"))?;
        let last: i64 = connection
            .query_row("SELECT coalesce(max(position), 0) FROM fact", (), |row| row.get(0))
            .of(name)?;
        if facts != last {
            return Err(name.damaged(&format!("its head counts {facts} facts, the last has position {last}")));
        }
        if facts > 0 {
            Reader::fact(connection, &mut reader.decoder, name, last).or_else(|error| match error {
                // Written by a newer build: whole, though this one cannot say what it is.
                StoreError::Undecodable { source: Unreadable::Fact(_), .. } => Ok(FactBlock::default()),
                StoreError::Undecodable { source, .. } => {
                    Err(name.damaged(&format!("the last fact, at position {last}: {source}")))
                }
                error => Err(error),
            })?;
            if link_at(connection, last).of(name)? != Some(link) {
                return Err(name.damaged("its head does not vouch for its last fact"));
            }
        }
        let Some(Claim { position, link, in_doubt }) = claim else { return Ok(true) };
        if position > facts {
            return Err(name.damaged(&format!(
                "it holds {facts} facts and {position} were acknowledged, as the file ending in -head says; the file \
                 ending in -wal is missing, damaged or not the newest"
            )));
        }
        if position > 0 && link_at(connection, position).of(name)? != Some(link) {
            return Err(name.damaged(&format!(
                "the fact at position {position} is not the one that was acknowledged, as the file ending in -head says"
            )));
        }
        Ok(in_doubt || position < facts)
    })
}

fn link_at(connection: &Connection, position: i64) -> rusqlite::Result<Option<[u8; 32]>> {
    connection.query_row("SELECT link FROM fact WHERE position = ?1", [position], |row| row.get(0)).optional()
}
