//! What can go wrong with a store, and what to do about it.

use core::fmt;
use std::path::{Path, PathBuf};

use tenure_core::log::AppendError;
use tenure_core::{FactError, Position, Version};

use crate::EntryKey;

/// An error of somebody else's library, kept as a source.
pub type Source = Box<dyn core::error::Error + Send + Sync>;

/// Where a store is, in errors.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// In a file.
    File(PathBuf),
    /// In a database: which log of which one, in words and without secrets.
    Database(Box<str>),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Database(name) => f.write_str(name),
        }
    }
}

impl From<&Path> for Location {
    fn from(file: &Path) -> Self {
        Self::File(file.to_owned())
    }
}

/// Why a store did not do what it was asked.
///
/// Ask [`is_conflict`](Self::is_conflict), [`is_retryable`](Self::is_retryable) and [`hint`](Self::hint) instead of
/// reading the text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The append was refused and nothing was written.
    #[error(transparent)]
    Refused(#[from] AppendError),
    /// A fact cannot be read. It does not end the log. **What to do:** go on after `position` (in a stream: after
    /// `version`), or repair the fact and read again.
    #[error("the fact at position {position} cannot be read")]
    Undecodable {
        /// Where it stands in the log.
        position: Position,
        /// Where it stands in its stream, as far as that can be told.
        version: Version,
        /// What is wrong with it.
        source: Unreadable,
    },
    /// An entry is not what was expected; nothing was written. **What to do:** read it again and decide again.
    #[error("the entry {key} is {}, not what was expected", shown(actual.as_deref()))]
    EntryChanged {
        /// Which entry.
        key: EntryKey,
        /// What it is; none if there is no such entry.
        actual: Option<Vec<u8>>,
    },
    /// The log does not end where it was expected to; nothing was written. **What to do:** take in the new facts and
    /// decide again.
    #[error("the log ends at position {actual}, the commit expected {expected}")]
    HeadMoved {
        /// Where it was expected to end.
        expected: Position,
        /// Where it ends.
        actual: Position,
    },
    /// A checkpoint lies behind the end of the log: it belongs to another log, or the log was restored from an older
    /// backup. **What to do:** find out which, and begin anew at position 0.
    #[error("the checkpoint {at} lies behind the end of the log, {head}")]
    BeyondHead {
        /// The checkpoint.
        at: Position,
        /// Where the log ends.
        head: Position,
    },
    /// Somebody else held the store for longer than the time-out. **What to do:** try again, or find out who writes.
    #[error("{location} is in use by another writer")]
    Locked {
        /// Which one.
        location: Location,
    },
    /// What is there is something else; it was not touched. **What to do:** name another file, or schema.
    #[error("{location} is not a tenure store: {what}")]
    NotAStore {
        /// Which one.
        location: Location,
        /// What it is instead.
        what: Box<str>,
    },
    /// It is of another format than this build's. **What to do:** open it with the build that wrote it.
    #[error("{location} has store format {format}, this build reads {known}")]
    Format {
        /// Which one.
        location: Location,
        /// Its format.
        format: i64,
        /// The format that this build reads and writes.
        known: i64,
    },
    /// Personal data is sealed under keys that are not there: their file is missing, or is an older copy, or another
    /// store's. **What to do:** put the keys back; or open the store without, and what is sealed reads as missing.
    #[error("the keys for the personal data in {location} are missing")]
    KeysMissing {
        /// Where they should be.
        location: Location,
    },
    /// Something that was to be opened was altered, or was never sealed under these keys. **What to do:** take it from
    /// where it was written to.
    #[error("it was altered, or was not sealed under the keys of this store")]
    NotSealedHere,
    /// The store contradicts itself; it was not changed. **What to do:** restore a backup, or copy the file anew
    /// together with its `-wal` file.
    #[error("{location} is damaged: {what}")]
    Damaged {
        /// Which one.
        location: Location,
        /// What does not fit.
        what: Box<str>,
    },
    /// The store cannot be reached, read or written. **What to do:** create the directory, see to the permissions, or
    /// start the server and try again.
    #[error("cannot open {location}: {what}")]
    Unreachable {
        /// Which one.
        location: Location,
        /// What is in the way.
        what: Box<str>,
    },
    /// The store cannot promise what was asked: durability, a library version. **What to do:** read `what`.
    #[error("{location} cannot be kept safe: {what}")]
    Unsafe {
        /// Which one.
        location: Location,
        /// Which promise cannot be given.
        what: Box<str>,
    },
    /// The commit failed in a way that leaves open whether it is on disk. **What to do:** open the store again and
    /// send the same append again: known ids are not stored twice.
    #[error("it is unknown whether the append was stored")]
    Unknown(#[source] Source),
    /// A commit failed before, so this handle promises nothing any more. **What to do:** open the store again.
    #[error("the store was closed after a failed write; open it again")]
    Poisoned,
    /// The database failed. Nothing was written. **What to do:** read the source; retry if it may pass.
    #[error("the store failed")]
    Backend(#[source] Source),
}

impl StoreError {
    /// An error of the database underneath.
    pub fn backend(source: impl Into<Source>) -> Self {
        Self::Backend(source.into())
    }

    /// Whether another writer's work can be the reason, so that reading again and deciding again makes sense.
    pub const fn is_conflict(&self) -> bool {
        match self {
            Self::Refused(refused) => refused.is_conflict(),
            Self::EntryChanged { .. } | Self::HeadMoved { .. } => true,
            _ => false,
        }
    }

    /// Whether the same call, sent again unchanged, may succeed: on this handle, or for [`Self::Unknown`] on a new
    /// one.
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Locked { .. }
                | Self::Unknown(_)
                | Self::Unreachable { location: Location::Database(_), .. }
        )
    }

    /// What to do, in a sentence for people; none where the message says it all.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused(AppendError::Version { .. })
            | Self::EntryChanged { .. }
            | Self::HeadMoved { .. } => Some("somebody else was first: read again, decide again, retry"),
            Self::BeyondHead { .. } => {
                Some("the log is another one or an older backup: find out which, or begin anew at position 0")
            }
            Self::Refused(AppendError::PartlyKnown { .. }) => {
                Some("append the unknown facts alone, or without expectations")
            }
            Self::Refused(AppendError::IdTaken { .. }) => {
                Some("find out which of the two facts is right, and give the other an id of its own")
            }
            Self::Undecodable { source: Unreadable::Fact(FactError::NewerSchema { .. }), .. } => {
                Some("read it with the build that wrote it, or a newer one")
            }
            Self::Damaged { location: Location::Database(_), .. } => Some("restore a backup"),
            Self::Undecodable { .. } | Self::Damaged { .. } => Some(
                "restore a backup, or copy the file again together with its -wal file while nobody writes",
            ),
            Self::Locked { .. } => Some("wait until the other writer is done, or raise the time-out"),
            Self::KeysMissing { location: Location::Database(_) } => Some(
                "restore the tables of keys, or open the log without keys: what is sealed then reads as missing",
            ),
            Self::KeysMissing { .. } => Some(
                "put the file ending in -keys back beside the store, or open it without keys: what is sealed then reads \
                 as missing",
            ),
            Self::NotAStore { location: Location::Database(_), .. } => {
                Some("name another schema or database; this one was not touched")
            }
            Self::NotAStore { .. } => Some("name another file; this one was not touched"),
            Self::Format { location: Location::Database(_), .. } => {
                Some("open it with the build that wrote it, or import again into a new schema")
            }
            Self::Format { .. } => {
                Some("open it with the build that wrote it, or import again into a new file")
            }
            Self::Unreachable { location: Location::Database(_), .. } => {
                Some("see that the server runs, the names are right and the role may do this; then try again")
            }
            Self::Unreachable { .. } => Some("create the directory, or see to the permissions"),
            Self::Unsafe { location: Location::Database(_), .. } => {
                Some("switch the setting on, for the server, the database or the role")
            }
            Self::Unsafe { .. } => Some("use a file system that keeps what was synced"),
            Self::Unknown(_) | Self::Poisoned => {
                Some("open the store again and send the append again: known facts are not stored twice")
            }
            Self::Refused(_) | Self::Backend(_) | Self::NotSealedHere => None,
        }
    }
}

