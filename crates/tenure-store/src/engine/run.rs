//! An engine that keeps itself up to date: what a service starts once, and stops.

use core::time;
use std::sync::Arc;

use futures_timer::Delay;
use futures_util::future::{Either, select};
use tenure_core::{Duration, Timestamp};

use super::{Engine, EngineError, Notice};
use crate::kept::{KeptError, Lease};
use crate::{Clock, EventStore};

/// How an engine runs.
///
/// # Example
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use tenure_core::Policy;
/// use tenure_store::{Engine, MemoryStore, Run, SystemClock};
/// # pollster::block_on(async {
/// let policy = Policy::preset("retail").ok_or("no such preset")?;
/// let engine = Engine::open(MemoryStore::new(), policy).await?;
/// let run = Run::new(Arc::new(SystemClock)).every(Duration::from_millis(50)).grace("5m".parse()?);
/// // Until the service is told to stop: here at once.
/// engine.run(&run, core::future::ready(()), |notices| println!("{notices:?}")).await?;
/// assert!(engine.checkpoint().advanced_to.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Run {
    clock: Arc<dyn Clock>,
    every: time::Duration,
    grace: Duration,
    lease: Option<(Box<str>, Duration)>,
}

impl Run {
    /// Under a clock; looking at least every second, without grace and without a lease.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, every: time::Duration::from_secs(1), grace: Duration::ZERO, lease: None }
    }

    /// How long to wait at most before looking at log and clock again, whether or not somebody tells of a commit.
    #[must_use]
    pub fn every(self, every: time::Duration) -> Self {
        Self { every, ..self }
    }

    /// How far behind the clock time is let pass, so that facts that are a little late still come before silence is told of.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Works only while it holds the [lease](Lease) of what it keeps, under a name of its own such as that of the host, and
    /// stands by otherwise. Of several services one does the work then, and another goes on when it is gone. Only for an
    /// engine that [keeps](Engine::open_kept) its states.
    #[must_use]
    pub fn lease(self, holder: &str, length: Duration) -> Self {
        Self { lease: Some((holder.into(), length)), ..self }
    }

    fn now(&self) -> Timestamp {
        let micros = self.clock.now().as_micros().saturating_sub(self.grace.as_micros());
        Timestamp::from_micros(micros).unwrap_or(Timestamp::MIN)
    }
}

impl<S: EventStore> Engine<S> {
    /// Takes in what others append and lets time pass, until `stop` is ready; `heard` is given what changed.
    ///
    /// A step that was begun is finished, and a lease is given back. What is kept needs no more than that: whoever opens an
    /// engine next goes on there.
    ///
    /// # Errors
    /// The first of [`refresh`](Self::refresh) and [`advance`](Self::advance); run it again when the reason is gone.
    pub async fn run(
        &self,
        run: &Run,
        stop: impl Future<Output = ()> + Send,
        mut heard: impl FnMut(Vec<Notice>) + Send,
    ) -> Result<(), EngineError> {
        let mut stop = Box::pin(stop);
        let mut lease = None;
        let mut was_woken = false;
        loop {
            let woken = Box::pin(self.store().committed());
            if self.may_work(run, &mut lease).await? {
                // How far time has passed is kept, too, and that is a commit: if each commit let time pass, it would wake
                // itself for ever.
                let now = run.now();
                let is_due = self.next_due().is_some_and(|due| due <= now);
                let notices = if was_woken && !is_due {
                    self.refresh().await?
                } else {
                    self.advance(now).await?.notices
                };
                if !notices.is_empty() {
                    heard(notices);
                }
            } else {
                self.follow().await?;
            }
            let wait = select(woken, Delay::new(self.pause(run)));
            match select(stop, wait).await {
                Either::Left(_) => break,
                Either::Right((first, still)) => {
                    was_woken = matches!(first, Either::Left(_));
                    stop = still;
                }
            }
        }
        match lease {
            Some(lease) => Ok(lease.release(self.store()).await?),
            None => Ok(()),
        }
    }

    /// Whether this engine is the one that works; renews the lease when half of it has passed.
    async fn may_work(&self, run: &Run, lease: &mut Option<Lease>) -> Result<bool, EngineError> {
        let (Some((holder, length)), Some(name)) = (&run.lease, self.kept_as()) else { return Ok(true) };
        let now = run.clock.now();
        let left = |lease: &Lease| lease.until().as_micros().saturating_sub(now.as_micros());
        if lease.as_ref().is_some_and(|lease| left(lease) > length.as_micros() / 2) {
            return Ok(true);
        }
        match Lease::acquire(self.store(), name, holder, now, *length).await {
            Ok(taken) => {
                *lease = Some(taken);
                Ok(true)
            }
            Err(KeptError::Held(_)) => {
                *lease = None;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Until the next instant at which something is due, or until it is time to look again.
    fn pause(&self, run: &Run) -> time::Duration {
        let due = self.next_due().map(|due| due.as_micros().saturating_sub(run.now().as_micros()));
        let due = due.map(|micros| time::Duration::from_micros(u64::try_from(micros).unwrap_or(0)));
        due.map_or(run.every, |due| due.min(run.every))
    }
}
