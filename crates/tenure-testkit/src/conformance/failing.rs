//! A store that fails when it is told to, before or after it did what it was asked.

use core::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tenure_core::log::{Append, Appended, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};
use tenure_store::{Commit, Committed, Entries, EntryKey, EventStore, Head, StoreError, StreamPage};

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Nothing was done.
    Before,
    /// It was done, and the answer is lost.
    After,
}

/// A store whose k-th call fails, once.
#[derive(Debug)]
pub(super) struct Failing<S> {
    inner: S,
    /// Calls until one fails; below zero none does.
    left: AtomicI64,
    after: AtomicBool,
}

impl<S: EventStore> Failing<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner, left: AtomicI64::new(-1), after: AtomicBool::new(false) }
    }

    /// Lets the call after `calls` more fail.
    pub(super) fn fail(&self, calls: i64, when: When) {
        self.after.store(when == When::After, Ordering::SeqCst);
        self.left.store(calls, Ordering::SeqCst);
    }

    pub(super) const fn inner(&self) -> &S {
        &self.inner
    }

    /// Does something during which nothing fails and nothing is counted.
    pub(super) fn quietly<T>(&self, work: impl FnOnce(&S) -> T) -> T {
        let left = self.left.swap(-1, Ordering::SeqCst);
        let done = work(&self.inner);
        self.left.store(left, Ordering::SeqCst);
        done
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let fails = self.left.fetch_sub(1, Ordering::SeqCst) == 0;
        if fails && !self.after.load(Ordering::SeqCst) {
            return Err(StoreError::backend("the store failed, as it was told to"));
        }
        let done = call.await;
        if fails { Err(StoreError::Unknown("the answer was lost, as it was told to".into())) } else { done }
    }
}

impl<S: EventStore> EventStore for Failing<S> {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.call(self.inner.append(append)).await
    }

    async fn read(&self, read: &Read) -> Result<Page, StoreError> {
        self.call(self.inner.read(read)).await
    }

    async fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        self.call(self.inner.read_stream(customer, after, limit)).await
    }

    async fn head(&self) -> Result<Head, StoreError> {
        self.call(self.inner.head()).await
    }

    async fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        self.call(self.inner.known(ids)).await
    }

    async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.call(self.inner.entries(keys)).await
    }

    async fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        self.call(self.inner.scan(space, prefix, after, limit)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        self.call(self.inner.commit(commit)).await
    }
}
