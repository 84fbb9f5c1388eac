//! The one writer of a handle: appends that wait together are committed together.

use core::mem;
use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use event_listener::Event;
use futures_channel::oneshot;
use rusqlite::{Connection, ErrorCode};
use tenure_core::Position;
use tenure_core::log::Appended;
use tenure_store::row::Encoded;
use tenure_store::{Clock, Commit, Committed, Groups, StoreError};

use crate::checkpoint::Checkpoints;
use crate::error::Name;
use crate::in_use;
use crate::read::{Reader, run};
use crate::row::Decoder;
use crate::transaction::{Known, Transaction};
use crate::witness::Witness;

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) commit: Commit,
    /// Of the facts of the commit.
    pub(crate) encoded: Vec<Encoded>,
    pub(crate) reply: oneshot::Sender<Answer>,
}

/// What a job is answered, once it is committed.
type Answer = Result<Committed, StoreError>;

impl Job {
    fn size(&self) -> usize {
        self.encoded.len().saturating_add(self.commit.writes().len())
    }

    fn answer(self, answer: Answer) {
        // Who does not wait any more does not want to know.
        mem::drop(self.reply.send(answer));
    }
}

pub(crate) struct Writer {
    pub(crate) reader: Arc<Mutex<Reader>>,
    pub(crate) name: Name,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) poisoned: Arc<AtomicBool>,
    /// Rung after every commit.
    pub(crate) commits: Arc<Event>,
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

/// How long the next job is looked for before the writer sleeps. To be woken takes about as long as whoever was answered
/// needs to be back with the next fact.
const AWAKE: Duration = Duration::from_micros(50);

/// The next job; none when time is up, or every handle is gone.
fn next(jobs: &Receiver<Job>, patience: Option<Duration>) -> Option<Job> {
    let begun = Instant::now();
    let awake = patience.map_or(AWAKE, |patience| patience.min(AWAKE));
    loop {
        match jobs.try_recv() {
            Ok(job) => return Some(job),
            Err(_) if begun.elapsed() >= awake => break,
            Err(_) => thread::yield_now(),
        }
    }
    match patience {
        Some(patience) => jobs.recv_timeout(patience.saturating_sub(begun.elapsed())).ok(),
        None => jobs.recv().ok(),
    }
}

