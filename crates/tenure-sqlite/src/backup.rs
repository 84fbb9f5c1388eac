//! A copy of the store while it is in use.

use core::ops::ControlFlow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tenure_core::Position;
use tenure_store::{Head, LogHash, StoreError};

use crate::error::{InStore, Name};
use crate::{Options, SqliteStore, in_use, open};

/// Pages that are copied between two calls of `progress` (4 MiB).
const AT_ONCE: i32 = 1024;

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// The last fact of the copy: a position of the original.
    pub position: Position,
    /// The last link of the chain, which is the original's at that position.
    pub head_hash: LogHash,
    /// Bytes of the copy.
    pub bytes: u64,
}

/// Why there is no backup. Nothing is left of it, and the store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// A backup writes over nothing. **What to do:** name another file; one ending in `-part` is that of a backup that is under
    /// way or was killed.
    #[error("there is a file {} already", file.display())]
    Exists {
        /// The file.
        file: PathBuf,
    },
    /// The copy cannot be written. **What to do:** read `what`: make room, create the directory, see to the permissions.
    #[error("cannot write {}: {what}", file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// What is in the way.
        what: Box<str>,
    },
    /// The caller asked to stop.
    #[error("the backup was stopped")]
    Stopped,
    /// The store, or the copy of it, is not whole or cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SqliteStore {
    /// Copies the store to a new file while others read and write. Blocks. `progress` is called with the pages that were
    /// copied and all pages, about every 4 MiB.
    ///
    /// The copy is the store as it was at one instant: a store of its own, whole, closed and on disk when this returns.
    /// It is written beside its place and gets its name at the end, so that there is never half a file of that name.
    ///
    /// While it runs the write-ahead log of the original cannot begin anew, and grows with what is appended.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left of the copy.
    ///
    /// # Example
    /// ```
    /// use core::ops::ControlFlow::Continue;
    /// use tenure_sqlite::{BackupError, Options, SqliteStore};
    /// let directory = tempfile::tempdir()?;
    /// let (file, copy) = (directory.path().join("shop.db"), directory.path().join("copy.db"));
    /// let store = SqliteStore::open(&file, Options::new())?;
    /// assert_eq!(store.backup(&copy, |_, _| Continue(()))?.position.0, 0);
    /// assert!(SqliteStore::open(&copy, Options::new().existing()).is_ok());
    /// let again = store.backup(&copy, |_, _| Continue(()));
    /// assert!(matches!(again, Err(BackupError::Exists { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(
        &self,
        to: impl AsRef<Path>,
        progress: impl FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<BackedUp, BackupError> {
        let to = to.as_ref();
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { file: to.to_owned() });
        }
        let part = Part::begin(to)?;
        let head = self.copy(&part.0, progress)?;
        let copied = settle(&part.0)?;
        if copied != head {
            return Err(Name::of(&part.0).damaged("it is not what was copied").into());
        }
        let bytes = part.finish(to)?;
        let head_hash = head.hash.unwrap_or(LogHash([0; 32]));
        Ok(BackedUp { position: head.position, head_hash, bytes })
    }

    /// Copies the keys of personal data to a new file, which is to be kept apart from any copy of the store: named as that
    /// copy with `-keys` behind it, it opens what is sealed there, also what is erased here later. Gives false where there
    /// are no keys.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is left of the copy.
    pub fn backup_keys(&self, to: impl AsRef<Path>) -> Result<bool, BackupError> {
        let to = to.as_ref();
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists { file: to.to_owned() });
        }
        let part = Part::begin(to)?;
        #[cfg(unix)]
        fs::set_permissions(&part.0, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .map_err(|error| unwritable(&part.0, &error))?;
        let copied = self.keys().reading(|keys| {
            let Some(keys) = keys else { return Ok(Ok(false)) };
            let copy = || {
                let mut target = Connection::open(&part.0)?;
                Backup::new(keys, &mut target)?.run_to_completion(AT_ONCE, Duration::from_millis(5), None)?;
                target.close().map_err(|(_, error)| error)
            };
            Ok(copy().map(|()| true))
        })?;
        if !copied.map_err(|error| unwritable(&part.0, &error))? {
            return Ok(false);
        }
        part.finish(to)?;
        Ok(true)
    }

    /// Copies every page of one snapshot.
    fn copy(
        &self,
        part: &Path,
        mut progress: impl FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Head, BackupError> {
        let unwritable = |error: rusqlite::Error| unwritable(part, &error);
        let mut target = Connection::open(part).map_err(unwritable)?;
        // What stands in the copy before all of it does is thrown away, so nothing has to survive on the way.
        target.pragma_update(None, "synchronous", "OFF").map_err(unwritable)?;
        target.query_row("PRAGMA journal_mode = OFF", (), |_| Ok(())).map_err(unwritable)?;
        let copied = self.with_reader(|reader| {
            reader.on_snapshot(|reader| {
                // Reads the head, so that the snapshot is one from here on.
                let head = reader.head()?;
                Ok(step(&reader.connection, &mut target, &mut progress, part).map(|()| head))
            })
        })?;
        target.close().map_err(|(_, error)| unwritable(error))?;
        copied
    }
}

