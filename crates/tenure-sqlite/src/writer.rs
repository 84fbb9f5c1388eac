//! The one writer of a handle: appends that wait together are committed together.

use core::mem;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use tenure_core::log::{Append, Appended, Decision, Found};
use tenure_core::{CustomerId, Event, EventId, Position, Timestamp, Version};
use tenure_store::{Clock, StoreError};

use crate::error::{InStore, Name, Shared};
use crate::kinds::Kinds;
use crate::read::{self, Reader, run};
use crate::row::{self, Decoder, Encoded, Place};
use crate::schema::INSERT_FACT;

/// Facts of one commit at most; an append that is larger is a commit of its own.
const GROUPED_FACTS: usize = 16_384;

/// Customers whose place is remembered; beyond it all are forgotten and looked up again (about 12 MB).
const REMEMBERED_STREAMS: usize = 1 << 18;

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Job {
    Append { append: Append, encoded: Vec<Encoded>, reply: Reply<Appended> },
    Note { name: String, expected: Option<String>, value: String, reply: Reply<()> },
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

impl Job {
    fn facts(&self) -> usize {
        match self {
            Self::Append { encoded, .. } => encoded.len(),
            Self::Note { .. } => 1,
        }
    }

    fn refuse(self, error: StoreError) {
        // Who does not wait any more does not want to know.
        match self {
            Self::Append { reply, .. } => mem::drop(reply.send(Err(error))),
            Self::Note { reply, .. } => mem::drop(reply.send(Err(error))),
        }
    }
}

/// A decided job, whose answer waits for the commit.
enum Answer {
    Append(Reply<Appended>, Result<Appended, StoreError>),
    Note(Reply<()>, Result<(), StoreError>),
}

impl Answer {
    fn send(self) {
        match self {
            Self::Append(reply, answer) => mem::drop(reply.send(answer)),
            Self::Note(reply, answer) => mem::drop(reply.send(answer)),
        }
    }

    fn fail(self, error: StoreError) {
        match self {
            Self::Append(reply, _) => mem::drop(reply.send(Err(error))),
            Self::Note(reply, _) => mem::drop(reply.send(Err(error))),
        }
    }
}

pub(crate) struct Writer {
    pub(crate) reader: Arc<Mutex<Reader>>,
    pub(crate) name: Name,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) poisoned: Arc<AtomicBool>,
    pub(crate) known: Option<Known>,
    /// How a transaction is committed; a test makes it fail.
    pub(crate) commit: fn(&Connection) -> rusqlite::Result<()>,
}

pub(crate) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    run(connection, "COMMIT")
}

/// What the writer remembers of the log, true as long as nobody else writes.
#[derive(Debug)]
pub(crate) struct Known {
    data_version: i64,
    position: i64,
    link: [u8; 32],
    recorded_at: i64,
    /// The greatest id; a greater one is new for certain, so that facts in order of time are not looked up.
    greatest: Option<EventId>,
    streams: HashMap<CustomerId, (i64, i64)>,
    kinds: Kinds,
}

