//! What an append asks for, and the one decision about it that every store takes in the same way.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::id::{CustomerId, EventId, Position, Table, Version};

/// What the writer believes about a stream. Checked only when something new is to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// Nothing: append in any case.
    #[default]
    Any,
    /// The customer has no facts yet.
    NoStream,
    /// The customer has facts.
    Exists,
    /// The stream is at exactly this version.
    Exact(Version),
}

impl Expected {
    fn holds(self, actual: Version) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual == Version(0),
            Self::Exists => actual > Version(0),
            Self::Exact(expected) => actual == expected,
        }
    }
}

impl core::fmt::Display for Expected {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no facts"),
            Self::Exists => f.write_str("some facts"),
            Self::Exact(version) => write!(f, "version {version}"),
        }
    }
}

/// Facts that are appended together or not at all, over one or more streams.
///
/// # Example
/// ```
/// use tenure_core::log::{Append, Expected, Log};
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
/// let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
/// let ann = Customer::parse("ann", "shop")?;
/// let fact = Event::new(EventId::from_foreign("shop", "1"), ann.clone(), at, CustomerEvent::SignedUp {})?;
/// let mut log = Log::new();
/// let done = log.append(&Append::new(vec![fact]).expect(ann.id(), Expected::NoStream), at)?;
/// assert_eq!(done.stored(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Append {
    events: Vec<Event>,
    expected: BTreeMap<CustomerId, Expected>,
}

impl Append {
    /// Appends these facts, whatever the streams hold.
    pub const fn new(events: Vec<Event>) -> Self {
        Self { events, expected: BTreeMap::new() }
    }

    /// Demands something of one stream.
    #[must_use]
    pub fn expect(mut self, customer: CustomerId, expected: Expected) -> Self {
        self.expected.insert(customer, expected);
        self
    }

    /// The same with each fact replaced by what is made of it, which must be about the same customer.
    #[must_use]
    pub fn map(self, each: impl FnMut(Event) -> Event) -> Self {
        Self { events: self.events.into_iter().map(each).collect(), ..self }
    }

    /// The facts, in the order in which they are to be stored.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What is demanded, and of which streams.
    pub fn expected(&self) -> impl Iterator<Item = (CustomerId, Expected)> {
        self.expected.iter().map(|(customer, expected)| (*customer, *expected))
    }

    /// Decides about every fact: known already, or new and under which version. Pure: the store says what it holds.
    ///
    /// Ids come before versions, so an append whose outcome is unknown can be sent again as it was.
    /// - All facts known with equal content: nothing is new, whatever the expectations.
    /// - Some known: they are skipped if every expectation is [`Expected::Any`], else [`AppendError::PartlyKnown`].
    /// - A fact twice in the batch with equal content is one fact.
    ///
    /// `find` gives the place of a stored fact by id and whether its content equals; `version` the version of a
    /// stream, 0 without one.
    ///
    /// # Errors
    /// The outer error is the store's own; the inner one says why the append is refused.
    pub fn decide<E>(
        &self,
        mut find: impl FnMut(&Event) -> Result<Option<Found>, E>,
        mut version: impl FnMut(CustomerId) -> Result<Version, E>,
    ) -> Result<Result<Vec<Decision>, AppendError>, E> {
        if self.events.is_empty() {
            return Ok(Err(AppendError::Empty));
        }
        let single = self.events.len() == 1;
        let mut first_of: Table<EventId, usize> = Table::default();
        let mut versions: Table<CustomerId, Version> = Table::default();
        let mut decisions = Vec::with_capacity(self.events.len());
        let mut known = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            if !single && let Some(&first) = first_of.get(&event.id()) {
                match self.events.get(first) {
                    Some(same) if same.view().same_content(&event.view()) => {
                        decisions.push(Decision::Again { index: first });
                        continue;
                    }
                    _ => return Ok(Err(AppendError::IdTaken { id: event.id(), position: None })),
                }
            }
            if let Some(found) = find(event)? {
                if !found.same {
                    return Ok(Err(AppendError::IdTaken { id: event.id(), position: Some(found.position) }));
                }
                known.push(event.id());
                decisions.push(Decision::Known { position: found.position, version: found.version });
            } else {
                let customer = event.customer().id();
                let next = match versions.get(&customer) {
                    Some(version) => *version,
                    None => version(customer)?,
                };
                let next = Version(next.0 + 1);
                if !single {
                    versions.insert(customer, next);
                }
                decisions.push(Decision::New { version: next });
            }
            if !single {
                first_of.insert(event.id(), index);
            }
        }
        if !decisions.iter().any(|decision| matches!(decision, Decision::New { .. })) {
            return Ok(Ok(decisions));
        }
        let demanding = self.expected.values().any(|expected| *expected != Expected::Any);
        if demanding && let Some(&id) = known.first() {
            return Ok(Err(AppendError::PartlyKnown { id, known: known.len(), facts: self.events.len() }));
        }
        for (&customer, &expected) in &self.expected {
            let actual = version(customer)?;
            if !expected.holds(actual) {
                return Ok(Err(AppendError::Version { customer, expected, actual }));
            }
        }
        Ok(Ok(decisions))
    }
}

