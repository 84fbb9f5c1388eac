//! The one writer of a handle: appends that wait together are committed together.

use core::mem;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use futures_channel::oneshot;
use tenure_core::log::{Append, Appended};
use tenure_store::StoreError;
use tenure_store::row::Encoded;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::{Client, Error};

use crate::error::{InStore, Shared};
use crate::known::{End, Known};
use crate::sql::Statements;
use crate::store::Inner;
use crate::transaction::{Begin, Session, WriteError, Writes, commit_now, is_refusal};

/// Facts of one commit at most; an append that is larger is a commit of its own.
const GROUPED_FACTS: usize = 16_384;

/// Facts from which on what is to be looked up is looked up before the head is locked too.
const LOOKED_UP_BEFORE: usize = 256;

/// How often a group is tried whose transaction came to nothing because the connection was lost.
const ATTEMPTS: usize = 3;

/// The wait between two attempts to find out what became of a commit.
const AGAIN: Duration = Duration::from_millis(50);

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) enum Job {
    Append { append: Append, encoded: Vec<Encoded>, reply: Reply<Appended> },
    Note { note: String, expected: Option<String>, value: String, reply: Reply<()> },
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

impl Job {
    fn facts(&self) -> usize {
        match self {
            Self::Append { encoded, .. } => encoded.len(),
            Self::Note { .. } => 1,
        }
    }

    const fn append(&self) -> Option<&Append> {
        match self {
            Self::Append { append, .. } => Some(append),
            Self::Note { .. } => None,
        }
    }

    /// Answers. Who does not wait any more does not want to know.
    fn answer(self, answer: Answer) {
        match (self, answer) {
            (Self::Append { reply, .. }, Answer::Append(answer)) => mem::drop(reply.send(answer)),
            (Self::Note { reply, .. }, Answer::Note(answer)) => mem::drop(reply.send(answer)),
            // An attempt answers each job in its own way.
            _ => {}
        }
    }

    fn refuse(self, error: StoreError) {
        match self {
            Self::Append { reply, .. } => mem::drop(reply.send(Err(error))),
            Self::Note { reply, .. } => mem::drop(reply.send(Err(error))),
        }
    }
}

/// A decided job, whose answer waits for the commit.
enum Answer {
    Append(Result<Appended, StoreError>),
    Note(Result<(), StoreError>),
}

/// Why a whole group came to nothing, or may have.
enum Failure {
    /// Nothing was written.
    Nothing { error: StoreError, lost: bool },
    /// The commit was sent and nobody knows. With facts, the end that the log has if it came through.
    Unknown { error: Error, answers: Vec<Answer>, end: Option<End> },
}

pub(crate) struct Writer {
    inner: Arc<Inner>,
    connected: Option<Connected>,
    known: Option<Known>,
}

struct Connected {
    client: Client,
    statements: Statements,
}

impl Writer {
    pub(crate) async fn new(inner: Arc<Inner>, client: Client) -> Result<Self, StoreError> {
        let mut writer = Self { inner, connected: None, known: None };
        writer.connected = Some(writer.prepare(client).await?);
        Ok(writer)
    }

    async fn prepare(&self, client: Client) -> Result<Connected, StoreError> {
        let Inner { sql, options, name, .. } = &*self.inner;
        let statements = Statements::prepare(&client, sql, options.notify).await.of(name)?;
        Ok(Connected { client, statements })
    }

    /// Works until every handle is gone.
    pub(crate) async fn work(mut self, mut jobs: UnboundedReceiver<Job>) {
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(job) => job,
                None => match jobs.recv().await {
                    Some(job) => job,
                    None => return,
                },
            };
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
            self.group(group).await;
        }
    }

    async fn group(&mut self, jobs: Vec<Job>) {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(&jobs).await {
                Ok(answers) => return answer_all(jobs, answers),
                Err(Failure::Nothing { error, lost }) => {
                    last = Some(error);
                    if !lost {
                        break;
                    }
                    self.connected = None;
                }
                Err(Failure::Unknown { error, answers, end }) => {
                    let came_through = match end {
                        Some(end) => self.came_through(end).await,
                        None => None,
                    };
                    match came_through {
                        Some(true) => return answer_all(jobs, answers),
                        Some(false) => last = Some(self.inner.name.error(error)),
                        None => {
                            let error = Arc::new(error);
                            let unknown = || StoreError::Unknown(Box::new(Shared(Arc::clone(&error))));
                            return jobs.into_iter().for_each(|job| job.refuse(unknown()));
                        }
                    }
                }
            }
        }
        if let Some(error) = last {
            refuse_all(jobs, error);
        }
    }

    /// A connection that works, as far as can be told.
    async fn connect(&mut self) -> Result<(), StoreError> {
        if self.connected.as_ref().is_some_and(|connected| !connected.client.is_closed()) {
            return Ok(());
        }
        self.connected = None;
        let client = self.inner.connector.writer(&self.inner.name, &self.inner.options).await?;
        self.connected = Some(self.prepare(client).await?);
        Ok(())
    }

    async fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Answer>, Failure> {
        self.connect().await.map_err(|error| Failure::Nothing { error, lost: false })?;
        let Self { inner, connected: Some(Connected { client, statements }), known } = self else {
            return Ok(Vec::new());
        };
        let session = Session { client, statements, log: inner.log, channel: &inner.channel };
        let done = write(session, inner, known, jobs).await;
        if done.is_err() {
            *known = None;
            if !client.is_closed() {
                // A connection on which even this fails is found out by the next attempt.
                let _ = client.batch_execute("ROLLBACK").await;
            }
        }
        done
    }

    /// Whether the commit came through after which the log ends like this; none if that cannot be found out.
    ///
    /// Whoever has the lock of the head knows: the lost transaction held it, so it is over. The link at that position
    /// is a hash over all that was written up to there.
    async fn came_through(&mut self, end: End) -> Option<bool> {
        let patience = self.inner.options.lock_timeout;
        let begun = Instant::now();
        self.connected = None;
        loop {
            if self.connect().await.is_ok()
                && let Some(Connected { client, statements }) = &self.connected
            {
                match linked(client, statements, self.inner.log, end).await {
                    Ok(answer) => return Some(answer),
                    Err(_) => self.connected = None,
                }
            }
            if begun.elapsed() > patience {
                return None;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Whether the log holds the link of this end at its position, asked under the lock of the head.
async fn linked(client: &Client, statements: &Statements, log: i32, end: End) -> Result<bool, Error> {
    client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    client.query_one(&statements.lock, &[&log]).await?;
    let row = client.query_opt(&statements.linked, &[&log, &end.position]).await?;
    client.batch_execute("ROLLBACK").await?;
    row.map_or(Ok(false), |row| Ok(row.try_get::<_, &[u8]>(0)? == end.link))
}

async fn write(
    session: Session<'_>,
    inner: &Inner,
    known: &mut Option<Known>,
    jobs: &[Job],
) -> Result<Vec<Answer>, Failure> {
    let nothing = |error: Error| {
        let lost = !is_refusal(&error);
        Failure::Nothing { error: inner.name.error(error), lost }
    };
    let appends: Vec<&Append> = jobs.iter().filter_map(Job::append).collect();
    let facts: usize = appends.iter().map(|append| append.events().len()).sum();
    if facts > LOOKED_UP_BEFORE {
        session.begin(Begin::Looking, known, &appends).await.map_err(nothing)?;
    }
    session.begin(Begin::Own, known, &appends).await.map_err(nothing)?;
    let Some(known) = known else { return Ok(Vec::new()) };
    let (mut writes, mut answers, mut changed) = (Writes::default(), Vec::with_capacity(jobs.len()), false);
    for job in jobs {
        answers.push(match job {
            Job::Append { append, encoded, .. } => {
                Answer::Append(writes.add(known, append, encoded, inner.options.clock.now()))
            }
            Job::Note { note, expected, value, .. } => {
                let put = put_note(session, note, expected.as_deref(), value).await.map_err(nothing)?;
                changed |= put.is_ok();
                Answer::Note(put)
            }
        });
    }
    let written = match (writes.is_empty(), changed) {
        (true, false) => session.client.batch_execute("ROLLBACK").await.map_err(WriteError::Nothing),
        (true, true) => commit_now(session.client).await,
        (false, _) => session.write(known, &writes, true).await,
    };
    let end = (!writes.is_empty()).then_some(known.end);
    match written {
        Ok(()) => {}
        Err(WriteError::Nothing(error)) => return Err(nothing(error)),
        Err(WriteError::Unknown(error)) => return Err(Failure::Unknown { error, answers, end }),
    }
    known.rest();
    if let Some(end) = end {
        inner.commits.heard(end.position);
    }
    Ok(answers)
}

/// The inner result is the caller's answer, the outer one the database's.
async fn put_note(
    session: Session<'_>,
    note: &str,
    expected: Option<&str>,
    value: &str,
) -> Result<Result<(), StoreError>, Error> {
    let Session { client, statements, log, .. } = session;
    let row = client.query_opt(&statements.note, &[&log, &note]).await?;
    let actual: Option<&str> = row.as_ref().map(|row| row.try_get(0)).transpose()?;
    if actual != expected {
        return Ok(Err(StoreError::NoteChanged { name: note.into(), actual: actual.map(Into::into) }));
    }
    client.execute(&statements.put_note, &[&log, &note, &value]).await?;
    Ok(Ok(()))
}

fn answer_all(jobs: Vec<Job>, answers: Vec<Answer>) {
    jobs.into_iter().zip(answers).for_each(|(job, answer)| job.answer(answer));
}

/// Gives the same error to all.
fn refuse_all(jobs: Vec<Job>, error: StoreError) {
    let mut jobs = jobs.into_iter();
    let first = jobs.next();
    jobs.for_each(|job| job.refuse(alike(&error)));
    if let Some(first) = first {
        first.refuse(error);
    }
}

/// The same error once more.
fn alike(error: &StoreError) -> StoreError {
    match error {
        StoreError::Locked { location } => StoreError::Locked { location: location.clone() },
        StoreError::Unreachable { location, what } => {
            StoreError::Unreachable { location: location.clone(), what: what.clone() }
        }
        StoreError::Unsafe { location, what } => {
            StoreError::Unsafe { location: location.clone(), what: what.clone() }
        }
        StoreError::Damaged { location, what } => {
            StoreError::Damaged { location: location.clone(), what: what.clone() }
        }
        StoreError::Backend(source) => match source.downcast_ref::<Shared>() {
            Some(shared) => StoreError::Backend(Box::new(shared.clone())),
            None => StoreError::Backend(source.to_string().into()),
        },
        error => StoreError::Backend(error.to_string().into()),
    }
}
