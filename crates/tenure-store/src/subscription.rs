//! Following a log: first what it holds, then what comes, without loss or duplicate at the seam.

use core::time::Duration;

use futures_timer::Delay;
use futures_util::Stream;
use futures_util::future::{Either, select};
use futures_util::stream::unfold;
use tenure_core::Position;
use tenure_core::log::{FactBlock, KindSet, Read};

use crate::{EventStore, StoreError};

/// How long a subscription that is up to date waits for a wake-up before it looks by itself.
const POLL: Duration = Duration::from_millis(200);

/// What a subscription gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// The next facts, at least one, in the order of positions.
    Facts(FactBlock),
    /// The log was looked through up to here, and a filter let nothing pass: worth a checkpoint.
    Progress {
        /// Where the subscription stands.
        scanned_to: Position,
    },
    /// Everything that was there is told. Comes once, when the end is reached, and again after every gap that had to be
    /// caught up.
    CaughtUp {
        /// Where the log ended.
        head: Position,
    },
}

/// Follows a log behind a position, for ever.
///
/// Polling is the truth and a wake-up only makes it quicker, so what other processes append is seen, too. Nothing is read
/// before it is asked for: a slow consumer holds one page and lets the log wait.
///
/// Keep [`scanned_to`](Self::scanned_to) after each item is dealt with, and a new subscription goes on from there.
/// Delivery is at least once; it is exactly once where that position is written
/// [together](crate::EventStore::commit) with what was made of the facts.
///
/// # Laws
/// Facts come in the order of positions, each once, none left out, whoever writes meanwhile. A future of
/// [`next`](Self::next) that is dropped loses nothing.
///
/// # Example
/// ```
/// use tenure_core::log::Append;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Position, Timestamp};
/// use tenure_store::{EventStore, Item, MemoryStore, Subscription};
/// # pollster::block_on(async {
/// let store = MemoryStore::new();
/// let ann = Customer::parse("ann", "shop")?;
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let fact = Event::new(EventId::from_foreign("shop", "1"), ann, at, CustomerEvent::SignedUp {})?;
/// store.append(Append::new(vec![fact])).await?;
///
/// let mut facts = Subscription::new(&store, Position::START);
/// assert!(matches!(facts.next().await?, Item::Facts(page) if page.len() == 1));
/// assert!(matches!(facts.next().await?, Item::CaughtUp { head: Position(1) }));
/// assert_eq!(facts.scanned_to(), Position(1));
/// // A checkpoint of another log is told and not waited for.
/// let beyond = Subscription::new(&store, Position(7)).next().await;
/// assert!(beyond.is_err_and(|error| error.to_string().contains("behind the end")));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Subscription<S> {
    store: S,
    read: Read,
    poll: Duration,
    /// Whether it was told that the end is reached, and nothing came since.
    told: bool,
}

impl<S: EventStore> Subscription<S> {
    /// All facts behind a position. Takes a store, a reference to one, or an `Arc` of one.
    pub fn new(store: S, after: Position) -> Self {
        Self { store, read: Read::all().from(after), poll: POLL, told: false }
    }

    /// Facts of these kinds alone.
    #[must_use]
    pub fn kinds(self, kinds: KindSet) -> Self {
        Self { read: self.read.kinds(kinds), ..self }
    }

    /// At most so many facts an item; at least 1.
    #[must_use]
    pub fn limit(self, facts: usize) -> Self {
        Self { read: self.read.limit(facts), ..self }
    }

    /// How long to wait for a wake-up before looking by itself: 200 ms unless said.
    #[must_use]
    pub fn poll_every(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// Up to where everything was given.
    pub const fn scanned_to(&self) -> Position {
        self.read.from
    }

    /// Goes on behind a position, for instance one that cannot be read.
    pub const fn skip_to(&mut self, position: Position) {
        self.read.from = position;
    }

    /// The next item; waits while there is none.
    ///
    /// # Errors
    /// [`StoreError::BeyondHead`] if the log ends before the checkpoint. Any other error ends nothing: the next call
    /// tries again, and after [`StoreError::Undecodable`] [`skip_to`](Self::skip_to) leads past it.
    pub async fn next(&mut self) -> Result<Item, StoreError> {
        loop {
            // Before the log is looked at, so that no commit falls in between.
            let woken = Box::pin(self.store.committed());
            let page = self.store.read(&self.read).await?;
            let (from, head) = (self.read.from, page.head);
            if from > head {
                return Err(StoreError::BeyondHead { at: from, head });
            }
            if page.scanned_to > from {
                self.read.from = page.scanned_to;
                self.told = false;
                return Ok(if page.facts.is_empty() {
                    Item::Progress { scanned_to: page.scanned_to }
                } else {
                    Item::Facts(page.facts)
                });
            }
            if !self.told {
                self.told = true;
                return Ok(Item::CaughtUp { head });
            }
            match select(woken, Delay::new(self.poll)).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    /// The items as a stream, which never ends.
    pub fn into_stream(self) -> impl Stream<Item = Result<Item, StoreError>> {
        unfold(self, |mut subscription| async {
            let item = subscription.next().await;
            Some((item, subscription))
        })
    }
}
