//! A store whose type is chosen at run time.

use core::any::Any;
use core::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tenure_core::log::{Append, Appended, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};

use crate::entry::{Commit, Committed, Entries, EntryKey};
use crate::{EventStore, Head, StoreError, StreamPage};

/// A handle of any store: for whoever learns from a configuration where the log is, and builds what stands on it once.
///
/// It costs one small allocation a call, which is nothing beside a call of a database. Clones are handles of the same
/// store.
///
/// # Example
/// ```
/// use tenure_core::Policy;
/// use tenure_store::{AnyStore, Engine, EventStore, MemoryStore};
/// # struct Missing(String);
/// fn configured(kind: &str) -> Result<AnyStore, String> {
///     match kind {
///         "memory" => Ok(AnyStore::new(MemoryStore::new())),
///         // "sqlite" => Ok(AnyStore::new(SqliteStore::open("shop.db", Options::new())?)),
///         other => Err(format!("no store is called {other:?}")),
///     }
/// }
/// # pollster::block_on(async {
/// let store = configured("memory")?;
/// let engine: Engine<AnyStore> = Engine::open(store.clone(), Policy::preset("retail").unwrap()).await?;
/// assert_eq!(engine.checkpoint().position, store.head().await?.position);
/// assert!(store.downcast_ref::<MemoryStore>().is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct AnyStore(Arc<dyn Erased>);

impl AnyStore {
    /// A handle of this store.
    pub fn new<S: EventStore + 'static>(store: S) -> Self {
        Self(Arc::new(store))
    }

    /// The store, if it is of this type: for what only such a store can do.
    pub fn downcast_ref<S: EventStore + 'static>(&self) -> Option<&S> {
        let any: &dyn Any = &*self.0;
        any.downcast_ref()
    }

    /// The store itself.
    ///
    /// # Errors
    /// This handle, if the store is of another type or has another handle.
    pub fn downcast<S: EventStore + 'static>(self) -> Result<S, Self> {
        let any: Arc<dyn Any + Send + Sync> = Arc::<dyn Erased>::clone(&self.0);
        let Ok(store) = any.downcast::<S>() else { return Err(self) };
        drop(self);
        Arc::try_unwrap(store).map_err(|shared| Self(shared))
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore").finish_non_exhaustive()
    }
}

/// The contract in boxes, so that a table of functions can hold it.
trait Erased: Any + Send + Sync {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, StoreError>>;
    fn read<'a>(&'a self, read: &'a Read) -> BoxFuture<'a, Result<Page, StoreError>>;
    fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<StreamPage, StoreError>>;
    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>>;
    fn known<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>>;
    fn entries<'a>(&'a self, keys: &'a [EntryKey])
    -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, StoreError>>;
    fn scan<'a>(
        &'a self,
        space: &'a str,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Entries, StoreError>>;
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, StoreError>>;
    fn committed(&self) -> BoxFuture<'_, ()>;
}

impl<S: EventStore + 'static> Erased for S {
    fn append(&self, append: Append) -> BoxFuture<'_, Result<Appended, StoreError>> {
        Box::pin(EventStore::append(self, append))
    }

    fn read<'a>(&'a self, read: &'a Read) -> BoxFuture<'a, Result<Page, StoreError>> {
        Box::pin(EventStore::read(self, read))
    }

    fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> BoxFuture<'_, Result<StreamPage, StoreError>> {
        Box::pin(EventStore::read_stream(self, customer, after, limit))
    }

    fn head(&self) -> BoxFuture<'_, Result<Head, StoreError>> {
        Box::pin(EventStore::head(self))
    }

    fn known<'a>(&'a self, ids: &'a [EventId]) -> BoxFuture<'a, Result<Vec<Option<Position>>, StoreError>> {
        Box::pin(EventStore::known(self, ids))
    }

    fn entries<'a>(
        &'a self,
        keys: &'a [EntryKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Vec<u8>>>, StoreError>> {
        Box::pin(EventStore::entries(self, keys))
    }

    fn scan<'a>(
        &'a self,
        space: &'a str,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Entries, StoreError>> {
        Box::pin(EventStore::scan(self, space, prefix, after, limit))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<Committed, StoreError>> {
        Box::pin(EventStore::commit(self, commit))
    }

    fn committed(&self) -> BoxFuture<'_, ()> {
        Box::pin(EventStore::committed(self))
    }
}

impl EventStore for AnyStore {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.0.append(append).await
    }

    async fn read(&self, read: &Read) -> Result<Page, StoreError> {
        self.0.read(read).await
    }

    async fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        self.0.read_stream(customer, after, limit).await
    }

    async fn head(&self) -> Result<Head, StoreError> {
        self.0.head().await
    }

    async fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        self.0.known(ids).await
    }

    async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.0.entries(keys).await
    }

    async fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        self.0.scan(space, prefix, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.0.commit(commit).await
    }

    // Not an async function: commits are heard from the call on.
    fn committed(&self) -> impl Future<Output = ()> + Send {
        self.0.committed()
    }
}
