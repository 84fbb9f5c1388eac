//! The contract: what every store does, under which the rules of the conformance kit hold.

use core::fmt;

use tenure_core::log::{Append, Appended, FactBlock, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};

use crate::StoreError;
use crate::entry::{Commit, Committed, Entries, EntryKey};

/// One log: facts in, pages out. A handle names one log, so no call takes a tenant and none can forget it.
///
/// The semantics are those of [`Log`](tenure_core::log::Log), the executable reference: an append is decided by
/// [`Append::decide`] and nothing else. On top of it a store promises what memory cannot: an acknowledged append
/// survives, writers in several tasks and processes do not disturb each other, and a reader that sees position p sees
/// all of 1..p.
///
/// Futures are `Send`; a store that works on files may block the thread that polls them for the time of one page or
/// one commit. An append whose future is dropped may still be stored: send it again to find out.
///
/// # Example
/// ```
/// use tenure_core::log::{Append, Read};
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// use tenure_store::{EventStore, MemoryStore};
/// # pollster::block_on(async {
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let ann = Customer::parse("ann", "shop")?;
/// let fact = Event::new(EventId::from_foreign("shop", "1"), ann, at, CustomerEvent::SignedUp {})?;
/// let store = MemoryStore::new();
/// store.append(Append::new(vec![fact.clone()])).await?;
/// assert!(store.append(Append::new(vec![fact])).await?.already_stored());
/// assert_eq!(store.read(&Read::all()).await?.facts.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub trait EventStore: Send + Sync {
    /// Records facts, all or none. Durable, as far as the store promises, when the future is ready.
    ///
    /// # Errors
    /// [`StoreError::Refused`]: nothing was written. [`StoreError::Unknown`]: send it again to a new handle.
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, StoreError>> + Send;

    /// One page of the log. A page may be shorter than asked for and even empty; only
    /// [`Page::is_last`] tells the end. All of a page is seen at one instant.
    ///
    /// # Errors
    /// [`StoreError::Undecodable`] if the *first* fact to be returned cannot be read; facts before it come in a page
    /// of their own, and a read from its position goes on behind it.
    fn read(&self, read: &Read) -> impl Future<Output = Result<Page, StoreError>> + Send;

    /// A customer's facts of versions greater than `after`, at most `limit` (at least 1), in the order of versions.
    ///
    /// # Errors
    /// As [`Self::read`]; a read after the version named goes on behind it.
    fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamPage, StoreError>> + Send;

    /// Where the log ends.
    ///
    /// # Errors
    /// If the store fails.
    fn head(&self) -> impl Future<Output = Result<Head, StoreError>> + Send;

    /// Where the facts of these ids stand, in the order asked; none for an unknown id.
    ///
    /// # Errors
    /// If the store fails.
    fn known(
        &self,
        ids: &[EventId],
    ) -> impl Future<Output = Result<Vec<Option<Position>>, StoreError>> + Send;

    /// What stands under these keys, in the order asked; none where there is no such entry. All is seen at one instant.
    ///
    /// # Errors
    /// If the store fails.
    fn entries(
        &self,
        keys: &[EntryKey],
    ) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, StoreError>> + Send;

    /// The entries of a space whose keys begin with `prefix` and are greater than `after`, at most `limit` (at least
    /// 1), in the order of keys. Fewer than asked for, and only then, are the last.
    ///
    /// # Errors
    /// If the store fails.
    fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> impl Future<Output = Result<Entries, StoreError>> + Send;

    /// Writes facts and entries in one transaction, if what is expected of head and entries holds. Durable, as far as
    /// the store promises, when the future is ready.
    ///
    /// # Errors
    /// [`StoreError::EntryChanged`] and [`StoreError::HeadMoved`] if an expectation does not hold, else as
    /// [`append`](Self::append); in each case nothing was written, except that after [`StoreError::Unknown`] the
    /// entries have to be read again.
    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Ready after the next commit that this handle hears of, its own or another's. A wake-up and no more: it may come
    /// for nothing, and it may never come, so whoever waits looks again after a while all the same. Commits are heard
    /// from the call on and not only when the future is polled.
    fn committed(&self) -> impl Future<Output = ()> + Send {
        core::future::pending()
    }

    /// A small text kept beside the log: what an import under a batch key was read with. Not a fact, not replayed.
    ///
    /// # Errors
    /// If the store fails.
    fn note(&self, name: &str) -> impl Future<Output = Result<Option<String>, StoreError>> + Send {
        async move {
            let [value] = <[_; 1]>::try_from(self.entries(&[note(name)]).await?).unwrap_or_default();
            Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
        }
    }

    /// Writes a note if it is still what was expected (none: does not exist yet).
    ///
    /// # Errors
    /// [`StoreError::EntryChanged`] with what it is; nothing was written.
    fn put_note(
        &self,
        name: &str,
        expected: Option<&str>,
        value: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let expected = expected.map(|text| text.as_bytes().to_vec());
        let commit = Commit::new().expect(note(name), expected).put(note(name), value.as_bytes());
        async move { self.commit(commit).await.map(drop) }
    }
}

/// Where a note is kept.
fn note(name: &str) -> EntryKey {
    EntryKey::new("note", name.as_bytes())
}

/// Some of a customer's facts.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamPage {
    /// The facts, in the order of versions.
    pub facts: FactBlock,
    /// The version of the stream when the page was read; 0 without facts.
    pub version: Version,
}

impl StreamPage {
    /// Whether no facts stood behind this page, which was read after version `after`.
    pub fn is_last(&self, after: Version) -> bool {
        self.facts.iter().next_back().map_or(after, |fact| fact.version) >= self.version
    }
}

/// Where a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last position, which is also the number of facts; 0 in an empty log.
    pub position: Position,
    /// The last link of the hash chain, where the store keeps one: two logs with one hash hold the same facts in the
    /// same order.
    pub hash: Option<LogHash>,
}

/// A link of the hash chain over a log.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogHash(pub [u8; 32]);

impl fmt::Display for LogHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LogHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogHash({self})")
    }
}