impl From<Vec<Event>> for Append {
    fn from(events: Vec<Event>) -> Self {
        Self::new(events)
    }
}

impl<const N: usize> From<[Event; N]> for Append {
    fn from(events: [Event; N]) -> Self {
        Self::new(events.into())
    }
}

/// A stored fact that has the id of one to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its place in the log.
    pub position: Position,
    /// Its place in the stream.
    pub version: Version,
    /// Whether it says the same (context apart).
    pub same: bool,
}

/// What becomes of one fact of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is to be stored under this version, at the next position.
    New {
        /// Place in the stream.
        version: Version,
    },
    /// It is stored already.
    Known {
        /// Place in the log.
        position: Position,
        /// Place in the stream.
        version: Version,
    },
    /// It is the same as an earlier one of the batch.
    Again {
        /// Which one, from 0.
        index: usize,
    },
}

/// Where one fact of an append stands now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Place in the log.
    pub position: Position,
    /// Place in the stream.
    pub version: Version,
    /// Whether this append stored it; false if it was known.
    pub new: bool,
}

/// What an append did. Durable, as far as the store promises, when it is returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// One entry for each fact, in the order of the append.
    pub facts: Vec<Placed>,
    /// The last position of the log.
    pub head: Position,
}

impl Appended {
    /// The answer to an append that was decided as `decisions` on a log that ended at `head`.
    pub fn new(decisions: &[Decision], head: Position) -> Self {
        let mut facts: Vec<Placed> = Vec::with_capacity(decisions.len());
        let mut head = head;
        for decision in decisions {
            let placed = match *decision {
                Decision::New { version } => {
                    head = Position(head.0 + 1);
                    Placed { position: head, version, new: true }
                }
                Decision::Known { position, version } => Placed { position, version, new: false },
                Decision::Again { index } => match facts.get(index) {
                    Some(first) => Placed { new: false, ..*first },
                    // `decide` names an earlier fact only.
                    None => continue,
                },
            };
            facts.push(placed);
        }
        Self { facts, head }
    }

    /// How many facts were stored.
    pub fn stored(&self) -> usize {
        self.facts.iter().filter(|fact| fact.new).count()
    }

    /// Whether everything was known already, so that nothing was written.
    pub fn already_stored(&self) -> bool {
        self.stored() == 0
    }
}

/// Why an append was refused. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// There is nothing to append. **What to do:** do not append.
    #[error("the append has no facts")]
    Empty,
    /// Another writer was first, or the expectation is wrong. **What to do:** read the stream again, decide again,
    /// retry.
    #[error("customer {customer} is at version {actual}, the append expected {expected}")]
    Version {
        /// Whose stream.
        customer: CustomerId,
        /// What was expected.
        expected: Expected,
        /// What it is; 0 without facts.
        actual: Version,
    },
    /// Some facts are known and some are not, and the append expects versions. **What to do:** append the unknown
    /// ones alone, or with [`Expected::Any`].
    #[error("{known} of {facts} facts are stored already, among them {id}")]
    PartlyKnown {
        /// The first of the known ones.
        id: EventId,
        /// How many are known.
        known: usize,
        /// How many were to be appended.
        facts: usize,
    },
    /// The id names a fact with other content. **What to do:** find out which of the two is right; give the other
    /// an id of its own, or void the stored one first.
    #[error("id {id} is taken by a fact with other content{}", at(*position))]
    IdTaken {
        /// The id.
        id: EventId,
        /// Where the other fact stands; none if it is in the same append.
        position: Option<Position>,
    },
}

impl AppendError {
    /// Whether another writer's append can be the reason, so that reading again and retrying makes sense.
    pub const fn is_conflict(&self) -> bool {
        matches!(self, Self::Version { .. } | Self::PartlyKnown { .. })
    }
}

fn at(position: Option<Position>) -> String {
    position.map_or_else(|| " in the same append".into(), |position| format!(" at position {position}"))
}
