//! Spans around the calls of a store.

use tracing::Instrument;

use crate::around::{Around, Call};
use crate::{EventStore, StoreError};

/// A store whose calls are spans named `tenure store`, at the level of debugging, with which call it is; a failure is an
/// event in it. No ids, customers or values are recorded.
///
/// # Example
/// ```
/// use tenure_store::{EventStore, MemoryStore, Traced};
/// let store = Traced::new(MemoryStore::new());
/// assert_eq!(pollster::block_on(store.head())?.position.0, 0);
/// # Ok::<(), tenure_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Traced<S>(S);

impl<S> Traced<S> {
    /// Traces the calls of this store.
    pub const fn new(store: S) -> Self {
        Self(store)
    }
}

impl<S: EventStore> Around for Traced<S> {
    type Inner = S;

    fn inner(&self) -> &S {
        &self.0
    }

    fn call<T: Send>(
        &self,
        call: Call,
        work: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> impl Future<Output = Result<T, StoreError>> + Send {
        let work = async move {
            // A conflict is an answer like another.
            work.await.inspect_err(|error| {
                if !error.is_conflict() {
                    tracing::warn!(%error, "tenure store failed");
                }
            })
        };
        work.instrument(tracing::debug_span!("tenure store", ?call))
    }
}
