//! What a read asks for and what it gets: filters, cuts in time, pages.

use serde::{Deserialize, Serialize};

use super::FactBlock;
use crate::event::{KindSet, RecordedView};
use crate::id::Position;
use crate::time::Timestamp;

/// Up to which point of the log something was known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KnownAt {
    /// Everything that is recorded.
    #[default]
    Latest,
    /// What was recorded up to and with this position.
    Position(Position),
    /// What was known at this instant: `occurred_at` plus the source's lag where that is given, else `recorded_at`,
    /// is not later.
    Instant(Timestamp),
    /// The same for a log that was recorded afterwards: every fact, corrections too, counts as known when it happened,
    /// plus the source's lag where that is given. What was recorded is not asked.
    AsOccurred(Timestamp),
}

impl KnownAt {
    /// Whether the fact was known.
    pub fn knows(self, fact: &RecordedView<'_>) -> bool {
        match self {
            Self::Latest => true,
            Self::Position(position) => fact.position <= position,
            Self::Instant(at) => fact.known_at() <= at,
            Self::AsOccurred(at) => fact.known_as_occurred() <= at,
        }
    }
}

/// The two time axes of a question: what had happened, and what was known. The default is everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cut {
    /// Facts later than this are left out. Corrections are not: they tell what we know, not what happened.
    pub as_of: Option<Timestamp>,
    /// Facts and corrections that were not known are left out.
    pub known_at: KnownAt,
}

impl Cut {
    /// All that happened up to and with an instant, as known today.
    pub const fn as_of(at: Timestamp) -> Self {
        Self { as_of: Some(at), known_at: KnownAt::Latest }
    }

    /// Whether the fact is on this side of both axes.
    pub fn holds(&self, fact: &RecordedView<'_>) -> bool {
        self.known_at.knows(fact)
            && (fact.event.kind.corrects() || self.as_of.is_none_or(|at| fact.event.occurred_at <= at))
    }
}

/// In which order a log is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Oldest position first.
    #[default]
    Forward,
    /// Newest position first.
    Backward,
}

/// One page of a log: where to begin, how much to look at, what to leave out.
///
/// # Example
/// ```
/// use tenure_core::log::{Log, Read};
/// let log = Log::new();
/// let page = log.read(&Read::all());
/// assert!(page.facts.is_empty() && page.is_last(&Read::all()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Forward: the first position is the one after this (0: from the start). Backward: the one before this
    /// ([`u64::MAX`]: from the end). A page's `scanned_to` goes here to read the next one.
    pub from: Position,
    /// The most facts of a page, at least 1.
    pub limit: usize,
    /// In which order.
    pub direction: Direction,
    /// Only facts of these kinds.
    pub kinds: KindSet,
    /// Only facts on this side of both time axes.
    pub cut: Cut,
}

impl Read {
    /// Everything, forward, 4096 facts a page.
    pub const fn all() -> Self {
        Self {
            from: Position::START,
            limit: 4096,
            direction: Direction::Forward,
            kinds: KindSet::ALL,
            cut: Cut { as_of: None, known_at: KnownAt::Latest },
        }
    }

    /// Everything, newest first.
    pub const fn backward() -> Self {
        Self { from: Position(u64::MAX), direction: Direction::Backward, ..Self::all() }
    }

    /// The same read, begun after (backward: before) a position.
    #[must_use]
    pub const fn from(self, from: Position) -> Self {
        Self { from, ..self }
    }

    /// The same read with another size of page.
    #[must_use]
    pub const fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    /// The same read of these kinds alone.
    #[must_use]
    pub const fn kinds(self, kinds: KindSet) -> Self {
        Self { kinds, ..self }
    }

    /// The same read on one side of a cut.
    #[must_use]
    pub const fn cut(self, cut: Cut) -> Self {
        Self { cut, ..self }
    }

    /// Whether a fact passes the filters.
    pub fn passes(&self, fact: &RecordedView<'_>) -> bool {
        self.kinds.contains(fact.event.kind) && self.cut.holds(fact)
    }
}

/// What one read found.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The facts that passed the filters, in the direction of the read.
    pub facts: FactBlock,
    /// The last position looked at, also where no fact passed; the `from` of the next read.
    pub scanned_to: Position,
    /// The last position of the log when the page was read.
    pub head: Position,
}

impl Page {
    /// Whether there was nothing more to look at behind this page.
    pub const fn is_last(&self, read: &Read) -> bool {
        match read.direction {
            Direction::Forward => self.scanned_to.0 >= self.head.0,
            Direction::Backward => self.scanned_to.0 <= 1,
        }
    }
}
