//! What was told, to be read by whoever acts on it.

use core::time::Duration;

use futures_timer::Delay;
use futures_util::future::select;
use serde::{Deserialize, Serialize};

use super::change::Notice;
use crate::kept::{KeptError, ProjectionName, live_generation, read_kept};
use crate::{Commit, EventStore, StoreError};

/// Changes that are read at once.
const PAGE: usize = 256;

/// How long a reader that is up to date waits for a wake-up before it looks by itself.
const POLL: Duration = Duration::from_millis(200);

/// What an engine has told under a name, in order, for ever: each change once, whoever computed it.
///
/// The changes stand in the store, written in the same transaction as the checkpoint behind which they were found. A
/// reader that keeps the number of the last one that it dealt with, by [`acknowledge`](Self::acknowledge) or with work of
/// its own, misses none. Delivery is at least once; [`Change::id`](super::Change::id) tells a change that comes again.
///
/// # Example
/// ```
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
/// use tenure_store::{Changes, Engine, Keep, MemoryStore};
/// # pollster::block_on(async {
/// let store = std::sync::Arc::new(MemoryStore::new());
/// let policy = Policy::preset("retail").ok_or("no such preset")?;
/// let engine = Engine::open_kept(store.clone(), policy, Keep::under("lifecycle")?).await?;
/// let ann = Customer::parse("ann", "shop")?;
/// let order = CustomerEvent::OrderPlaced { order: Some("o-77".into()), total: None, lines: vec![] };
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// engine.record([Event::new(EventId::from_foreign("shop", "o-77"), ann, at, order)?]).await?;
///
/// let mut mailer = Changes::of_reader(store.clone(), "lifecycle".parse()?, "mailer").await?;
/// let told = mailer.next().await?;
/// let to: Vec<_> = told.iter().filter_map(|told| told.notice.change().to()).collect();
/// assert_eq!(to, ["prospect", "new"]);
/// mailer.acknowledge(told[1].number).await?; // after the mails are sent
/// let again = Changes::of_reader(store, "lifecycle".parse()?, "mailer").await?;
/// assert_eq!(again.after(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Changes<S> {
    store: S,
    name: ProjectionName,
    after: u64,
    reader: Box<str>,
    /// What stands in the store of the reader.
    acknowledged: Option<Vec<u8>>,
    poll: Duration,
}

/// A change that was told, and its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// From 1, without gaps.
    pub number: u64,
    /// What was told.
    pub notice: Notice,
}

impl<S: EventStore> Changes<S> {
    /// Goes on behind what a reader has acknowledged; from the first change on if nothing was.
    ///
    /// # Errors
    /// If the store fails, or holds something else in its place.
    pub async fn of_reader(store: S, name: ProjectionName, reader: &str) -> Result<Self, KeptError> {
        let acknowledged = store.entries(&[name.reader(reader)]).await?.pop().flatten();
        let after = acknowledged.as_deref().map(|value| read_kept(&name, value)).transpose()?.unwrap_or(0);
        Ok(Self { store, name, after, reader: reader.into(), acknowledged, poll: POLL })
    }

    /// How long to wait for a wake-up before looking by itself: 200 ms unless said.
    #[must_use]
    pub fn poll_every(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// Goes on behind a change, whatever was acknowledged.
    #[must_use]
    pub fn behind(self, number: u64) -> Self {
        Self { after: number, ..self }
    }

    /// The number of the last change that was given.
    pub const fn after(&self) -> u64 {
        self.after
    }

    /// The next changes, at least one; waits while there is none.
    ///
    /// # Errors
    /// If the store fails; the next call tries again.
    pub async fn next(&mut self) -> Result<Vec<Told>, KeptError> {
        loop {
            let woken = Box::pin(self.store.committed());
            let told = self.read().await?;
            if let Some(last) = told.last() {
                self.after = last.number;
                return Ok(told);
            }
            let _ = select(woken, Delay::new(self.poll)).await;
        }
    }

    /// The next changes that are there already, some of them; none at the end.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn waiting(&mut self) -> Result<Vec<Told>, KeptError> {
        let told = self.read().await?;
        self.after = told.last().map_or(self.after, |last| last.number);
        Ok(told)
    }

    async fn read(&self) -> Result<Vec<Told>, KeptError> {
        let after = self.after.to_be_bytes();
        let entries = self.store.scan(&self.name.changes(), &[], Some(&after), PAGE).await?;
        let told = entries.iter().map(|(key, value)| {
            let number = <[u8; 8]>::try_from(&**key).map_or(0, u64::from_be_bytes);
            Ok(Told { number, notice: read_kept(&self.name, value)? })
        });
        told.collect()
    }

    /// Writes down that everything up to a number is dealt with.
    ///
    /// # Errors
    /// [`StoreError::EntryChanged`] if another reader of the same name has: two do the same work.
    pub async fn acknowledge(&mut self, number: u64) -> Result<(), KeptError> {
        let key = self.name.reader(&self.reader);
        let value = number.to_string().into_bytes();
        let commit = Commit::new().expect(key.clone(), self.acknowledged.clone()).put(key, value.clone());
        match self.store.commit(commit).await {
            Ok(_) => {}
            // Sent again after an answer that was lost.
            Err(StoreError::EntryChanged { actual, .. }) if actual.as_ref() == Some(&value) => {}
            Err(error) => return Err(error.into()),
        }
        self.acknowledged = Some(value);
        Ok(())
    }

    /// Removes changes up to a number from the store, for good, and gives how many. A reader that has not dealt with them
    /// will not see them.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget(&self, up_to: u64) -> Result<u64, KeptError> {
        let mut forgotten = 0;
        loop {
            let page = self.store.scan(&self.name.changes(), &[], None, PAGE).await?;
            let old =
                page.iter().filter_map(|(key, _)| <[u8; 8]>::try_from(&**key).ok().map(u64::from_be_bytes));
            let old: Vec<u64> = old.filter(|number| *number <= up_to).collect();
            if old.is_empty() {
                return Ok(forgotten);
            }
            forgotten += old.len() as u64;
            let remove =
                old.iter().fold(Commit::new(), |commit, number| commit.remove(self.name.change(*number)));
            self.store.commit(remove).await?;
        }
    }

    /// How many changes were told in all; 0 where nothing is kept under the name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn told(&self) -> Result<u64, KeptError> {
        Ok(live_generation(&self.store, &self.name).await?.map_or(0, |live| live.changes))
    }
}
