//! The one writer of a handle: appends that wait together are committed together.

use core::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;
use rusqlite::{Connection, ErrorCode};
use tenure_core::Position;
use tenure_core::log::{Append, Appended};
use tenure_store::{Clock, StoreError};

use crate::checkpoint::Checkpoints;
use crate::error::Name;
use crate::in_use;
use crate::read::{self, Reader, run};
use crate::row::{Decoder, Encoded};
use crate::transaction::{Known, Transaction};
use crate::witness::Witness;

/// Facts of one commit at most; an append that is larger is a commit of its own.
const GROUPED_FACTS: usize = 16_384;

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
    /// Whether the file said when it was opened that somebody writes to it.
    pub(crate) found_in_use: bool,
    /// What keeps the write-ahead log short; nothing for a log in memory.
    pub(crate) checkpoints: Option<Checkpoints>,
    /// Where it says how far it acknowledged; nowhere for a log in memory.
    pub(crate) witness: Option<Witness>,
    /// How a transaction is committed; a test makes it fail.
    pub(crate) commit: fn(&Connection) -> rusqlite::Result<()>,
}

pub(crate) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    run(connection, "COMMIT")
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
        self.leave();
    }

    /// Says in the file that nobody writes to it any more. Whoever does all the same says so again.
    fn leave(&mut self) {
        let marked = self.found_in_use || self.known.as_ref().is_some_and(|known| known.marked);
        if marked && !self.poisoned.load(Ordering::Acquire) {
            let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            // A mark that stays is no harm as long as the write-ahead log stays with it.
            if in_use::leave(&reader.connection, self.witness.as_mut()).is_err() {
                self.poisoned.store(true, Ordering::Release);
                in_use::keep_log(&reader.connection, true);
            }
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
                job.refuse(self.name.shared(&error));
            }
            if !connection.is_autocommit() {
                let _ = run(connection, "ROLLBACK");
            }
            return;
        }
        let mut answers = Vec::with_capacity(jobs.len());
        let written = self.write(connection, decoder, jobs, &mut answers);
        match written {
            Ok(()) => {
                answers.into_iter().for_each(Answer::send);
                self.checkpoints.iter_mut().for_each(|checkpoints| checkpoints.tend(connection));
            }
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
                    in_use::keep_log(connection, true);
                    self.witness.iter_mut().for_each(Witness::doubt);
                }
                let error = Arc::new(error);
                for answer in answers {
                    let error = if unknown {
                        StoreError::Unknown(Box::new(self.name.failed(&error)))
                    } else {
                        self.name.shared(&error)
                    };
                    answer.fail(error);
                }
            }
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
        let Self { name, clock, known, witness, .. } = self;
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
                    let put = put_note(connection, name, &note, expected.as_deref(), &value);
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
        let new_mark = !known.marked && in_use::mark(connection, true).map_err(Failure::Nothing)?;
        if !mem::replace(&mut known.marked, true) {
            witness.iter_mut().for_each(Witness::forget);
        }
        (self.commit)(connection).map_err(|error| match error.sqlite_error_code() {
            // Refused before a byte was written, or before the record that makes the others count.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => {
                Failure::Nothing(error)
            }
            _ => Failure::Unknown(error),
        })?;
        if let Some(witness) = witness {
            witness.claim(known.head());
        }
        if new_mark {
            in_use::settle(connection);
        }
        Ok(())
    }
}

/// The inner result is the caller's answer, the outer one the database's.
fn put_note(
    connection: &Connection,
    file: &Name,
    name: &str,
    expected: Option<&str>,
    value: &str,
) -> rusqlite::Result<Result<(), StoreError>> {
    let actual = match read::note(connection, file, name) {
        Ok(actual) => actual,
        Err(error) => return Ok(Err(error)),
    };
    if actual.as_deref() != expected {
        let actual = actual.map(Into::into);
        return Ok(Err(StoreError::NoteChanged { name: name.into(), actual }));
    }
    connection
        .prepare_cached(
            "INSERT INTO note VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET value = ?2, sum = ?3",
        )?
        .execute((name, value, read::note_sum(name, value)))?;
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::channel;
    use std::thread;

    use rusqlite::ffi;
    use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp, Version};
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
        let connection = open::file(path, &Options::new()).unwrap().connection;
        Writer {
            reader: Arc::new(Mutex::new(Reader::new(connection, name.clone()))),
            name,
            clock: Arc::new(ManualClock::new(Timestamp::MIN)),
            poisoned: Arc::default(),
            known: None,
            found_in_use: false,
            checkpoints: None,
            witness: None,
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
