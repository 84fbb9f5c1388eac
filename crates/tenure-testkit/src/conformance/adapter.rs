//! How the kit gets at the stores it tests.

use core::any::Any;
use std::sync::Arc;

use tenure_core::Position;
use tenure_core::log::Append;
use tenure_store::{AnyStore, Clock, EventStore};

use super::{Failure, Held, Tamper};

/// How the kit gets at stores. A function from a clock to a new, empty store is one; what it cannot do is skipped.
pub trait Adapter: Sync {
    /// The store under test.
    type Store: EventStore + 'static;

    /// A new, empty log under a clock.
    fn open(&self, clock: Arc<dyn Clock>) -> Self::Store;

    /// Closes a store and opens it again; gives it back unchanged where that makes no sense.
    ///
    /// # Errors
    /// The store, if it does not outlive its handle.
    fn reopen(&self, store: Self::Store, clock: Arc<dyn Clock>) -> Result<Self::Store, Self::Store> {
        let _ = clock;
        Err(store)
    }

    /// Makes one stored fact unreadable, behind the store's back. Gives false if there is no way to.
    fn spoil(&self, store: &Self::Store, position: Position) -> bool {
        let _ = (store, position);
        false
    }

    /// Two empty logs as close to each other as the database allows: in one file, in one schema.
    fn twins(&self, clock: Arc<dyn Clock>) -> Option<(Self::Store, Self::Store)> {
        let _ = clock;
        None
    }

    /// Appends in a transaction of another writer, and holds it open. None if there is no way to.
    fn hold(&self, store: &Self::Store, append: Append) -> Option<Box<dyn Held>> {
        let _ = (store, append);
        None
    }

    /// A transaction in the same database that has not appended to this log; open until it is dropped. None if there is
    /// none.
    fn unrelated(&self, store: &Self::Store) -> Option<Box<dyn Any>> {
        let _ = store;
        None
    }

    /// A copy of the store as its own means of backup and restore make it, under a clock.
    fn restore(&self, store: &Self::Store, clock: Arc<dyn Clock>) -> Option<Self::Store> {
        let _ = (store, clock);
        None
    }

    /// Tries to lay hands on the fact at a position with the database's own means, and says whether it was refused.
    fn tamper(&self, store: &Self::Store, position: Position, tamper: Tamper) -> Option<bool> {
        let _ = (store, position, tamper);
        None
    }

    /// Makes the answer to the next append get lost after its commit. Gives false if there is no way to.
    fn cut_next_answer(&self, store: &Self::Store) -> bool {
        let _ = store;
        false
    }

    /// Of a store that seals personal data by itself: what [`erased_is_gone`](super::erased_is_gone) says of it. Around any
    /// other the kit puts a seal.
    fn erased_is_gone(&self, store: &Self::Store) -> Option<Result<(), Failure>> {
        let _ = store;
        None
    }
}

impl<S: EventStore + 'static, F: Fn(Arc<dyn Clock>) -> S + Sync> Adapter for F {
    type Store = S;

    fn open(&self, clock: Arc<dyn Clock>) -> S {
        self(clock)
    }
}

/// An adapter as the rules see it: of any store, so that they are compiled once and not once for every store. Every
/// [`Adapter`] is one.
pub trait AnyAdapter: Sync {
    /// As [`Adapter::open`].
    fn open(&self, clock: Arc<dyn Clock>) -> AnyStore;

    /// As [`Adapter::reopen`].
    ///
    /// # Errors
    /// The store, if it does not outlive its handle.
    fn reopen(&self, store: AnyStore, clock: Arc<dyn Clock>) -> Result<AnyStore, AnyStore>;

    /// As [`Adapter::spoil`].
    fn spoil(&self, store: &AnyStore, position: Position) -> bool;

    /// As [`Adapter::twins`].
    fn twins(&self, clock: Arc<dyn Clock>) -> Option<(AnyStore, AnyStore)>;

    /// As [`Adapter::hold`].
    fn hold(&self, store: &AnyStore, append: Append) -> Option<Box<dyn Held>>;

    /// As [`Adapter::unrelated`].
    fn unrelated(&self, store: &AnyStore) -> Option<Box<dyn Any>>;

    /// As [`Adapter::restore`].
    fn restore(&self, store: &AnyStore, clock: Arc<dyn Clock>) -> Option<AnyStore>;

    /// As [`Adapter::tamper`].
    fn tamper(&self, store: &AnyStore, position: Position, tamper: Tamper) -> Option<bool>;

    /// As [`Adapter::cut_next_answer`].
    fn cut_next_answer(&self, store: &AnyStore) -> bool;

    /// As [`Adapter::erased_is_gone`].
    fn erased_is_gone(&self, store: &AnyStore) -> Option<Result<(), Failure>>;
}

// What an adapter is asked about is a store it has opened, so it is always of its type.
impl<A: Adapter> AnyAdapter for A {
    fn open(&self, clock: Arc<dyn Clock>) -> AnyStore {
        AnyStore::new(Adapter::open(self, clock))
    }

    fn reopen(&self, store: AnyStore, clock: Arc<dyn Clock>) -> Result<AnyStore, AnyStore> {
        Adapter::reopen(self, store.downcast()?, clock).map(AnyStore::new).map_err(AnyStore::new)
    }

    fn spoil(&self, store: &AnyStore, position: Position) -> bool {
        store.downcast_ref().is_some_and(|store| Adapter::spoil(self, store, position))
    }

    fn twins(&self, clock: Arc<dyn Clock>) -> Option<(AnyStore, AnyStore)> {
        Adapter::twins(self, clock).map(|(one, other)| (AnyStore::new(one), AnyStore::new(other)))
    }

    fn hold(&self, store: &AnyStore, append: Append) -> Option<Box<dyn Held>> {
        Adapter::hold(self, store.downcast_ref()?, append)
    }

    fn unrelated(&self, store: &AnyStore) -> Option<Box<dyn Any>> {
        Adapter::unrelated(self, store.downcast_ref()?)
    }

    fn restore(&self, store: &AnyStore, clock: Arc<dyn Clock>) -> Option<AnyStore> {
        Adapter::restore(self, store.downcast_ref()?, clock).map(AnyStore::new)
    }

    fn tamper(&self, store: &AnyStore, position: Position, tamper: Tamper) -> Option<bool> {
        Adapter::tamper(self, store.downcast_ref()?, position, tamper)
    }

    fn cut_next_answer(&self, store: &AnyStore) -> bool {
        store.downcast_ref().is_some_and(|store| Adapter::cut_next_answer(self, store))
    }

    fn erased_is_gone(&self, store: &AnyStore) -> Option<Result<(), Failure>> {
        Adapter::erased_is_gone(self, store.downcast_ref()?)
    }
}
