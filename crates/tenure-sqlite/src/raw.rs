//! The handle underneath: readers, and the way to the writer.

use core::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use event_listener::Event;
use futures_channel::oneshot;
use rusqlite::Connection;
use tenure_core::log::{Append, Appended, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};
use tenure_store::row::Encoded;
use tenure_store::{Commit, Committed, Entries, EntryKey, EventStore, Head, StoreError, StreamPage};

use crate::checkpoint::Checkpoints;
use crate::error::Name;
use crate::in_use;
use crate::open;
use crate::options::{Durability, Options};
use crate::read::Reader;
use crate::witness::Witness;
use crate::writer::{self, Job, Writer};

/// Connections for reading that are kept when nobody reads.
const IDLE_READERS: usize = 8;

/// The store without what seals personal data: it keeps what it is given. Public only as a part of the store.
#[derive(Debug)]
pub struct RawStore {
    name: Name,
    options: Options,
    source: Source,
    jobs: Option<Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    poisoned: Arc<AtomicBool>,
    commits: Arc<Event>,
}

#[derive(Debug)]
enum Source {
    File {
        path: PathBuf,
        idle: Mutex<Vec<Reader>>,
    },
    /// A database in memory has one connection, which readers and writer take in turns.
    Memory(Arc<Mutex<Reader>>),
}

impl Source {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Memory(_) => None,
        }
    }
}

impl RawStore {
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let name = Name::of(path);
        let open::Opened { connection, in_use } = open::file(path, &options)?;
        let writer = Arc::new(Mutex::new(Reader::new(connection, name.clone())));
        let source = Source::File { path: path.to_owned(), idle: Mutex::default() };
        Self::start(name, options, source, writer, in_use)
    }

    pub(crate) fn open_in_memory(options: Options) -> Result<Self, StoreError> {
        let name = Name::of(Path::new(":memory:"));
        let connection = open::memory(&options, &name)?;
        let only = Arc::new(Mutex::new(Reader::new(connection, name.clone())));
        Self::start(name, options, Source::Memory(Arc::clone(&only)), only, false)
    }

    fn start(
        name: Name,
        options: Options,
        source: Source,
        reader: Arc<Mutex<Reader>>,
        found_in_use: bool,
    ) -> Result<Self, StoreError> {
        let poisoned = Arc::new(AtomicBool::new(false));
        let commits = Arc::<Event>::default();
        let (jobs, waiting) = channel();
        let writer = Writer {
            reader,
            name: name.clone(),
            clock: Arc::clone(&options.clock),
            poisoned: Arc::clone(&poisoned),
            commits: Arc::clone(&commits),
            known: None,
            found_in_use,
            checkpoints: source.path().map(|path| Checkpoints::of(path, options.lock_timeout)),
            witness: source.path().map(|path| Witness::beside(path, options.durability == Durability::Full)),
            commit: writer::commit,
        };
        let thread = thread::Builder::new()
            .name("tenure-sqlite".into())
            .spawn(move || writer.work(&waiting))
            .map_err(StoreError::backend)?;
        Ok(Self { name, options, source, jobs: Some(jobs), writer: Some(thread), poisoned, commits })
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.source.path()
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    pub(crate) const fn durability(&self) -> Durability {
        self.options.durability
    }

    /// Does something with a connection of its own.
    pub(crate) fn with_reader<T>(
        &self,
        work: impl FnOnce(&mut Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        match &self.source {
            Source::Memory(only) => work(&mut only.lock().unwrap_or_else(PoisonError::into_inner)),
            Source::File { path, idle } => {
                let idle = || idle.lock().unwrap_or_else(PoisonError::into_inner);
                let kept = idle().pop();
                let mut reader = match kept {
                    Some(reader) => reader,
                    None => Reader::new(self.connect(path)?, self.name.clone()),
                };
                let result = work(&mut reader);
                let mut idle = idle();
                if reader.connection.is_autocommit() && idle.len() < IDLE_READERS {
                    idle.push(reader);
                }
                result
            }
        }
    }

    fn connect(&self, path: &Path) -> Result<Connection, StoreError> {
        open::reader(path, &self.options, &self.name)
    }
}

impl Drop for RawStore {
    fn drop(&mut self) {
        // Without a sender the writer finishes what waits and ends.
        mem::drop(self.jobs.take());
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was told to whoever waited for it.
            let _ = writer.join();
        }
        if self.is_poisoned()
            && let Source::File { idle, .. } = &self.source
        {
            let idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.iter().for_each(|reader| in_use::keep_log(&reader.connection, true));
        }
    }
}

impl EventStore for RawStore {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        // What has facts is answered with their places.
        self.commit(append.into()).await?.ok_or(StoreError::Poisoned)
    }

    async fn read(&self, read: &Read) -> Result<Page, StoreError> {
        self.with_reader(|reader| reader.page(read))
    }

    async fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        self.with_reader(|reader| reader.stream(customer, after, limit))
    }

    async fn head(&self) -> Result<Head, StoreError> {
        self.with_reader(|reader| reader.head())
    }

    async fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        self.with_reader(|reader| reader.known(ids))
    }

    async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.with_reader(|reader| reader.entries(keys))
    }

    async fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        self.with_reader(|reader| reader.scan(space, prefix, after, limit))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let encoded = commit.facts().map(|append| Encoded::all(append.events())).unwrap_or_default();
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(Job { commit, encoded, reply }).is_ok());
        match (sent, answer.await) {
            (true, Ok(answer)) => answer,
            // The writer is gone, which only a panic can do; what it was about to do is unknown, so it is as after a
            // failed commit.
            _ => Err(StoreError::Poisoned),
        }
    }

    fn committed(&self) -> impl Future<Output = ()> + Send {
        self.commits.listen()
    }
}
