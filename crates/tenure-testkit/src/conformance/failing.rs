//! A store that fails when it is told to, before or after it did what it was asked.

use core::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tenure_store::{AnyStore, Around, Call, StoreError};

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Nothing was done.
    Before,
    /// It was done, and the answer is lost.
    After,
}

/// A store whose k-th call fails, once. It wakes nobody.
#[derive(Debug)]
pub(super) struct Failing {
    inner: AnyStore,
    /// Calls until one fails; below zero none does.
    left: AtomicI64,
    after: AtomicBool,
}

impl Failing {
    pub(super) const fn new(inner: AnyStore) -> Self {
        Self { inner, left: AtomicI64::new(-1), after: AtomicBool::new(false) }
    }

    /// Lets the call after `calls` more fail.
    pub(super) fn fail(&self, calls: i64, when: When) {
        self.after.store(when == When::After, Ordering::SeqCst);
        self.left.store(calls, Ordering::SeqCst);
    }

    /// Does something during which nothing fails and nothing is counted.
    pub(super) fn quietly<T>(&self, work: impl FnOnce(&AnyStore) -> T) -> T {
        let left = self.left.swap(-1, Ordering::SeqCst);
        let done = work(&self.inner);
        self.left.store(left, Ordering::SeqCst);
        done
    }
}

impl Around for Failing {
    type Inner = AnyStore;

    fn inner(&self) -> &AnyStore {
        &self.inner
    }

    async fn call<T: Send>(
        &self,
        _: Call,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fails = self.left.fetch_sub(1, Ordering::SeqCst) == 0;
        if fails && !self.after.load(Ordering::SeqCst) {
            return Err(StoreError::backend("the store failed, as it was told to"));
        }
        let done = work.await;
        if fails { Err(StoreError::Unknown("the answer was lost, as it was told to".into())) } else { done }
    }

    fn woken(&self) -> impl Future<Output = ()> + Send {
        core::future::pending()
    }
}
