//! The keys of a store's customers, in a SQLite file of their own.
//!
//! Not in the store: what is copied with a store would take the keys along, and then nothing could be erased any more.
//! The file has a rollback journal, which is deleted with what stood in it, and overwrites what is deleted in it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use tenure_core::CustomerId;
use tenure_store::StoreError;
use tenure_store::seal::{Destroyed, Key, KeyId, Keys, Mark};

use crate::error::{InStore, Name};
use crate::open::beside;
use crate::options::Options;

/// "tnk1" in ASCII.
const APPLICATION_ID: i64 = 0x746e_6b31;

const FORMAT: i64 = 1;

/// A key that was destroyed keeps its row, so that it can be told from one of another store.
const CREATE: &str = "
CREATE TABLE key (id BLOB PRIMARY KEY, customer BLOB NOT NULL, secret BLOB) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX key_of ON key (customer) WHERE secret IS NOT NULL;
CREATE TABLE mark (mark BLOB, customer BLOB, PRIMARY KEY (mark, customer)) STRICT, WITHOUT ROWID;
CREATE INDEX mark_of ON mark (customer);
CREATE TABLE marking (one INTEGER PRIMARY KEY CHECK (one = 1), secret BLOB NOT NULL) STRICT;
";

#[derive(Debug)]
/// Public only as a part of the store.
pub struct KeyFile {
    /// None for keys in memory.
    path: Option<PathBuf>,
    name: Name,
    lock_timeout: Duration,
    /// Whether the caller said to go on without keys.
    without: bool,
    /// Opened when it is needed first.
    connection: Mutex<Option<Connection>>,
}

impl KeyFile {
    /// The keys of the store at a path.
    pub(crate) fn beside(store: &Path, options: &Options) -> Self {
        let path = beside(store, "-keys");
        Self {
            name: Name::of(&path),
            path: Some(path),
            lock_timeout: options.lock_timeout,
            without: options.without_keys,
            connection: Mutex::default(),
        }
    }

    /// Keys that live as long as the handle.
    pub(crate) fn in_memory() -> Result<Self, StoreError> {
        let name = Name::of(Path::new(":memory:"));
        let connection = Connection::open_in_memory().of(&name)?;
        connection.execute_batch(CREATE).of(&name)?;
        let connection = Mutex::new(Some(connection));
        Ok(Self { path: None, name, lock_timeout: Duration::ZERO, without: false, connection })
    }

    /// The file; none in memory, or where no key was needed yet.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref().filter(|path| path.exists())
    }

    fn missing(&self) -> StoreError {
        StoreError::KeysMissing { location: self.name.location() }
    }

    /// Does something with the keys that are there; with none if there are none.
    pub(crate) fn reading<T>(
        &self,
        work: impl FnOnce(Option<&Connection>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_none() && !self.without && self.path().is_some() {
            *connection = self.open()?;
        }
        work(connection.as_ref())
    }

    /// Does something with the keys in one transaction, in a file that is made if there is none.
    fn writing<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.without {
            return Err(self.missing());
        }
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_none() {
            *connection = self.open()?;
        }
        let connection = connection.as_mut().ok_or_else(|| self.missing())?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).of(&self.name)?;
        let done = work(&transaction)?;
        transaction.commit().of(&self.name)?;
        Ok(done)
    }

    /// Opens the file, or makes it: for its owner alone, where the system knows owners.
    fn open(&self) -> Result<Option<Connection>, StoreError> {
        let Some(path) = &self.path else { return Ok(None) };
        let mut made = OpenOptions::new();
        made.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut made, 0o600);
        match made.open(path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(self.name.unreachable(&error.to_string())),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).of(&self.name)?;
        connection.busy_timeout(self.lock_timeout).of(&self.name)?;
        // Without a write-ahead log only EXTRA survives the power going off, because the journal's deletion counts.
        connection
            .execute_batch(
                "PRAGMA synchronous = EXTRA; PRAGMA journal_mode = DELETE; PRAGMA secure_delete = ON",
            )
            .of(&self.name)?;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).of(&self.name)?;
        let number = |pragma: &str| -> Result<i64, StoreError> {
            transaction.query_row(&format!("PRAGMA {pragma}"), (), |row| row.get(0)).of(&self.name)
        };
        match (number("application_id")?, number("user_version")?) {
            (APPLICATION_ID, FORMAT) => {}
            (APPLICATION_ID, format) => {
                return Err(StoreError::Format { location: self.name.location(), format, known: FORMAT });
            }
            (0, 0) if is_empty(&transaction).of(&self.name)? => {
                transaction.execute_batch(CREATE).of(&self.name)?;
                transaction.pragma_update(None, "application_id", APPLICATION_ID).of(&self.name)?;
                transaction.pragma_update(None, "user_version", FORMAT).of(&self.name)?;
            }
            _ => return Err(self.name.not_a_store("a SQLite file of another application")),
        }
        transaction.commit().of(&self.name)?;
        Ok(Some(connection))
    }
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", (), |row| row.get(0))
}