fn step(
    source: &Connection,
    target: &mut Connection,
    progress: &mut impl FnMut(u64, u64) -> ControlFlow<()>,
    part: &Path,
) -> Result<(), BackupError> {
    let unwritable = |error: rusqlite::Error| unwritable(part, &error);
    let backup = Backup::new(source, target).map_err(unwritable)?;
    loop {
        let stepped = backup.step(AT_ONCE).map_err(unwritable)?;
        let pages = backup.progress();
        let (left, all) =
            (u64::from(pages.remaining.unsigned_abs()), u64::from(pages.pagecount.unsigned_abs()));
        if progress(all.saturating_sub(left), all).is_break() {
            return Err(BackupError::Stopped);
        }
        match stepped {
            StepResult::Done => return Ok(()),
            StepResult::Busy | StepResult::Locked => thread::sleep(Duration::from_millis(5)),
            _ => {}
        }
    }
}

/// Makes the copy a store that nobody uses, and opens it as one.
fn settle(part: &Path) -> Result<Head, BackupError> {
    let unwritable = |error: rusqlite::Error| unwritable(part, &error);
    let raw = Connection::open(part).map_err(unwritable)?;
    in_use::mark(&raw, false).map_err(unwritable)?;
    raw.close().map_err(|(_, error)| unwritable(error))?;
    let name = Name::of(part);
    let opened = open::file(part, &Options::new().existing())?;
    let (facts, link) = crate::read::head(&opened.connection).of(&name)?;
    opened.connection.close().map_err(|(_, error)| unwritable(error))?;
    Ok(Head { position: Position(facts.unsigned_abs()), hash: Some(LogHash(link)) })
}

fn unwritable(file: &Path, what: &dyn core::fmt::Display) -> BackupError {
    BackupError::Unwritable { file: file.to_owned(), what: what.to_string().into() }
}

/// A copy that is not done. What is left of it goes with it.
struct Part(PathBuf);

impl Part {
    fn begin(to: &Path) -> Result<Self, BackupError> {
        let mut name = to.as_os_str().to_owned();
        name.push("-part");
        let part = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            Ok(_) => Ok(Self(part)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(BackupError::Exists { file: part }),
            Err(error) => Err(unwritable(to, &error)),
        }
    }

    /// Syncs it and gives it its name, unless that is taken by now.
    fn finish(self, to: &Path) -> Result<u64, BackupError> {
        let failed = |error: io::Error| match error.kind() {
            ErrorKind::AlreadyExists => BackupError::Exists { file: to.to_owned() },
            _ => unwritable(to, &error),
        };
        let file = File::open(&self.0).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        // A rename would write over a file that somebody made meanwhile; a second name does not.
        match fs::hard_link(&self.0, to) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists || to.exists() => {
                return Err(failed(error));
            }
            // There are file systems without second names.
            Err(_) => fs::rename(&self.0, to).map_err(failed)?,
        }
        drop(self);
        sync_directory(to).map_err(failed)?;
        Ok(bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        for end in ["", "-journal", "-wal", "-shm"] {
            let _ = fs::remove_file(open::beside(&self.0, end));
        }
    }
}

/// Makes sure that a new name is on disk. Where directories cannot be opened, the system does that by itself.
fn sync_directory(file: &Path) -> io::Result<()> {
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(directory) {
        Ok(directory) if cfg!(unix) => directory.sync_all(),
        _ => Ok(()),
    }
}
