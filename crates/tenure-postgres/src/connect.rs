//! Connections: how they are made and driven, and what a writer's must promise.

use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use deadpool_postgres::{Connect, Manager, ManagerConfig, Pool, RecyclingMethod};
use tenure_store::StoreError;
use tokio::task::JoinHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Error, Socket};

use crate::commits::Commits;
use crate::error::{InStore, Name};
use crate::options::Options;

/// A writer that stops in the middle of a transaction holds up all others no longer than this.
const IDLE_IN_TRANSACTION: &str = "30s";

/// Makes connections of one kind to one database.
#[derive(Clone)]
pub(crate) struct Connector {
    config: Config,
    connect: Arc<dyn Connect>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    pub(crate) fn new<T>(config: &Config, tls: T, commits: Arc<Commits>) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let mut config = config.clone();
        if config.get_application_name().is_none() {
            config.application_name("tenure");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(10));
        }
        Self { config, connect: Arc::new(Driven { tls, commits }) }
    }

    /// A connection; it ends with the client.
    pub(crate) async fn connect(&self) -> Result<Client, Error> {
        self.connect.connect(&self.config).await.map(|(client, _)| client)
    }

    /// A connection for writing, which gives up waiting for a lock after the time-out, and whose plans stay good for tables
    /// that were small when they were made.
    pub(crate) async fn writer(&self, name: &Name, options: &Options) -> Result<Client, StoreError> {
        let client = self.connect().await.map_err(|error| name.connecting(error))?;
        let timeout = options.lock_timeout_ms();
        client
            .batch_execute(&format!(
                "SET lock_timeout = {timeout}; SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}';
                 SET enable_seqscan = off; SET enable_sort = off"
            ))
            .await
            .of(name)?;
        prove_safe(&client, name, options).await?;
        Ok(client)
    }

    /// Connections for reading, made when they are needed.
    pub(crate) fn readers(&self, options: &Options) -> Result<Pool, StoreError> {
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(self.config.clone(), Shared(Arc::clone(&self.connect)), config);
        Pool::builder(manager)
            .max_size(options.readers)
            .wait_timeout(Some(options.lock_timeout))
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .build()
            .map_err(StoreError::backend)
    }
}

/// Reads back on the writing connection what its commits are worth.
pub(crate) async fn prove_safe(client: &Client, name: &Name, options: &Options) -> Result<(), StoreError> {
    const SETTINGS: &str = "SELECT current_setting('server_encoding'), current_setting('fsync'), \
         current_setting('full_page_writes'), current_setting('synchronous_commit')";
    let row = client.query_one(SETTINGS, &[]).await.of(name)?;
    let encoding: String = row.try_get(0).of(name)?;
    if encoding != "UTF8" {
        return Err(
            name.not_safe(&format!("the encoding of the database is {encoding}, and facts need UTF8"))
        );
    }
    if options.accept_unsafe_server {
        return Ok(());
    }
    for (setting, place) in [("fsync", 1), ("full_page_writes", 2), ("synchronous_commit", 3)] {
        let value: String = row.try_get(place).of(name)?;
        if value == "off" {
            let what =
                format!("{setting} is off, so a crash of the server may take acknowledged facts with it");
            return Err(name.not_safe(&what));
        }
    }
    Ok(())
}

/// Makes a connection and drives it, handing what is notified on to whoever waits for commits.
struct Driven<T> {
    tls: T,
    commits: Arc<Commits>,
}

type Connected = Result<(Client, JoinHandle<()>), Error>;

impl<T> Connect for Driven<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let (config, tls, commits) = (config.clone(), self.tls.clone(), Arc::clone(&self.commits));
        Box::pin(async move {
            let (client, mut connection) = config.connect(tls).await?;
            let driven = tokio::spawn(async move {
                // Who uses the connection is told of its end.
                while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                    if let AsyncMessage::Notification(told) = message {
                        commits.heard(told.payload().parse().unwrap_or(0));
                    }
                }
            });
            Ok((client, driven))
        })
    }
}

/// One connector for the pool and for connections outside of it.
struct Shared(Arc<dyn Connect>);

impl Connect for Shared {
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        self.0.connect(config)
    }
}