impl Keys for KeyFile {
    async fn keys_of(&self, customers: &[CustomerId]) -> Result<Vec<(KeyId, Key)>, StoreError> {
        self.writing(|keys| {
            let mut find = keys
                .prepare_cached("SELECT id, secret FROM key WHERE customer = ?1 AND secret IS NOT NULL")
                .of(&self.name)?;
            let mut make = keys
                .prepare_cached("INSERT INTO key (id, customer, secret) VALUES (?1, ?2, ?3)")
                .of(&self.name)?;
            let mut found = Vec::with_capacity(customers.len());
            for customer in customers {
                let known = find.query_row([customer.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)));
                let (id, key) = if let Some((id, secret)) = known.optional().of(&self.name)? {
                    (KeyId(id), Key::from_bytes(secret))
                } else {
                    let (id, key) = (KeyId::random()?, Key::random()?);
                    make.execute((id.0, customer.as_bytes(), key.as_bytes())).of(&self.name)?;
                    (id, key)
                };
                found.push((id, key));
            }
            Ok(found)
        })
    }

    async fn named(&self, ids: &[KeyId]) -> Result<Vec<Option<Key>>, StoreError> {
        self.reading(|keys| {
            let Some(keys) = keys else {
                return if self.without { Ok(vec![None; ids.len()]) } else { Err(self.missing()) };
            };
            let mut find = keys.prepare_cached("SELECT secret FROM key WHERE id = ?1").of(&self.name)?;
            let secret = |id: &KeyId| {
                let secret = find.query_row([id.0], |row| row.get::<_, Option<_>>(0)).optional();
                Ok(secret.of(&self.name)?.ok_or_else(|| self.missing())?.map(Key::from_bytes))
            };
            ids.iter().map(secret).collect()
        })
    }

    async fn marking_key(&self) -> Result<Key, StoreError> {
        let found = "SELECT secret FROM marking";
        let known = self.reading(|keys| {
            keys.map_or(Ok(None), |keys| {
                keys.query_row(found, (), |row| row.get(0)).optional().of(&self.name)
            })
        })?;
        if let Some(secret) = known {
            return Ok(Key::from_bytes(secret));
        }
        let new = Key::random()?;
        self.writing(|keys| {
            keys.execute("INSERT OR IGNORE INTO marking VALUES (1, ?1)", [new.as_bytes()]).of(&self.name)?;
            keys.query_row(found, (), |row| row.get(0)).map(Key::from_bytes).of(&self.name)
        })
    }

    async fn mark(&self, marks: &[(Mark, CustomerId)]) -> Result<(), StoreError> {
        self.writing(|keys| {
            let mut mark = keys.prepare_cached("INSERT OR IGNORE INTO mark VALUES (?1, ?2)").of(&self.name)?;
            marks.iter().try_for_each(|(bytes, customer)| {
                mark.execute((bytes.0, customer.as_bytes())).map(drop).of(&self.name)
            })
        })
    }

    async fn marked(&self, mark: Mark) -> Result<Vec<CustomerId>, StoreError> {
        self.reading(|keys| {
            let Some(keys) = keys else { return Ok(Vec::new()) };
            let mut find = keys
                .prepare_cached("SELECT customer FROM mark WHERE mark = ?1 ORDER BY customer")
                .of(&self.name)?;
            let found = find.query_map([mark.0], |row| row.get(0).map(CustomerId::from_bytes));
            found.and_then(Iterator::collect).of(&self.name)
        })
    }

    async fn destroy(&self, customers: &[CustomerId]) -> Result<Destroyed, StoreError> {
        if self.path.is_some() && self.path().is_none() && !self.without {
            // Nothing personal was ever stored.
            return Ok(Destroyed::default());
        }
        self.writing(|keys| {
            let mut destroyed = Destroyed::default();
            for customer in customers {
                let customer = customer.as_bytes();
                destroyed.keys += keys
                    .execute(
                        "UPDATE key SET secret = NULL WHERE customer = ?1 AND secret IS NOT NULL",
                        [customer],
                    )
                    .of(&self.name)?;
                destroyed.marks +=
                    keys.execute("DELETE FROM mark WHERE customer = ?1", [customer]).of(&self.name)?;
            }
            Ok(destroyed)
        })
    }
}
