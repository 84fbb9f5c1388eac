//! Entries: what is kept beside the log, in small ordered maps, and written together with facts or not at all.
//!
//! Checkpoints, states of projections, changes to be told, leases and notes are all entries. A store knows nothing of
//! them but bytes, so what is built on them is built once for all stores.

use core::fmt;

use tenure_core::Position;
use tenure_core::log::{Append, Appended};

use crate::StoreError;

/// Where an entry stands: in a space, under a key. Within a space keys are ordered as bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey {
    /// Which map. Short text without NUL, such as `note` or `row/lifecycle/3`.
    pub space: Box<str>,
    /// Which entry of it: any bytes, also none.
    pub key: Box<[u8]>,
}

impl EntryKey {
    /// The entry of a space under a key.
    pub fn new(space: impl Into<Box<str>>, key: impl Into<Box<[u8]>>) -> Self {
        Self { space: space.into(), key: key.into() }
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for EntryKey {
    /// The key as text where it is some, else in hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.space)?;
        match core::str::from_utf8(&self.key) {
            Ok(text) => write!(f, "{}", text.escape_debug()),
            Err(_) => self.key.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// What is written in one transaction: facts, entries, or both; and what must hold for it.
///
/// # Laws
/// Either everything of it is stored or nothing. Conditions are about the state before it; they are checked before the
/// facts, so a commit that was stored and is sent again finds its own entries and is refused as changed: whoever sends
/// it again reads them first.
///
/// # Example
/// ```
/// use tenure_store::{Commit, EntryKey, EventStore, MemoryStore};
/// # pollster::block_on(async {
/// let store = MemoryStore::new();
/// let key = EntryKey::new("checkpoint", *b"orders");
/// let first = Commit::new().expect(key.clone(), None).put(key.clone(), *b"17");
/// assert!(store.commit(first.clone()).await?.is_none()); // no facts, so nothing was appended
/// let refused = store.commit(first).await;
/// assert!(refused.is_err_and(|error| error.is_conflict()));
/// assert_eq!(store.entries(&[key]).await?, [Some(b"17".to_vec())]);
/// # Ok::<(), tenure_store::StoreError>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    pub(crate) append: Option<Append>,
    pub(crate) head: Option<Position>,
    pub(crate) expected: Vec<(EntryKey, Option<Vec<u8>>)>,
    pub(crate) writes: Vec<(EntryKey, Option<Vec<u8>>)>,
}

impl Commit {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { append: None, head: None, expected: Vec::new(), writes: Vec::new() }
    }

    /// Appends facts with it.
    #[must_use]
    pub fn append(self, append: impl Into<Append>) -> Self {
        Self { append: Some(append.into()), ..self }
    }

    /// Demands that the log ends at a position: nobody has appended since it was read.
    #[must_use]
    pub const fn expect_head(mut self, head: Position) -> Self {
        self.head = Some(head);
        self
    }

    /// Demands that an entry is what it was when it was read; none: that there is no such entry.
    #[must_use]
    pub fn expect(mut self, key: EntryKey, value: Option<Vec<u8>>) -> Self {
        self.expected.push((key, value));
        self
    }

    /// Writes an entry, whatever stood there.
    #[must_use]
    pub fn put(mut self, key: EntryKey, value: impl Into<Vec<u8>>) -> Self {
        self.writes.push((key, Some(value.into())));
        self
    }

    /// Removes an entry, if it is there.
    #[must_use]
    pub fn remove(mut self, key: EntryKey) -> Self {
        self.writes.push((key, None));
        self
    }

    /// Checks what is expected, in the way that is the same for every store: `head` is where the log ends, `entry` gives
    /// what stands under a key.
    ///
    /// # Errors
    /// [`StoreError::HeadMoved`], [`StoreError::EntryChanged`], and what `entry` fails with.
    pub fn check(
        &self,
        head: Position,
        mut entry: impl FnMut(&EntryKey) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        if let Some(expected) = self.head.filter(|expected| *expected != head) {
            return Err(StoreError::HeadMoved { expected, actual: head });
        }
        for (key, expected) in &self.expected {
            let actual = entry(key)?;
            if actual != *expected {
                return Err(StoreError::EntryChanged { key: key.clone(), actual });
            }
        }
        Ok(())
    }

    /// The facts to be appended.
    pub const fn facts(&self) -> Option<&Append> {
        self.append.as_ref()
    }

    /// Where the log must end.
    pub const fn expected_head(&self) -> Option<Position> {
        self.head
    }

    /// What entries must be.
    pub fn expected(&self) -> &[(EntryKey, Option<Vec<u8>>)] {
        &self.expected
    }

    /// What is written, in this order; none removes.
    pub fn writes(&self) -> &[(EntryKey, Option<Vec<u8>>)] {
        &self.writes
    }
}

impl From<Append> for Commit {
    fn from(append: Append) -> Self {
        Self::new().append(append)
    }
}

/// What a commit did: where its facts stand; none if it had none.
pub type Committed = Option<Appended>;

/// Some entries of a space, in the order of keys.
pub type Entries = Vec<(Box<[u8]>, Vec<u8>)>;
