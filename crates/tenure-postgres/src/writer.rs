//! The one writer of a handle: appends that wait together are committed together.

use core::iter::{from_fn, once};
use core::mem;
use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use futures_channel::oneshot;
use futures_timer::Delay;
use futures_util::future::{Either, select};
use tenure_core::Position;
use tenure_core::log::Append;
use tenure_store::row::Encoded;
use tenure_store::{Commit, Committed, Groups, StoreError};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::{Client, Error};

use crate::entries::Beside;
use crate::error::{InStore, Shared};
use crate::known::{End, Known};
use crate::raw::Inner;
use crate::sql::Statements;
use crate::transaction::{Begin, Session, WriteError, Writes, commit_now, is_refusal};

/// Facts from which on what is to be looked up is looked up before the head is locked too.
const LOOKED_UP_BEFORE: usize = 256;

/// How often a group is tried whose transaction came to nothing because the connection was lost.
const ATTEMPTS: usize = 3;

/// The wait between two attempts to find out what became of a commit.
const AGAIN: Duration = Duration::from_millis(50);

/// What the writer is asked for.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) commit: Commit,
    /// Of the facts of the commit.
    pub(crate) encoded: Vec<Encoded>,
    pub(crate) reply: oneshot::Sender<Answer>,
}

/// A decided job's, which waits for the commit.
pub(crate) type Answer = Result<Committed, StoreError>;

impl Job {
    fn size(&self) -> usize {
        self.encoded.len().saturating_add(self.commit.writes().len())
    }

    /// Answers. Who does not wait any more does not want to know.
    fn answer(self, answer: Answer) {
        mem::drop(self.reply.send(answer));
    }
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
        let mut groups = Groups::new(Job::size);
        while let Some(group) = gather(&mut groups, &mut jobs).await {
            let begun = Instant::now();
            let answers = self.group(&group).await;
            let came = from_fn(|| jobs.try_recv().ok());
            groups.committed(begun.elapsed(), came, Instant::now());
            group.into_iter().zip(answers).for_each(|(job, answer)| job.answer(answer));
        }
    }

    /// Commits a group, and gives everybody's answer.
    async fn group(&mut self, jobs: &[Job]) -> Vec<Answer> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(jobs).await {
                Ok(answers) => return answers,
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
                        Some(true) => return answers,
                        Some(false) => last = Some(self.inner.name.error(error)),
                        None => {
                            let error = Arc::new(error);
                            let unknown = || StoreError::Unknown(Box::new(Shared(Arc::clone(&error))));
                            return jobs.iter().map(|_| Err(unknown())).collect();
                        }
                    }
                }
            }
        }
        // There is one: whoever is here has tried.
        let error = last.unwrap_or(StoreError::Poisoned);
        let others: Vec<Answer> = jobs.iter().skip(1).map(|_| Err(alike(&error))).collect();
        once(Err(error)).chain(others).collect()
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

/// The next group, as soon as there is one; none when every handle is gone.
async fn gather(groups: &mut Groups<Job>, jobs: &mut UnboundedReceiver<Job>) -> Option<Vec<Job>> {
    if groups.is_empty() {
        groups.add(jobs.recv().await?);
    }
    while let Some(patience) = groups.patience(Instant::now()) {
        let job = match jobs.try_recv() {
            Ok(job) => Some(job),
            Err(_) if patience.is_zero() => None,
            // The runtime's own timer counts in milliseconds.
            Err(_) => match select(pin!(jobs.recv()), Delay::new(patience)).await {
                Either::Left((job, _)) => job,
                Either::Right(_) => None,
            },
        };
        match job {
            Some(job) => groups.add(job),
            None => break,
        }
    }
    Some(groups.take())
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
    let appends: Vec<&Append> = jobs.iter().filter_map(|job| job.commit.facts()).collect();
    let facts: usize = appends.iter().map(|append| append.events().len()).sum();
    if facts > LOOKED_UP_BEFORE {
        session.begin(Begin::Looking, known, &appends).await.map_err(nothing)?;
    }
    session.begin(Begin::Own, known, &appends).await.map_err(nothing)?;
    let Some(known) = known else { return Ok(Vec::new()) };
    let commits = jobs.iter().map(|job| &job.commit);
    let mut beside = Beside::read(session, commits).await.map_err(nothing)?;
    let (mut writes, mut answers) = (Writes::default(), Vec::with_capacity(jobs.len()));
    for Job { commit, encoded, .. } in jobs {
        let head = Position(known.end.position.unsigned_abs());
        let answer = beside.check(commit, head).and_then(|()| {
            let add = |append| writes.add(known, append, encoded, inner.options.clock.now());
            commit.facts().map(add).transpose()
        });
        if answer.is_ok() {
            beside.take(commit);
        }
        answers.push(answer);
    }
    if !beside.is_empty() {
        beside.write(session).await.map_err(nothing)?;
    }
    let written = match (writes.is_empty(), beside.is_empty()) {
        (true, true) => session.client.batch_execute("ROLLBACK").await.map_err(WriteError::Nothing),
        (true, false) => commit_now(session.client).await,
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