/// The next group, as soon as there is one; none when every handle is gone.
fn gather(groups: &mut Groups<Job>, jobs: &Receiver<Job>) -> Option<Vec<Job>> {
    if groups.is_empty() {
        groups.add(next(jobs, None)?);
    }
    while let Some(patience) = groups.patience(Instant::now()) {
        match next(jobs, Some(patience)) {
            Some(job) => groups.add(job),
            None => break,
        }
    }
    Some(groups.take())
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
        let mut groups = Groups::new(Job::size);
        while let Some(group) = gather(&mut groups, jobs) {
            let begun = Instant::now();
            let answers = self.group(group);
            groups.committed(begun.elapsed(), jobs.try_iter(), Instant::now());
            for (job, answer) in answers {
                job.answer(answer);
            }
            self.tend();
        }
        self.leave();
    }

    /// Looks after the write-ahead log, while those who were answered come back.
    fn tend(&mut self) {
        if let Some(checkpoints) = &mut self.checkpoints
            && !self.poisoned.load(Ordering::Acquire)
        {
            let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
            checkpoints.tend(&reader.connection);
        }
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

    /// Commits a group, and gives everybody's answer.
    fn group(&mut self, jobs: Vec<Job>) -> Vec<(Job, Answer)> {
        let all = |jobs: Vec<Job>, error: &dyn Fn() -> StoreError| {
            jobs.into_iter().map(|job| (job, Err(error()))).collect()
        };
        if self.poisoned.load(Ordering::Acquire) {
            return all(jobs, &|| StoreError::Poisoned);
        }
        let reader = Arc::clone(&self.reader);
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Reader { connection, decoder, .. } = &mut *reader;
        let size = jobs.iter().map(Job::size).sum();
        if let Err(error) = self.begin(connection, decoder, size) {
            self.known = None;
            if !connection.is_autocommit() {
                let _ = run(connection, "ROLLBACK");
            }
            let error = Arc::new(error);
            return all(jobs, &|| self.name.shared(&error));
        }
        let mut answers = Vec::with_capacity(jobs.len());
        match self.write(connection, decoder, jobs, &mut answers) {
            Ok(stored) => {
                if stored {
                    self.commits.notify(usize::MAX);
                }
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
                for (_, answer) in &mut answers {
                    *answer = Err(if unknown {
                        StoreError::Unknown(Box::new(self.name.failed(&error)))
                    } else {
                        self.name.shared(&error)
                    });
                }
            }
        }
        answers
    }

    /// Takes the write lock and forgets what another process may have changed.
    fn begin(&mut self, connection: &Connection, decoder: &mut Decoder, size: usize) -> rusqlite::Result<()> {
        if let Some(checkpoints) = &mut self.checkpoints {
            checkpoints.expect(connection, size)?;
        }
        run(connection, "BEGIN IMMEDIATE")?;
        let data_version =
            connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get::<_, i64>(0))?;
        if self.known.as_ref().is_none_or(|known| known.data_version != data_version) {
            decoder.learn_kinds(connection)?;
            self.known = Some(Known::load(connection, data_version)?);
        }
        Ok(())
    }

    /// Gives whether anything was stored.
    fn write(
        &mut self,
        connection: &Connection,
        decoder: &mut Decoder,
        jobs: Vec<Job>,
        answers: &mut Vec<(Job, Answer)>,
    ) -> Result<bool, Failure> {
        let Self { name, clock, known, witness, .. } = self;
        let Some(known) = known else { return Ok(false) };
        let before = known.position;
        let mut touched = Vec::new();
        let mut changed = false;
        let mut failed = None;
        for job in jobs {
            let mut transaction = Transaction { connection, decoder, name, known, touched: &mut touched };
            let answer = match transaction.decide(&job.commit) {
                Ok(decisions) if failed.is_none() => {
                    let head = Position(transaction.known.position.unsigned_abs());
                    let committed = decisions.as_ref().map(|decisions| Appended::new(decisions, head));
                    let written =
                        transaction.insert(&job, decisions.as_deref().unwrap_or_default(), clock.now());
                    changed |= !job.commit.writes().is_empty();
                    failed = written.err();
                    Ok(committed)
                }
                // The whole group fails, whatever is answered here.
                Ok(_) => Err(StoreError::Poisoned),
                Err(refused) => Err(refused),
            };
            answers.push((job, answer));
        }
        if let Some(error) = failed {
            return Err(Failure::Nothing(error));
        }
        if known.position == before && !changed {
            // Nothing to wait for.
            return run(connection, "ROLLBACK").map_err(Failure::Nothing).map(|()| false);
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
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc::channel;

    use rusqlite::ffi;
    use tenure_core::log::Append;
    use tenure_core::{Customer, CustomerEvent, EventId, Timestamp, Version};
    use tenure_store::ManualClock;

    use super::*;
    use crate::open;
    use crate::options::Options;

    fn fact(n: u8) -> tenure_core::Event {
        let ann = Customer::parse("ann", "shop").unwrap();
        tenure_core::Event::new(EventId::from_bytes([n; 16]), ann, Timestamp::MIN, CustomerEvent::SignedUp {})
            .unwrap()
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
            commits: Arc::default(),
            known: None,
            found_in_use: false,
            checkpoints: None,
            witness: None,
            commit,
        }
    }

    fn work(writer: &mut Writer, jobs: Vec<Job>) {
        writer.group(jobs).into_iter().for_each(|(job, answer)| job.answer(answer));
    }

    fn job(append: Append, reply: oneshot::Sender<Answer>) -> Job {
        Job { encoded: Encoded::all(append.events()), commit: append.into(), reply }
    }

    fn append(n: u8) -> (Job, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let append = Append::new(vec![fact(n)]);
        (job(append, reply), answer)
    }

    fn answer_of(answer: oneshot::Receiver<Answer>) -> Result<Appended, StoreError> {
        pollster::block_on(answer).unwrap().map(Option::unwrap)
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
        work(&mut writer, vec![first, second]);
        for answer in [first_answer, second_answer] {
            let error = answer_of(answer).unwrap_err();
            assert!(matches!(error, StoreError::Unknown(_)) && error.is_retryable(), "{error:?}");
        }
        writer.commit = commit;
        let (third, third_answer) = append(3);
        work(&mut writer, vec![third]);
        assert!(matches!(answer_of(third_answer), Err(StoreError::Poisoned)));
        drop(writer);
        let mut writer = self::writer(&path, commit);
        let (again, again_answer) = append(1);
        work(&mut writer, vec![again]);
        assert!(answer_of(again_answer).unwrap().already_stored());
    }

    /// A full disk is found out before the commit counts: nothing was written, and the handle goes on.
    #[test]
    fn a_full_disk_refuses_and_does_not_poison() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory.path().join("a.db"), |_| Err(failing(ffi::SQLITE_FULL)));
        let (first, first_answer) = append(1);
        work(&mut writer, vec![first]);
        assert!(matches!(answer_of(first_answer), Err(StoreError::Backend(_))));
        writer.commit = commit;
        let (second, second_answer) = append(2);
        work(&mut writer, vec![second]);
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
        let refused = job(refused, reply);
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
        work(&mut writer, vec![first]);
        writer.commit = commit;
        let ann = Customer::parse("ann", "shop").unwrap();
        let tag = CustomerEvent::TagAdded { tag: "a".into() };
        let other = tenure_core::Event::new(EventId::from_bytes([9; 16]), ann, Timestamp::MIN, tag).unwrap();
        let append = Append::new(vec![other.clone()]);
        for already in [false, true] {
            let (reply, answer) = oneshot::channel();
            work(&mut writer, vec![job(append.clone(), reply)]);
            assert_eq!(answer_of(answer).unwrap().already_stored(), already);
        }
    }
}
