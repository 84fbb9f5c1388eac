//! How a store is opened.

use core::time::Duration;
use std::sync::Arc;

use tenure_store::{Clock, SystemClock};

/// What an acknowledged append survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Everything: a killed process, a crashed system, a power loss.
    #[default]
    Full,
    /// A killed process, but not a power loss or a crashed system: those may take the last commits with them. The
    /// file stays whole. Appends do not wait for the disk.
    MayLoseLastCommitsOnPowerLoss,
}

/// How a store is opened.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use tenure_sqlite::{Durability, Options, SqliteStore};
/// let options = Options::new()
///     .durability(Durability::MayLoseLastCommitsOnPowerLoss)
///     .lock_timeout(Duration::from_secs(1));
/// let store = SqliteStore::open_in_memory(options)?;
/// # Ok::<(), tenure_store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) lock_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) create: bool,
    pub(crate) accept_missing_wal: bool,
    pub(crate) plain: Vec<Box<str>>,
    pub(crate) without_keys: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Full durability, the machine's clock, ten seconds of patience with other writers; a missing file is created.
    pub fn new() -> Self {
        Self {
            durability: Durability::Full,
            lock_timeout: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
            create: true,
            accept_missing_wal: false,
            plain: Vec::new(),
            without_keys: false,
        }
    }

    /// What an acknowledged append survives.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    /// How long a call waits for writers of other processes before it fails with
    /// [`StoreError::Locked`](tenure_store::StoreError::Locked).
    #[must_use]
    pub fn lock_timeout(self, lock_timeout: Duration) -> Self {
        Self { lock_timeout, ..self }
    }

    /// Where `recorded_at` comes from.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Refuses a missing file instead of creating it: for questions, where a wrong path must not look like an empty
    /// log.
    #[must_use]
    pub fn existing(self) -> Self {
        Self { create: false, ..self }
    }

    /// Opens a file that is marked as in use although its `-wal` file is gone. That file held the last commits, unless
    /// another program copied them into the main file: compare the head with what you expect.
    #[must_use]
    pub fn accept_missing_wal(self) -> Self {
        Self { accept_missing_wal: true, ..self }
    }

    /// Attributes of profiles that are no personal data, such as `tier`: they are kept readable, and stay when their
    /// customer is erased. It says how facts are stored from now on.
    #[must_use]
    pub fn plain_attributes(self, names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        Self { plain: names.into_iter().map(Into::into).collect(), ..self }
    }

    /// Opens a store whose keys are not there, such as a backup: what is sealed reads as missing, and nothing personal can
    /// be appended.
    #[must_use]
    pub fn without_keys(self) -> Self {
        Self { without_keys: true, ..self }
    }
}
