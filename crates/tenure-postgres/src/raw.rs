//! The handle underneath: the way to the writer, to readers, and to the threads that they run on.

use core::fmt;
use std::sync::{Arc, Mutex};

use futures_channel::oneshot;
use tenure_core::log::{Append, Appended, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};
use tenure_store::row::Encoded;
use tenure_store::{Commit, Committed, Entries, EntryKey, EventStore, Head, StoreError, StreamPage};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Socket};

use crate::chain::Chain;
use crate::commits::{self, Commits};
use crate::connect::Connector;
use crate::error::{InStore, Name};
use crate::options::Options;
use crate::read::Reader;
use crate::schema;
use crate::sql::Sql;
use crate::value::Id;
use crate::writer::{Job, Writer};

/// Threads of a handle, at most.
const MOST_THREADS: usize = 4;

/// The store without what seals personal data: it keeps what it is given. Public only as a part of the store.
pub struct RawStore {
    inner: Arc<Inner>,
    jobs: UnboundedSender<Job>,
    threads: Threads,
    listener: Mutex<Option<AbortHandle>>,
}

impl fmt::Debug for RawStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawStore").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

/// What all tasks of a handle share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) name: Name,
    pub(crate) options: Options,
    pub(crate) connector: Connector,
    pub(crate) readers: deadpool_postgres::Pool,
    pub(crate) sql: Sql,
    /// The number of the log in its schema.
    pub(crate) log: i32,
    /// By which it is told from a log of the same name elsewhere.
    pub(crate) identity: [u8; 16],
    /// The channel on which its commits are told.
    pub(crate) channel: String,
    pub(crate) commits: Arc<Commits>,
    pub(crate) chain: Mutex<Chain>,
}

impl RawStore {
    pub(crate) async fn open<T>(config: Config, tls: T, options: Options) -> Result<Self, StoreError>
    where
        T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
        T::Stream: Sync + Send,
        T::TlsConnect: Sync + Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let threads = Threads::new(options.runtime.as_ref())?;
        let opened = threads.handle.spawn(start(config, tls, options));
        let (inner, jobs) = opened.await.map_err(StoreError::backend)??;
        Ok(Self { inner, jobs, threads, listener: Mutex::new(None) })
    }

    /// Where its tasks run.
    pub(crate) const fn handle(&self) -> &Handle {
        &self.threads.handle
    }

    pub(crate) const fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(crate) fn log(&self) -> &str {
        &self.inner.options.log
    }

    /// Runs a read as a task of its own, a second time if its connection turns out to be lost.
    pub(crate) async fn reading<T, F>(
        &self,
        work: impl Fn(Reader) -> F + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let task = self.threads.handle.spawn(async move {
            match work(Reader::new(&inner).await?).await {
                Err(StoreError::Unreachable { .. }) => work(Reader::new(&inner).await?).await,
                done => done,
            }
        });
        task.await.map_err(StoreError::backend)?
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
        let inner = Arc::clone(&self.inner);
        let task = self.threads.handle.spawn(async move { work(Reader::new(&inner).await?).await });
        task.await.map_err(StoreError::backend)?
    }
}

/// Connects, finds the log and starts its writer.
async fn start<T>(
    config: Config,
    tls: T,
    options: Options,
) -> Result<(Arc<Inner>, UnboundedSender<Job>), StoreError>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let name = Name::of(&config, &options);
    let commits = Arc::new(Commits::new());
    let connector = Connector::new(&config, tls, Arc::clone(&commits));
    let mut client = connector.writer(&name, &options).await?;
    let log = schema::open(&mut client, &options, &name).await?;
    let whole = format!("SELECT identity, position FROM {}.log WHERE log = $1", options.schema);
    let row = client.query_one(&whole, &[&log]).await.of(&name)?;
    let Id(identity) = row.try_get(0).of(&name)?;
    commits.heard(row.try_get(1).of(&name)?);
    let inner = Arc::new(Inner {
        readers: connector.readers(&options)?,
        sql: Sql::new(&options.schema),
        channel: format!("{}.{log}", options.schema),
        chain: Mutex::default(),
        name,
        options,
        connector,
        log,
        identity,
        commits,
    });
    let writer = Writer::new(Arc::clone(&inner), client).await?;
    let (jobs, waiting) = unbounded_channel();
    tokio::spawn(writer.work(waiting));
    Ok((inner, jobs))
}

impl EventStore for RawStore {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        // What has facts is answered with their places.
        self.commit(append.into()).await?.ok_or(StoreError::Poisoned)
    }

    async fn read(&self, read: &Read) -> Result<Page, StoreError> {
        let read = *read;
        self.reading(move |reader| async move { reader.page(&read).await }).await
    }

    async fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        self.reading(move |reader| async move { reader.stream(customer, after, limit).await }).await
    }

    async fn head(&self) -> Result<Head, StoreError> {
        self.reading(|reader| async move { reader.whole_head().await }).await
    }

    async fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        let ids: Arc<[EventId]> = ids.into();
        self.reading(move |reader| {
            let ids = Arc::clone(&ids);
            async move { reader.known(&ids).await }
        })
        .await
    }

    async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let keys: Arc<[EntryKey]> = keys.into();
        self.reading(move |reader| {
            let keys = Arc::clone(&keys);
            async move { reader.entries(&keys).await }
        })
        .await
    }

    async fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        let asked: Arc<(String, Vec<u8>, Option<Vec<u8>>)> =
            Arc::new((space.to_owned(), prefix.to_owned(), after.map(<[u8]>::to_owned)));
        self.reading(move |reader| {
            let asked = Arc::clone(&asked);
            async move {
                let (space, prefix, after) = &*asked;
                reader.scan(space, prefix, after.as_deref(), limit).await
            }
        })
        .await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let encoded = commit.facts().map(|append| Encoded::all(append.events())).unwrap_or_default();
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.send(Job { commit, encoded, reply }).is_ok();
        match (sent, answer.await) {
            (true, Ok(answer)) => answer,
            // The writer is gone, which only the end of its runtime can do; what it was about to do is unknown.
            _ => Err(StoreError::Poisoned),
        }
    }

    /// The first call begins to listen, on a connection of its own.
    fn committed(&self) -> impl Future<Output = ()> + Send {
        let next = self.inner.commits.next();
        if self.inner.options.notify && self.inner.commits.begin_listening() {
            let inner = Arc::clone(&self.inner);
            let listener = self.threads.handle.spawn(async move { commits::listen(&inner).await });
            if let Ok(mut kept) = self.listener.lock() {
                *kept = Some(listener.abort_handle());
            }
        }
        next
    }
}

impl Drop for RawStore {
    fn drop(&mut self) {
        if let Ok(mut listener) = self.listener.lock()
            && let Some(listener) = listener.take()
        {
            listener.abort();
        }
    }
}

/// Where the tasks of a handle run: on threads of its own, or on a runtime that was given.
struct Threads {
    handle: Handle,
    own: Option<Runtime>,
}

impl Threads {
    fn new(given: Option<&Handle>) -> Result<Self, StoreError> {
        if let Some(handle) = given {
            return Ok(Self { handle: handle.clone(), own: None });
        }
        let threads =
            std::thread::available_parallelism().map_or(1, |threads| threads.get().min(MOST_THREADS));
        let own = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("tenure-postgres")
            .enable_all()
            .build()
            .map_err(StoreError::backend)?;
        Ok(Self { handle: own.handle().clone(), own: Some(own) })
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting is not allowed where a handle is dropped in an asynchronous task. Nobody waits for what is cut off:
        // whoever asked borrows the handle.
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}
