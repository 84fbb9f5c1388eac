//! Handles of stores: of any, and around others.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{Arc, Mutex};

use pollster::block_on;
use tenure_core::log::{Append, Read};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp, Version};
use tenure_store::{AnyStore, Around, Call, Commit, EventStore, MemoryStore, StoreError};

/// Writes down what it is asked for, in the order in which it is done.
#[derive(Debug, Default)]
struct Told {
    inner: MemoryStore,
    calls: Mutex<Vec<Call>>,
}

impl Around for Told {
    type Inner = MemoryStore;

    fn inner(&self) -> &MemoryStore {
        &self.inner
    }

    async fn call<T: Send>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let done = work.await;
        self.calls.lock().unwrap().push(call);
        done
    }
}

#[test]
fn every_call_goes_through_the_store_around_and_through_handles_of_it() {
    let told = Arc::new(Told::default());
    let store = AnyStore::new(Arc::clone(&told));
    let ann = Customer::parse("ann", "shop").unwrap();
    let at = Timestamp::parse("2024-05-01T10:00:00Z").unwrap();
    let fact =
        Event::new(EventId::from_foreign("shop", "1"), ann.clone(), at, CustomerEvent::SignedUp {}).unwrap();
    block_on(async {
        let heard = store.committed();
        store.append(Append::new(vec![fact.clone()])).await.unwrap();
        heard.await;
        assert_eq!(store.read(&Read::all()).await.unwrap().facts.len(), 1);
        assert_eq!(store.read_stream(ann.id(), Version(0), 9).await.unwrap().version, Version(1));
        assert_eq!(store.head().await.unwrap().position.0, 1);
        assert_eq!(store.known(&[fact.id()]).await.unwrap(), [Some(1)].map(|n| n.map(tenure_core::Position)));
        store.commit(Commit::new()).await.unwrap();
        store.put_note("a", None, "b").await.unwrap();
        assert_eq!(store.note("a").await.unwrap().as_deref(), Some("b"));
        assert_eq!(store.scan("note", b"", None, 9).await.unwrap().len(), 1);
    });
    let calls = std::mem::take(&mut *told.calls.lock().unwrap());
    let expected = [
        Call::Append,
        Call::Read,
        Call::ReadStream,
        Call::Head,
        Call::Known,
        Call::Commit,
        Call::Commit,
        Call::Entries,
        Call::Scan,
    ];
    assert_eq!(calls, expected);
}

#[test]
fn the_store_comes_out_of_its_last_handle_and_under_its_own_type() {
    let store = AnyStore::new(MemoryStore::new());
    block_on(store.put_note("a", None, "b")).unwrap();
    let other = store.clone();
    let store = store.downcast::<MemoryStore>().unwrap_err();
    drop(other);
    let store = store.downcast::<Told>().unwrap_err();
    assert!(store.downcast_ref::<Told>().is_none());
    assert!(store.downcast_ref::<MemoryStore>().is_some());
    let memory = store.downcast::<MemoryStore>().unwrap();
    assert_eq!(block_on(memory.note("a")).unwrap().as_deref(), Some("b"));
}
