//! The append-only log in memory: the executable reference of what every store promises.
//!
//! Positions run 1, 2, 3 ... without gaps, versions do the same within a customer, `recorded_at` never decreases.

mod append;
mod block;
mod correction;
mod read;

pub use append::{Append, AppendError, Appended, Decision, Expected, Found, Placed};
pub use block::{FactBlock, Lent};
pub use correction::Corrections;
pub use read::{Cut, Direction, KnownAt, Page, Read};

pub use crate::event::KindSet;

use crate::event::{Event, RecordedView};
use crate::id::{CustomerId, CustomerKey, EventId, Position, Table, Version};
use crate::time::Timestamp;

/// Facts a block; a power of two, so that a position finds its block by a shift.
const BLOCK: usize = 4096;

/// The facts of one business, in the order in which they were recorded.
///
/// # Example
/// ```
/// use tenure_core::log::{Append, Log};
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Position, Timestamp};
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let ann = Customer::parse("ann", "shop")?;
/// let fact = Event::new(EventId::from_foreign("shop", "1"), ann, at, CustomerEvent::SignedUp {})?;
/// let mut log = Log::new();
/// log.append(&Append::new(vec![fact.clone()]), at)?;
/// assert!(log.append(&Append::new(vec![fact]), at)?.already_stored());
/// assert_eq!(log.head(), Position(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Log {
    blocks: Vec<FactBlock>,
    ids: Table<EventId, Position>,
    streams: Table<CustomerId, Stream>,
    head: Position,
    last_recorded_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default)]
struct Stream {
    key: Option<CustomerKey>,
    positions: Vec<Position>,
}

impl Log {
    /// A log without facts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The last position; 0 in an empty log.
    pub const fn head(&self) -> Position {
        self.head
    }

    /// Records facts, all or none. `now` is the clock's word; `recorded_at` never goes back, even if the clock does.
    ///
    /// # Errors
    /// [`AppendError`]; then nothing was written.
    pub fn append(&mut self, append: &Append, now: Timestamp) -> Result<Appended, AppendError> {
        self.record(append, self.last_recorded_at.map_or(now, |last| last.max(now)))
    }

    /// Records facts as a file tells them that was a log elsewhere: `recorded_at` is taken as it stands there, also
    /// where it goes back.
    ///
    /// # Errors
    /// [`AppendError`]; then nothing was written.
    pub fn restore(&mut self, append: &Append, recorded_at: Timestamp) -> Result<Appended, AppendError> {
        self.record(append, recorded_at)
    }

    fn record(&mut self, append: &Append, recorded_at: Timestamp) -> Result<Appended, AppendError> {
        let find = |event: &Event| {
            let Some(stored) = self.ids.get(&event.id()).and_then(|position| self.get(*position)) else {
                return Ok(None);
            };
            let same = stored.event.same_content(&event.view());
            Ok(Some(Found { position: stored.position, version: stored.version, same }))
        };
        let version = |customer| Ok(self.version(customer));
        let decisions = match append.decide::<core::convert::Infallible>(find, version) {
            Ok(decisions) => decisions?,
            Err(never) => match never {},
        };
        let appended = Appended::new(&decisions, self.head);
        for (event, placed) in append.events().iter().zip(&appended.facts) {
            if placed.new {
                self.push(event, *placed, recorded_at);
            }
        }
        Ok(appended)
    }

    fn push(&mut self, event: &Event, placed: Placed, recorded_at: Timestamp) {
        let stream = self.streams.entry(event.customer().id()).or_default();
        if stream.key.is_none() {
            stream.key = event.customer().key().cloned();
        }
        stream.positions.push(placed.position);
        self.ids.insert(event.id(), placed.position);
        let context = event.context().to_text();
        let fact = event.recorded((placed.position, placed.version), recorded_at, &context);
        if self.blocks.last().is_none_or(|block| block.len() == BLOCK) {
            // The first block grows with a small log; the next ones will be full.
            let full = self.blocks.last().map(FactBlock::like);
            self.blocks.push(full.unwrap_or_default());
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(&fact);
        }
        self.head = placed.position;
        self.last_recorded_at = Some(recorded_at);
    }

    /// The fact at a position.
    pub fn get(&self, position: Position) -> Option<RecordedView<'_>> {
        let index = usize::try_from(position.0.checked_sub(1)?).ok()?;
        self.blocks.get(index / BLOCK)?.get(index % BLOCK)
    }

    /// The blocks in which the facts behind a position lie.
    pub(crate) fn blocks_after(&self, position: Position) -> &[FactBlock] {
        let passed = usize::try_from(position.0).map_or(usize::MAX, |facts| facts / BLOCK);
        self.blocks.get(passed..).unwrap_or_default()
    }

    /// Where the fact with this id stands.
    pub fn find(&self, id: EventId) -> Option<RecordedView<'_>> {
        self.get(*self.ids.get(&id)?)
    }

    /// The version of a customer's stream; 0 without facts.
    pub fn version(&self, customer: CustomerId) -> Version {
        Version(self.streams.get(&customer).map_or(0, |stream| stream.positions.len() as u64))
    }

    /// The external key of a customer, where one of the facts gave it.
    pub fn key(&self, customer: CustomerId) -> Option<&CustomerKey> {
        self.streams.get(&customer)?.key.as_ref()
    }

    /// The customers, by id.
    pub fn customers(&self) -> impl Iterator<Item = CustomerId> {
        let mut all: Vec<_> = self.streams.keys().copied().collect();
        all.sort_unstable();
        all.into_iter()
    }

    /// A customer's facts in the order of their versions; none for an unknown customer.
    pub fn stream(&self, customer: CustomerId) -> impl Iterator<Item = RecordedView<'_>> {
        let positions = self.streams.get(&customer).map_or(&[][..], |stream| &stream.positions);
        positions.iter().filter_map(|position| self.get(*position))
    }

    /// All facts in the order of their positions.
    pub fn facts(&self) -> impl Iterator<Item = RecordedView<'_>> {
        self.blocks.iter().flat_map(FactBlock::iter)
    }

    /// One page.
    pub fn read(&self, read: &Read) -> Page {
        let mut page = Page { facts: FactBlock::new(), scanned_to: read.from, head: self.head };
        match read.direction {
            Direction::Forward => {
                for position in read.from.0.saturating_add(1)..=self.head.0 {
                    if page.facts.len() >= read.limit.max(1) {
                        return page;
                    }
                    self.take(read, Position(position), &mut page);
                }
            }
            Direction::Backward => {
                page.scanned_to = Position(read.from.0.min(self.head.0.saturating_add(1)));
                for position in (1..page.scanned_to.0).rev() {
                    if page.facts.len() >= read.limit.max(1) {
                        return page;
                    }
                    self.take(read, Position(position), &mut page);
                }
            }
        }
        page
    }

    fn take(&self, read: &Read, position: Position, page: &mut Page) {
        page.scanned_to = position;
        if let Some(fact) = self.get(position).filter(|fact| read.passes(fact)) {
            page.facts.push(&fact);
        }
    }
}
