//! The store in memory: the core's log behind a lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenure_core::log::{Append, Appended, FactBlock, Log, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};

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
}

#[derive(Debug, Default)]
struct Inner {
    log: Log,
    notes: BTreeMap<String, String>,
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
        Self { inner: Mutex::default(), clock }
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
        Self { inner: Mutex::new(Inner { log, notes: BTreeMap::new() }), clock: Arc::new(SystemClock) }
    }
}

impl EventStore for MemoryStore {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let mut inner = self.inner();
        let now = self.clock.now();
        Ok(inner.log.append(&append, now)?)
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

    async fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.inner().notes.get(name).cloned())
    }

    async fn put_note(&self, name: &str, expected: Option<&str>, value: &str) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let actual = inner.notes.get(name).map(String::as_str);
        if actual != expected {
            return Err(StoreError::NoteChanged { name: name.into(), actual: actual.map(Into::into) });
        }
        inner.notes.insert(name.into(), value.into());
        Ok(())
    }
}
