//! The store in memory: the core's log behind a lock.

use core::ops::Bound;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_listener::Event;
use tenure_core::log::{Append, Appended, FactBlock, Log, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};

use crate::entry::{Commit, Committed, Entries, EntryKey};
use crate::{Clock, EventStore, Head, StoreError, StreamPage, SystemClock};

/// A log that lives as long as the process: for tests, examples, and questions about a file of events.
///
/// It is the executable reference of the contract, and what a store must answer alike.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use tenure_core::Timestamp;
/// use tenure_store::{EventStore, ManualClock, MemoryStore};
/// let store = MemoryStore::with_clock(Arc::new(ManualClock::new(Timestamp::MIN)));
/// assert_eq!(pollster::block_on(store.head())?.position.0, 0);
/// # Ok::<(), tenure_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    clock: Arc<dyn Clock>,
    commits: Event,
}

#[derive(Debug, Default)]
struct Inner {
    log: Log,
    entries: BTreeMap<EntryKey, Vec<u8>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty log under the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty log under a clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { inner: Mutex::default(), clock, commits: Event::new() }
    }

    /// A copy of the log as it is now.
    pub fn log(&self) -> Log {
        self.inner().log.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // The log changes only after everything is decided, so whoever panicked left it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Log> for MemoryStore {
    /// A log that was made elsewhere, under the machine's clock.
    fn from(log: Log) -> Self {
        let inner = Mutex::new(Inner { log, entries: BTreeMap::new() });
        Self { inner, clock: Arc::new(SystemClock), commits: Event::new() }
    }
}

impl EventStore for MemoryStore {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let now = self.clock.now();
        let appended = self.inner().log.append(&append, now)?;
        self.commits.notify(usize::MAX);
        Ok(appended)
    }

    async fn read(&self, read: &Read) -> Result<Page, StoreError> {
        Ok(self.inner().log.read(read))
    }

    async fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        let inner = self.inner();
        let facts = inner.log.stream(customer).filter(|fact| fact.version > after).take(limit.max(1));
        Ok(StreamPage { facts: facts.collect::<FactBlock>(), version: inner.log.version(customer) })
    }

    async fn head(&self) -> Result<Head, StoreError> {
        Ok(Head { position: self.inner().log.head(), hash: None })
    }

    async fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        let inner = self.inner();
        Ok(ids.iter().map(|id| inner.log.find(*id).map(|fact| fact.position)).collect())
    }

    async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let inner = self.inner();
        Ok(keys.iter().map(|key| inner.entries.get(key).cloned()).collect())
    }

    async fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        let inner = self.inner();
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(EntryKey::new(space, after)),
            _ => Bound::Included(EntryKey::new(space, prefix)),
        };
        let here = inner.entries.range((from, Bound::Unbounded));
        let here = here.take_while(|(key, _)| *key.space == *space && key.key.starts_with(prefix));
        Ok(here.take(limit.max(1)).map(|(key, value)| (key.key.clone(), value.clone())).collect())
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let mut inner = self.inner();
        let now = self.clock.now();
        commit.check(inner.log.head(), |key| Ok(inner.entries.get(key).cloned()))?;
        let appended = commit.append.map(|append| inner.log.append(&append, now)).transpose()?;
        for (key, value) in commit.writes {
            match value {
                Some(value) => inner.entries.insert(key, value),
                None => inner.entries.remove(&key),
            };
        }
        drop(inner);
        self.commits.notify(usize::MAX);
        Ok(appended)
    }

    fn committed(&self) -> impl Future<Output = ()> + Send {
        self.commits.listen()
    }
}