impl Known {
    fn load(connection: &Connection, data_version: i64) -> rusqlite::Result<Self> {
        let (position, link, recorded_at) = connection
            .prepare_cached("SELECT facts, link, recorded_at FROM head")?
            .query_row((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let greatest: Option<[u8; 16]> =
            connection.prepare_cached("SELECT max(id) FROM fact")?.query_row((), |row| row.get(0))?;
        let greatest = greatest.map(EventId::from_bytes);
        let kinds = Kinds::load(connection)?;
        Ok(Self { data_version, position, link, recorded_at, greatest, streams: HashMap::new(), kinds })
    }

    fn stream(&mut self, connection: &Connection, customer: CustomerId) -> rusqlite::Result<(i64, i64)> {
        if let Some(end) = self.streams.get(&customer) {
            return Ok(*end);
        }
        let end = read::stream_end(connection, customer)?.unwrap_or_default();
        self.streams.insert(customer, end);
        Ok(end)
    }

    /// Sets the end of a stream and gives its last position before.
    fn moved(
        &mut self,
        connection: &Connection,
        customer: CustomerId,
        end: (i64, i64),
    ) -> rusqlite::Result<i64> {
        if let Some(known) = self.streams.get_mut(&customer) {
            return Ok(mem::replace(known, end).1);
        }
        let (_, last) = self.stream(connection, customer)?;
        self.streams.insert(customer, end);
        Ok(last)
    }
}

/// Why a whole group failed.
enum Failure {
    /// Nothing was written.
    Nothing(rusqlite::Error),
    /// The commit was tried, and nobody knows.
    Unknown(rusqlite::Error),
}

impl Writer {
    /// Works until every handle is gone.
    pub(crate) fn work(mut self, jobs: &Receiver<Job>) {
        let mut held = None;
        while let Some(first) = held.take().or_else(|| jobs.recv().ok()) {
            let mut facts = first.facts();
            let mut group = vec![first];
            while facts < GROUPED_FACTS {
                match jobs.try_recv() {
                    Ok(job) if facts.saturating_add(job.facts()) <= GROUPED_FACTS => {
                        facts += job.facts();
                        group.push(job);
                    }
                    Ok(job) => {
                        held = Some(job);
                        break;
                    }
                    Err(_) => break,
                }
            }
            self.group(group);
        }
    }

    fn group(&mut self, jobs: Vec<Job>) {
        if self.poisoned.load(Ordering::Acquire) {
            for job in jobs {
                job.refuse(StoreError::Poisoned);
            }
            return;
        }
        let reader = Arc::clone(&self.reader);
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Reader { connection, decoder, .. } = &mut *reader;
        if let Err(error) = self.begin(connection, decoder) {
            self.known = None;
            let error = Arc::new(error);
            for job in jobs {
                job.refuse(self.shared(&error));
            }
            if !connection.is_autocommit() {
                let _ = run(connection, "ROLLBACK");
            }
            return;
        }
        let mut answers = Vec::with_capacity(jobs.len());
        let written = self.write(connection, decoder, jobs, &mut answers);
        match written {
            Ok(()) => answers.into_iter().for_each(Answer::send),
            Err(failure) => {
                self.known = None;
                decoder.forget_kinds();
                // SQLite has rolled back already where it could not go on.
                if !connection.is_autocommit() {
                    let _ = run(connection, "ROLLBACK");
                }
                let (error, unknown) = match failure {
                    Failure::Nothing(error) => (error, false),
                    Failure::Unknown(error) => (error, true),
                };
                // After a failed sync the system may have dropped what it could not write and reports success the
                // next time, so nothing this handle says can be believed any more.
                if unknown || error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
                    self.poisoned.store(true, Ordering::Release);
                }
                let error = Arc::new(error);
                for answer in answers {
                    let error = if unknown {
                        StoreError::Unknown(Box::new(Shared(Arc::clone(&error))))
                    } else {
                        self.shared(&error)
                    };
                    answer.fail(error);
                }
            }
        }
    }

    fn shared(&self, error: &Arc<rusqlite::Error>) -> StoreError {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Locked { file: self.name.0.clone() }
            }
            Some(ErrorCode::DatabaseCorrupt) => self.name.damaged(&error.to_string()),
            _ => StoreError::Backend(Box::new(Shared(Arc::clone(error)))),
        }
    }

    /// Takes the write lock and forgets what another process may have changed.
    fn begin(&mut self, connection: &Connection, decoder: &mut Decoder) -> rusqlite::Result<()> {
        run(connection, "BEGIN IMMEDIATE")?;
        let data_version =
            connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get::<_, i64>(0))?;
        if self.known.as_ref().is_none_or(|known| known.data_version != data_version) {
            decoder.learn_kinds(connection)?;
            self.known = Some(Known::load(connection, data_version)?);
        }
        Ok(())
    }

    fn write(
        &mut self,
        connection: &Connection,
        decoder: &mut Decoder,
        jobs: Vec<Job>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        let Self { name, clock, known, .. } = self;
        let Some(known) = known else { return Ok(()) };
        let before = known.position;
        let mut touched = Vec::new();
        let mut changed = false;
        let mut failed = None;
        for job in jobs {
            match job {
                Job::Append { append, encoded, reply } => {
                    let mut transaction =
                        Transaction { connection, decoder, name, known, touched: &mut touched };
                    let answer = match transaction.decide(&append) {
                        Ok(decisions) if failed.is_none() => {
                            let head = Position(transaction.known.position.unsigned_abs());
                            let appended = Appended::new(&decisions, head);
                            failed =
                                transaction.insert(append.events(), &encoded, &decisions, clock.now()).err();
                            Ok(appended)
                        }
                        Ok(_) => Err(StoreError::Poisoned),
                        Err(refused) => Err(refused),
                    };
                    answers.push(Answer::Append(reply, answer));
                }
                Job::Note { name: note, expected, value, reply } => {
                    let put = put_note(connection, &note, expected.as_deref(), &value);
                    let answer = match put {
                        Ok(answer) => {
                            changed |= answer.is_ok();
                            answer
                        }
                        Err(error) => {
                            failed = failed.or(Some(error));
                            Ok(())
                        }
                    };
                    answers.push(Answer::Note(reply, answer));
                }
            }
        }
        if let Some(error) = failed {
            return Err(Failure::Nothing(error));
        }
        if known.position == before && !changed {
            // Nothing to wait for.
            return run(connection, "ROLLBACK").map_err(Failure::Nothing);
        }
        known.finish(connection, touched).map_err(Failure::Nothing)?;
        (self.commit)(connection).map_err(|error| match error.sqlite_error_code() {
            // Refused before a byte was written, or before the record that makes the others count.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => {
                Failure::Nothing(error)
            }
            _ => Failure::Unknown(error),
        })
    }
}

