//! One pass over a log, page by page, past facts that cannot be read if that is wanted.

use serde::{Deserialize, Serialize};
use tenure_core::Position;
use tenure_core::log::{Cut, FactBlock, Read};

use crate::{EventStore, StoreError};

/// What is done about a fact that cannot be read: of a newer schema, or damaged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnUnreadable {
    /// Nothing is taken in behind it until it can be read.
    #[default]
    Stop,
    /// It is left out and [parked](Parked), and the log goes on behind it. Later it can be repaired and the projection
    /// rebuilt.
    Park,
}

/// A fact that was left out of a projection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Where it stands in the log.
    pub position: Position,
    /// Why it could not be read.
    pub why: String,
}

impl Parked {
    /// As it is kept.
    pub(crate) fn encode(&self) -> Vec<u8> {
        // A number and a text always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// One pass over a store, in pages, up to a position.
pub(crate) struct Scan {
    pub read: Read,
    /// What was left out on the way.
    pub parked: Vec<Parked>,
    head: Position,
    on_unreadable: OnUnreadable,
}

impl Scan {
    pub const fn new(cut: Cut, from: Position, head: Position) -> Self {
        let read = Read::all().cut(cut).from(from);
        Self { read, parked: Vec::new(), head, on_unreadable: OnUnreadable::Stop }
    }

    pub fn on_unreadable(self, on_unreadable: OnUnreadable) -> Self {
        Self { on_unreadable, ..self }
    }

    /// The next page; it may hold facts beyond the end. None when all is read.
    pub async fn next<S: EventStore>(&mut self, store: &S) -> Result<Option<FactBlock>, StoreError> {
        while self.read.from < self.head {
            match store.read(&self.read).await {
                Ok(page) => {
                    // A log does not shrink; a store that says so would make this loop for ever.
                    let end = page.is_last(&self.read);
                    self.read.from = if end { self.head } else { page.scanned_to };
                    return Ok(Some(page.facts));
                }
                Err(StoreError::Undecodable { position, source, .. })
                    if self.on_unreadable == OnUnreadable::Park && position > self.read.from =>
                {
                    self.parked.push(Parked { position, why: source.to_string() });
                    self.read.from = position;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    pub fn at(&self) -> Position {
        self.read.from.min(self.head)
    }
}
