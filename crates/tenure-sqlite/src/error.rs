//! From SQLite's errors to those of a store.

use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;
use tenure_store::{Location, StoreError};

/// The name of a store in errors: its path, or what stands for it in memory.
#[derive(Clone, Debug)]
pub(crate) struct Name(pub(crate) PathBuf);

impl Name {
    pub(crate) fn of(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn error(&self, error: rusqlite::Error) -> StoreError {
        self.shared(&Arc::new(error))
    }

    /// The same of an error that several get: those whose appends shared a commit.
    pub(crate) fn shared(&self, error: &Arc<rusqlite::Error>) -> StoreError {
        let location = self.location();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Locked { location },
            Some(ErrorCode::NotADatabase) => {
                StoreError::NotAStore { location, what: "not a SQLite file".into() }
            }
            Some(ErrorCode::DatabaseCorrupt) => self.damaged(&error.to_string()),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                self.unreachable(&error.to_string())
            }
            _ => StoreError::backend(self.failed(error)),
        }
    }

    pub(crate) fn location(&self) -> Location {
        Location::File(self.0.clone())
    }

    /// What SQLite says, with the file that it says it of.
    pub(crate) fn failed(&self, error: &Arc<rusqlite::Error>) -> Failed {
        Failed { file: self.0.clone(), error: Arc::clone(error) }
    }

    pub(crate) fn damaged(&self, what: &str) -> StoreError {
        StoreError::Damaged { location: self.location(), what: what.into() }
    }

    pub(crate) fn unreachable(&self, what: &str) -> StoreError {
        StoreError::Unreachable { location: self.location(), what: what.into() }
    }

    pub(crate) fn not_a_store(&self, what: &str) -> StoreError {
        StoreError::NotAStore { location: self.location(), what: what.into() }
    }

    pub(crate) fn not_safe(&self, what: &str) -> StoreError {
        StoreError::Unsafe { location: self.location(), what: what.into() }
    }
}

/// Turns a result of SQLite into one of a store.
pub(crate) trait InStore<T> {
    fn of(self, name: &Name) -> Result<T, StoreError>;
}

impl<T> InStore<T> for rusqlite::Result<T> {
    fn of(self, name: &Name) -> Result<T, StoreError> {
        self.map_err(|error| name.error(error))
    }
}

/// What SQLite says of a file.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    file: PathBuf,
    error: Arc<rusqlite::Error>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.error)
    }
}

impl core::error::Error for Failed {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.error.source()
    }
}