/// What is wrong with one stored fact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is no fact that this build knows: a newer schema, or an old one that is not what it says.
    #[error(transparent)]
    Fact(#[from] FactError),
    /// The stored bytes are not those that were written.
    #[error("its {part} does not fit its checksum")]
    Checksum {
        /// `header` or `body`.
        part: &'static str,
    },
    /// What is sealed in it cannot be opened by its key: it was altered, or belongs to another fact.
    #[error("what is sealed in it was altered, or belongs to another fact")]
    Sealed,
    /// There is no fact where the head of the log says that there is one: it was removed.
    #[error("it is missing")]
    Missing,
    /// A stored column has a type or value that no fact has.
    #[error("its column {column} holds something impossible")]
    Column {
        /// The column.
        column: &'static str,
    },
}

/// An entry may hold anything, so only its size is shown.
fn shown(actual: Option<&[u8]>) -> String {
    actual.map_or_else(|| "missing".into(), |value| format!("of {} bytes", value.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenure_core::CustomerId;
    use tenure_core::log::Expected;

    #[test]
    fn only_what_another_writer_can_cause_is_a_conflict() {
        let stale = AppendError::Version {
            customer: CustomerId::from_bytes([1; 16]),
            expected: Expected::NoStream,
            actual: Version(1),
        };
        assert!(StoreError::from(stale).is_conflict());
        assert!(!StoreError::from(AppendError::Empty).is_conflict());
        assert!(StoreError::Locked { location: Path::new("a.db").into() }.is_retryable());
        assert!(!StoreError::Poisoned.is_retryable());
    }
}
