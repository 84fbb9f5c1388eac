//! Stores around stores.

use std::sync::Arc;

use tenure_core::log::{Append, Appended, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};

use crate::entry::{Commit, Committed, Entries, EntryKey};
use crate::{EventStore, Head, StoreError, StreamPage};

/// A store around another one. Every call of the contract goes inside through one place, [`call`](Self::call), where it
/// can be counted, timed, traced, made to wait or refused. Whatever is `Around` a store is an [`EventStore`].
///
/// A store that gives other answers than the one inside implements [`EventStore`] itself.
///
/// # Example
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use tenure_store::{Around, Call, EventStore, MemoryStore, StoreError};
///
/// /// Counts what went wrong.
/// struct Counted<S> {
///     inner: S,
///     failures: AtomicU64,
/// }
///
/// impl<S: EventStore> Around for Counted<S> {
///     type Inner = S;
///
///     fn inner(&self) -> &S {
///         &self.inner
///     }
///
///     async fn call<T: Send>(
///         &self,
///         _: Call,
///         work: impl Future<Output = Result<T, StoreError>> + Send,
///     ) -> Result<T, StoreError> {
///         work.await.inspect_err(|_| drop(self.failures.fetch_add(1, Ordering::Relaxed)))
///     }
/// }
/// # pollster::block_on(async {
/// let store = Counted { inner: MemoryStore::new(), failures: AtomicU64::new(0) };
/// store.put_note("checkpoint", None, "17").await?;
/// assert!(store.put_note("checkpoint", None, "18").await.is_err());
/// assert_eq!(store.failures.load(Ordering::Relaxed), 1);
/// # Ok::<(), StoreError>(()) }).unwrap();
/// ```
pub trait Around: Send + Sync {
    /// The store inside.
    type Inner: EventStore;

    /// The store inside.
    fn inner(&self) -> &Self::Inner;

    /// Does what the store inside was asked for. Nothing is done before `work` is polled, and nothing at all if it never
    /// is.
    ///
    /// # Errors
    /// As the call.
    fn call<T: Send>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        let _ = call;
        work
    }

    /// [`EventStore::committed`], which cannot fail and may wait for ever.
    fn woken(&self) -> impl Future<Output = ()> + Send {
        self.inner().committed()
    }
}

/// What a store is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`EventStore::append`].
    Append,
    /// [`EventStore::read`].
    Read,
    /// [`EventStore::read_stream`].
    ReadStream,
    /// [`EventStore::head`].
    Head,
    /// [`EventStore::known`].
    Known,
    /// [`EventStore::entries`], also for a note.
    Entries,
    /// [`EventStore::scan`].
    Scan,
    /// [`EventStore::commit`], also of a note.
    Commit,
}

#[diagnostic::do_not_recommend]
impl<W: Around> EventStore for W {
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, StoreError>> + Send {
        self.call(Call::Append, self.inner().append(append))
    }

    fn read(&self, read: &Read) -> impl Future<Output = Result<Page, StoreError>> + Send {
        self.call(Call::Read, self.inner().read(read))
    }

    fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> impl Future<Output = Result<StreamPage, StoreError>> + Send {
        self.call(Call::ReadStream, self.inner().read_stream(customer, after, limit))
    }

    fn head(&self) -> impl Future<Output = Result<Head, StoreError>> + Send {
        self.call(Call::Head, self.inner().head())
    }

    fn known(
        &self,
        ids: &[EventId],
    ) -> impl Future<Output = Result<Vec<Option<Position>>, StoreError>> + Send {
        self.call(Call::Known, self.inner().known(ids))
    }

    fn entries(
        &self,
        keys: &[EntryKey],
    ) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, StoreError>> + Send {
        self.call(Call::Entries, self.inner().entries(keys))
    }

    fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> impl Future<Output = Result<Entries, StoreError>> + Send {
        self.call(Call::Scan, self.inner().scan(space, prefix, after, limit))
    }

    fn commit(&self, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send {
        self.call(Call::Commit, self.inner().commit(commit))
    }

    fn committed(&self) -> impl Future<Output = ()> + Send {
        self.woken()
    }
}

/// A handle that is shared is the handle.
impl<S: EventStore> Around for &S {
    type Inner = S;

    fn inner(&self) -> &S {
        self
    }
}

/// A handle that is shared is the handle.
impl<S: EventStore> Around for Arc<S> {
    type Inner = S;

    fn inner(&self) -> &S {
        self
    }
}
