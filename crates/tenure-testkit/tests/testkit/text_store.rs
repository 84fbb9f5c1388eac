//! A store of one's own, written with nothing but the guide: a log in a text file, one line of JSON a commit. It keeps every
//! rule of the kit.
//!
//! Whatever is decided, the core's log decides; this file only has to make it last.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a toy that shows the way"
)]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tenure_core::event::Line;
use tenure_core::log::{Append, Appended, Log, Page, Read};
use tenure_core::{CustomerId, Event, EventId, Position, Timestamp, Version};
use tenure_store::{Clock, Commit, Committed, Entries, EntryKey, EventStore, Head, StoreError, StreamPage};
use tenure_testkit::conformance::Adapter;

struct TextStore {
    path: PathBuf,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    log: Log,
    entries: BTreeMap<EntryKey, Vec<u8>>,
    file: File,
    /// Whether a line could not be written: then memory says more than the file.
    is_broken: bool,
}

impl TextStore {
    fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = file.map_err(StoreError::backend)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(StoreError::backend)?;
        // A last line without an end was being written when the process ended, and nobody was told that it is stored.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).map_err(StoreError::backend)?;
        let mut inner = Inner { log: Log::new(), entries: BTreeMap::new(), file, is_broken: false };
        for line in text[..whole].lines() {
            inner.replay(line).map_err(StoreError::backend)?;
        }
        Ok(Self { path: path.to_owned(), clock, inner: Mutex::new(inner) })
    }
}

impl Inner {
    /// Does again what a line says was done.
    fn replay(&mut self, line: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let line: Value = serde_json::from_str(line)?;
        let at = Timestamp::from_micros(line["at"].as_i64().ok_or("no instant")?).ok_or("no instant")?;
        let facts = line["facts"].as_array().into_iter().flatten();
        let facts: Vec<Event> = facts
            .map(|fact| {
                let id = fact[0].as_str().unwrap_or_default().parse()?;
                Ok(Line::parse(fact[1].as_str().unwrap_or_default(), "default")?.into_event(id)?)
            })
            .collect::<Result<_, Box<dyn std::error::Error + Send + Sync>>>()?;
        if !facts.is_empty() {
            self.log.append(&Append::new(facts), at)?;
        }
        for entry in line["entries"].as_array().into_iter().flatten() {
            let bytes = |value: &Value| serde_json::from_value::<Option<Vec<u8>>>(value.clone());
            let key =
                EntryKey::new(entry[0].as_str().unwrap_or_default(), bytes(&entry[1])?.unwrap_or_default());
            match bytes(&entry[2])? {
                Some(value) => self.entries.insert(key, value),
                None => self.entries.remove(&key),
            };
        }
        Ok(())
    }
}

impl EventStore for TextStore {
    async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        let inner = &mut *self.inner.lock().unwrap();
        if inner.is_broken {
            return Err(StoreError::Poisoned);
        }
        commit.check(inner.log.head(), |key| Ok(inner.entries.get(key).cloned()))?;
        let before = inner.log.head();
        let appended = match commit.facts() {
            Some(append) => Some(inner.log.append(append, self.clock.now())?),
            None => None,
        };
        let new: Vec<_> = inner.log.facts().filter(|fact| fact.position > before).collect();
        let at = new.last().map_or(self.clock.now(), |fact| fact.recorded_at);
        let facts: Vec<_> = new.iter().map(|fact| json!([fact.event.id, fact.to_unplaced_line()])).collect();
        let entries: Vec<_> =
            commit.writes().iter().map(|(key, value)| json!([key.space, key.key, value])).collect();
        if facts.is_empty() && entries.is_empty() {
            return Ok(appended);
        }
        let line = json!({"at": at.as_micros(), "facts": facts, "entries": entries});
        let written =
            inner.file.write_all(format!("{line}\n").as_bytes()).and_then(|()| inner.file.sync_data());
        if let Err(error) = written {
            // It may be in the file or not: only who opens it again knows.
            inner.is_broken = true;
            return Err(StoreError::Unknown(error.into()));
        }
        for (key, value) in commit.writes() {
            match value {
                Some(value) => inner.entries.insert(key.clone(), value.clone()),
                None => inner.entries.remove(key),
            };
        }
        Ok(appended)
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        self.commit(append.into()).await.map(|appended| appended.expect("what has facts has places"))
    }

    async fn read(&self, read: &Read) -> Result<Page, StoreError> {
        Ok(self.inner.lock().unwrap().log.read(read))
    }

    async fn read_stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        let inner = self.inner.lock().unwrap();
        let facts = inner.log.stream(customer).filter(|fact| fact.version > after).take(limit.max(1));
        Ok(StreamPage { facts: facts.collect(), version: inner.log.version(customer) })
    }

    async fn head(&self) -> Result<Head, StoreError> {
        Ok(Head { position: self.inner.lock().unwrap().log.head(), hash: None })
    }

    async fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        let inner = self.inner.lock().unwrap();
        Ok(ids.iter().map(|id| inner.log.find(*id).map(|fact| fact.position)).collect())
    }

    async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let inner = self.inner.lock().unwrap();
        Ok(keys.iter().map(|key| inner.entries.get(key).cloned()).collect())
    }

    async fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        let inner = self.inner.lock().unwrap();
        let here = inner.entries.iter().filter(|(key, _)| {
            *key.space == *space && key.key.starts_with(prefix) && after.is_none_or(|after| *key.key > *after)
        });
        Ok(here.take(limit.max(1)).map(|(key, value)| (key.key.clone(), value.clone())).collect())
    }
}

/// Files in a directory that goes with it.
struct Files {
    directory: PathBuf,
    next: AtomicUsize,
}

impl Files {
    fn new() -> Self {
        static RUN: AtomicUsize = AtomicUsize::new(0);
        let run = RUN.fetch_add(1, Ordering::Relaxed);
        let directory =
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("text-{}-{run}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { directory, next: AtomicUsize::new(0) }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Adapter for Files {
    type Store = TextStore;

    fn open(&self, clock: Arc<dyn Clock>) -> TextStore {
        let name = format!("{}.jsonl", self.next.fetch_add(1, Ordering::Relaxed));
        TextStore::open(&self.directory.join(name), clock).unwrap()
    }

    fn reopen(&self, store: TextStore, clock: Arc<dyn Clock>) -> Result<TextStore, TextStore> {
        let path = store.path.clone();
        drop(store);
        Ok(TextStore::open(&path, clock).unwrap())
    }
}

tenure_testkit::store_conformance!(Files::new());
