//! The store: the handle underneath, and the seal around it.

use std::path::Path;

use tenure_store::seal::Sealed;
use tenure_store::{Around, StoreError};

use crate::keys::KeyFile;
use crate::options::{Durability, Options};
use crate::raw::RawStore;
use crate::read::Reader;

/// A log in one SQLite file.
///
/// Appends of all tasks go through one writer thread, which commits together what waits together; other processes
/// may open and write the same file at the same time. Reads take a connection each and see one snapshot a page; they
/// block the thread that polls them while SQLite reads that page. Dropping the handle waits for the commit under way.
///
/// Personal data is sealed: its keys lie in a file of their own, named as the store with `-keys` behind it, made when the
/// first is needed and no part of a [backup](SqliteStore::backup). See [`tenure_store::seal`].
///
/// # Example
/// ```
/// use tenure_core::log::Append;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// use tenure_sqlite::{Options, SqliteStore};
/// use tenure_store::EventStore;
/// # pollster::block_on(async {
/// let directory = tempfile::tempdir()?;
/// let file = directory.path().join("shop.db");
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let ann = Customer::parse("ann", "shop")?;
/// let fact = Event::new(EventId::from_foreign("shop", "1"), ann, at, CustomerEvent::SignedUp {})?;
/// SqliteStore::open(&file, Options::new())?.append(Append::new(vec![fact.clone()])).await?;
/// let again = SqliteStore::open(&file, Options::new().existing())?;
/// assert!(again.append(Append::new(vec![fact])).await?.already_stored());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
/// A file that is something else is refused and left alone:
/// ```
/// use tenure_sqlite::{Options, SqliteStore};
/// use tenure_store::StoreError;
/// let directory = tempfile::tempdir()?;
/// let file = directory.path().join("letter.txt");
/// std::fs::write(&file, "Dear Ann")?;
/// assert!(matches!(SqliteStore::open(&file, Options::new()), Err(StoreError::NotAStore { .. })));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct SqliteStore(Sealed<RawStore, KeyFile>);

impl SqliteStore {
    /// Opens a store, or creates it where there is no file or one of zero bytes.
    ///
    /// # Errors
    /// Each names the file and, by [`StoreError::hint`], what to do: [`StoreError::NotAStore`] for a file of something
    /// else, which is not touched; [`StoreError::Format`] for one of another format; [`StoreError::Damaged`] where
    /// head and tail disagree; [`StoreError::Unreachable`] for a missing directory, or file with
    /// [`Options::existing`], or permission; [`StoreError::Locked`] after the time-out; [`StoreError::Unsafe`] where
    /// the durability asked for cannot be proved.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let keys = KeyFile::beside(path, &options);
        Ok(Self::seal(&options.plain.clone(), RawStore::open(path, options)?, keys))
    }

    /// A log that lives as long as the handle.
    ///
    /// # Errors
    /// [`StoreError::Unsafe`] where the SQLite library is too old; else none but lack of memory.
    pub fn open_in_memory(options: Options) -> Result<Self, StoreError> {
        let keys = KeyFile::in_memory()?;
        Ok(Self::seal(&options.plain.clone(), RawStore::open_in_memory(options)?, keys))
    }

    fn seal(plain: &[Box<str>], raw: RawStore, keys: KeyFile) -> Self {
        Self(Sealed::new(raw, keys).with_plain(plain.iter().cloned()))
    }

    /// The file of the store; none for one in memory.
    pub fn path(&self) -> Option<&Path> {
        self.0.inner().path()
    }

    /// Whether there are keys of personal data: whether any was ever stored.
    pub fn has_keys(&self) -> bool {
        self.keys().path().is_some()
    }

    /// Whether a write failed in a way after which this handle takes no more; open the store again.
    pub fn is_poisoned(&self) -> bool {
        self.0.inner().is_poisoned()
    }

    pub(crate) const fn keys(&self) -> &KeyFile {
        self.0.keys()
    }

    pub(crate) fn durability(&self) -> Durability {
        self.0.inner().durability()
    }

    /// Does something with a connection of its own.
    pub(crate) fn with_reader<T>(
        &self,
        work: impl FnOnce(&mut Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.0.inner().with_reader(work)
    }
}

impl Around for SqliteStore {
    type Inner = Sealed<RawStore, KeyFile>;

    fn inner(&self) -> &Self::Inner {
        &self.0
    }
}