impl Known {
    /// Writes the ends of streams and log.
    fn finish(&mut self, connection: &Connection, mut touched: Vec<CustomerId>) -> rusqlite::Result<()> {
        touched.sort_unstable();
        touched.dedup();
        let mut put = connection.prepare_cached(
            "INSERT INTO stream (customer, version, last) VALUES (?1, ?2, ?3)
             ON CONFLICT (customer) DO UPDATE SET version = excluded.version, last = excluded.last",
        )?;
        for customer in touched {
            let (version, last) = self.streams.get(&customer).copied().unwrap_or_default();
            put.execute(params![customer.as_bytes(), version, last])?;
        }
        connection
            .prepare_cached("UPDATE head SET facts = ?1, link = ?2, recorded_at = ?3")?
            .execute(params![self.position, self.link, self.recorded_at])?;
        if self.streams.len() > REMEMBERED_STREAMS {
            self.streams.clear();
        }
        Ok(())
    }
}

/// What deciding and inserting need of the writer.
struct Transaction<'a> {
    connection: &'a Connection,
    decoder: &'a mut Decoder,
    name: &'a Name,
    known: &'a mut Known,
    touched: &'a mut Vec<CustomerId>,
}

impl Transaction<'_> {
    fn decide(&mut self, append: &Append) -> Result<Vec<Decision>, StoreError> {
        let Self { connection, decoder, name, known, .. } = self;
        let greatest = known.greatest;
        let mut find = read::find(connection).of(name)?;
        let find = |event: &Event| {
            if greatest.is_none_or(|greatest| event.id() > greatest) {
                return Ok::<_, StoreError>(None);
            }
            let position: Option<i64> =
                find.query_row([event.id().as_bytes()], |row| row.get(0)).optional().of(name)?;
            let Some(position) = position else { return Ok(None) };
            let stored = Reader::fact(connection, decoder, name, position)?;
            Ok(stored.get(0).map(|stored| Found {
                position: stored.position,
                version: stored.version,
                same: stored.event.same_content(&event.view()),
            }))
        };
        let version = |customer| {
            let (version, _) = known.stream(connection, customer).of(name)?;
            Ok(Version(version.unsigned_abs()))
        };
        Ok(append.decide(find, version)??)
    }

    fn insert(
        &mut self,
        events: &[Event],
        encoded: &[Encoded],
        decisions: &[Decision],
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let known = &mut *self.known;
        let recorded_at = known.recorded_at.max(now.as_micros());
        let mut insert = self.connection.prepare_cached(INSERT_FACT)?;
        for ((event, encoded), decision) in events.iter().zip(encoded).zip(decisions) {
            let Decision::New { version } = decision else { continue };
            let customer = event.customer().id();
            let position = known.position.saturating_add(1);
            let version = i64::try_from(version.0).unwrap_or(i64::MAX);
            let previous = known.moved(self.connection, customer, (version, position))?;
            let place = Place { position, version, previous, recorded_at };
            let link = place.link(&known.link, &encoded.digest);
            let content = row::content(event);
            let kind = known.kinds.ordinal(self.connection, event.view().kind, content.kind)?;
            insert.execute(params![
                place.position,
                place.version,
                place.previous,
                content.id.as_bytes(),
                content.customer.as_bytes(),
                content.customer_key,
                content.occurred_at,
                place.recorded_at,
                kind,
                content.schema,
                content.subject,
                content.minor,
                content.currency,
                content.number,
                content.channel,
                content.actor,
                not_empty(event.stored_data()),
                not_empty(&encoded.context),
                place.header_sum(encoded.content_sum),
                encoded.body_sum,
                link,
            ])?;
            known.position = place.position;
            known.link = link;
            known.recorded_at = recorded_at;
            known.greatest = known.greatest.max(Some(content.id));
            self.touched.push(customer);
        }
        // A name that is new to the file is new to who reads its facts on this connection.
        self.decoder.learn_kinds(self.connection)
    }
}

