//! The store: the handle underneath, and the seal around it.

use core::fmt;
use std::sync::Arc;

use tenure_store::seal::Sealed;
use tenure_store::{Around, StoreError};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};

use crate::error::Name;
use crate::keys::KeyTable;
use crate::options::Options;
use crate::raw::{Inner, RawStore};
use crate::read::Reader;

/// One log in a PostgreSQL database.
///
/// Appends of all tasks go through one writer task, which commits together what waits together; other processes may
/// write to the same log at the same time. Reads take a connection each, and see one state of the log a page. Every
/// call runs as a task of its own on the handle's threads, so its future can be waited for in any executor, and be
/// dropped at any time; an append that was begun may then still be stored.
///
/// Personal data is sealed before it leaves the process: see [`tenure_store::seal`]. Its keys are in tables of their own
/// (`key`, `mark`, `marking`), which belong into no dump that is to be kept.
///
/// # Example
/// ```no_run
/// use tenure_core::log::Append;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// use tenure_postgres::{Options, PostgresStore};
/// use tenure_store::EventStore;
/// # pollster::block_on(async {
/// let store = PostgresStore::open("host=/run/postgresql dbname=shop", Options::new().log("berlin")).await?;
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let ann = Customer::parse("ann", "shop")?;
/// let fact = Event::new(EventId::from_foreign("shop", "1"), ann, at, CustomerEvent::SignedUp {})?;
/// store.append(Append::new(vec![fact])).await?; // on the server's disk when this returns
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
pub struct PostgresStore(Sealed<RawStore, KeyTable>);

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("name", &self.shared().name).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Opens a log, and makes it, and the tables, where they are missing. `config` is a connection string or URL, as
    /// [`tokio_postgres::Config`] reads them. The connection is not encrypted: see [`Self::open_with_tls`].
    ///
    /// # Errors
    /// Each names database and log and, by [`StoreError::hint`], what to do: [`StoreError::Unreachable`] for a server
    /// that cannot be reached, a database, role or password that it does not accept, rights that are missing, a name
    /// that cannot be one, or a log that is missing with [`Options::existing`]; [`StoreError::NotAStore`] for a schema
    /// of something else; [`StoreError::Format`] for one of another format; [`StoreError::Unsafe`] for a server that
    /// does not wait for its disk.
    pub async fn open(config: &str, options: Options) -> Result<Self, StoreError> {
        let config: Config = config.parse().map_err(|error: tokio_postgres::Error| {
            let nothing = Name::of(&Config::new(), &options);
            nothing.connecting(error)
        })?;
        Self::open_with_tls(config, NoTls, options).await
    }

    /// Opens a log over connections that a library for TLS makes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with_tls<T>(config: Config, tls: T, options: Options) -> Result<Self, StoreError>
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let plain = options.plain.clone();
        let raw = RawStore::open(config, tls, options).await?;
        let keys = KeyTable::new(Arc::clone(raw.inner()), raw.handle().clone());
        Ok(Self(Sealed::new(raw, keys).with_plain(plain)))
    }

    pub(crate) const fn shared(&self) -> &Arc<Inner> {
        self.0.inner().inner()
    }

    /// The name of the log.
    pub fn log(&self) -> &str {
        self.0.inner().log()
    }

    /// Runs a read as a task of its own.
    pub(crate) async fn reading_once<T, F>(
        &self,
        work: impl FnOnce(Reader) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.0.inner().reading_once(work).await
    }
}

impl Around for PostgresStore {
    type Inner = Sealed<RawStore, KeyTable>;

    fn inner(&self) -> &Self::Inner {
        &self.0
    }
}