const fn not_empty(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}

/// The inner result is the caller's answer, the outer one the database's.
fn put_note(
    connection: &Connection,
    name: &str,
    expected: Option<&str>,
    value: &str,
) -> rusqlite::Result<Result<(), StoreError>> {
    let actual = read::note(connection, name)?;
    if actual.as_deref() != expected {
        let actual = actual.map(Into::into);
        return Ok(Err(StoreError::NoteChanged { name: name.into(), actual }));
    }
    connection
        .prepare_cached("INSERT INTO note VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2")?
        .execute((name, value))?;
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::channel;
    use std::thread;

    use rusqlite::ffi;
    use tenure_core::{Customer, CustomerEvent};
    use tenure_store::ManualClock;

    use super::*;
    use crate::open;
    use crate::options::Options;

    fn fact(n: u8) -> Event {
        let ann = Customer::parse("ann", "shop").unwrap();
        Event::new(EventId::from_bytes([n; 16]), ann, Timestamp::MIN, CustomerEvent::SignedUp {}).unwrap()
    }

    fn failing(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
    }

    fn writer(path: &Path, commit: fn(&Connection) -> rusqlite::Result<()>) -> Writer {
        let name = Name::of(path);
        let connection = open::file(path, &Options::new()).unwrap();
        Writer {
            reader: Arc::new(Mutex::new(Reader::new(connection, name.clone()))),
            name,
            clock: Arc::new(ManualClock::new(Timestamp::MIN)),
            poisoned: Arc::default(),
            known: None,
            commit,
        }
    }

    fn append(n: u8) -> (Job, oneshot::Receiver<Result<Appended, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        let append = Append::new(vec![fact(n)]);
        (Job::Append { encoded: Encoded::all(append.events()), append, reply }, answer)
    }

    fn answer_of(answer: oneshot::Receiver<Result<Appended, StoreError>>) -> Result<Appended, StoreError> {
        pollster::block_on(answer).unwrap()
    }

    /// After a failed sync nothing that the handle says can be believed: what was being stored is unknown, what comes
    /// later is refused, and a new handle finds out.
    #[test]
    fn a_failed_sync_poisons_the_handle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        // The write itself came through.
        let mut writer = writer(&path, |connection| {
            commit(connection)?;
            Err(failing(ffi::SQLITE_IOERR_FSYNC))
        });
        let (first, first_answer) = append(1);
        let (second, second_answer) = append(2);
        writer.group(vec![first, second]);
        for answer in [first_answer, second_answer] {
            let error = answer_of(answer).unwrap_err();
            assert!(matches!(error, StoreError::Unknown(_)) && error.is_retryable(), "{error:?}");
        }
        writer.commit = commit;
        let (third, third_answer) = append(3);
        writer.group(vec![third]);
        assert!(matches!(answer_of(third_answer), Err(StoreError::Poisoned)));
        drop(writer);
        let mut writer = self::writer(&path, commit);
        let (again, again_answer) = append(1);
        writer.group(vec![again]);
        assert!(answer_of(again_answer).unwrap().already_stored());
    }

    /// A full disk is found out before the commit counts: nothing was written, and the handle goes on.
    #[test]
    fn a_full_disk_refuses_and_does_not_poison() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory.path().join("a.db"), |_| Err(failing(ffi::SQLITE_FULL)));
        let (first, first_answer) = append(1);
        writer.group(vec![first]);
        assert!(matches!(answer_of(first_answer), Err(StoreError::Backend(_))));
        writer.commit = commit;
        let (second, second_answer) = append(2);
        writer.group(vec![second]);
        let placed = answer_of(second_answer).unwrap().facts;
        assert_eq!((placed[0].position, placed[0].version), (Position(1), Version(1)));
    }

    /// One refused append of a group leaves the others as they are, and all share one commit.
    #[test]
    fn a_refused_append_does_not_spoil_its_group() {
        use std::sync::atomic::AtomicUsize;
        static COMMITS: AtomicUsize = AtomicUsize::new(0);
        let directory = tempfile::tempdir().unwrap();
        let writer = writer(&directory.path().join("a.db"), |connection| {
            COMMITS.fetch_add(1, Ordering::Relaxed);
            commit(connection)
        });
        let (jobs, waiting) = channel();
        let (first, first_answer) = append(1);
        let (reply, refused_answer) = oneshot::channel();
        let expected = tenure_core::log::Expected::Exact(Version(7));
        let refused = Append::new(vec![fact(2)]).expect(fact(2).customer().id(), expected);
        let refused = Job::Append { encoded: Encoded::all(refused.events()), append: refused, reply };
        let (third, third_answer) = append(3);
        for job in [first, refused, third] {
            jobs.send(job).unwrap();
        }
        drop(jobs);
        thread::spawn(move || writer.work(&waiting)).join().unwrap();
        assert_eq!(answer_of(first_answer).unwrap().head, Position(1));
        assert!(answer_of(refused_answer).unwrap_err().is_conflict());
        assert_eq!(answer_of(third_answer).unwrap().head, Position(2));
        assert_eq!(COMMITS.load(Ordering::Relaxed), 1);
    }

    /// A kind that was new to a file in a transaction that came to nothing must not keep its number.
    #[test]
    fn a_kind_of_a_failed_commit_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory.path().join("a.db"), |_| Err(failing(ffi::SQLITE_FULL)));
        let (first, _) = append(1);
        writer.group(vec![first]);
        writer.commit = commit;
        let ann = Customer::parse("ann", "shop").unwrap();
        let tag = CustomerEvent::TagAdded { tag: "a".into() };
        let other = Event::new(EventId::from_bytes([9; 16]), ann, Timestamp::MIN, tag).unwrap();
        let append = Append::new(vec![other.clone()]);
        for already in [false, true] {
            let (reply, answer) = oneshot::channel();
            let encoded = Encoded::all(append.events());
            writer.group(vec![Job::Append { append: append.clone(), encoded, reply }]);
            assert_eq!(answer_of(answer).unwrap().already_stored(), already);
        }
    }
}
