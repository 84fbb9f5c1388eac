//! Kept projections: states that stand in the store under a name, with the checkpoint that says how far they go.
//!
//! ```text
//! log ──▶ pages ──▶ States ──▶ rows, checkpoint and changes in one transaction ──▶ store
//!                     ▲                                                             │
//!                     └────────────── opened again: rows, then the tail ◀───────────┘
//! ```
//!
//! A checkpoint is compared and set, so of two who compute the same one wins and nothing is done twice. A row is a cache
//! of the facts before the checkpoint: one that does not read is folded again.

mod error;
mod generation;
mod lease;
mod projector;
mod rebuild;
mod row;

use core::ops::ControlFlow;
use std::collections::BTreeSet;

use tenure_core::fold::{Fingerprint, Projection, States};
use tenure_core::log::{Corrections, Cut};
use tenure_core::{CustomerId, Position};

pub use self::error::KeptError;
pub use self::generation::{Generation, ProjectionName, generations, live_generation};
pub(crate) use self::generation::{one as entry_of, read as read_kept};
pub use self::lease::{Lease, LeaseHeld};
pub use self::projector::Projector;
pub(crate) use self::projector::new_facts;
pub(crate) use self::rebuild::generation_before;
pub use self::rebuild::{Rebuild, Switched, prune_generations};
use crate::replay::{OnUnreadable, catch_up_to, correcting};
use crate::{Commit, EventStore, StoreError};

/// Rows of one page of a scan.
const ROWS: usize = 4096;

/// A generation of a named projection as it was read, to be written on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub name: ProjectionName,
    pub generation: Generation,
}

impl Kept {
    /// The live generation of a projection; the first one, if there is none yet.
    pub async fn live<S: EventStore>(
        store: &S,
        name: ProjectionName,
        fingerprint: Fingerprint,
    ) -> Result<Self, KeptError> {
        loop {
            if let Some(generation) = live_generation(store, &name).await? {
                return if generation.is_of(fingerprint) {
                    Ok(Self { name, generation })
                } else {
                    Err(KeptError::Fingerprint { name, generation: generation.number })
                };
            }
            let first = Self { generation: Generation::new(1, fingerprint), name: name.clone() };
            let create = Commit::new()
                .expect(name.live(), None)
                .expect(name.generation(1), None)
                .put(name.generation(1), first.generation.encode())
                .put(name.live(), number(1));
            match store.commit(create).await {
                Ok(_) => return Ok(first),
                // Somebody else was first: theirs is the live one.
                Err(StoreError::EntryChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The states as they are kept now, and this generation as it is now.
    ///
    /// Rows that somebody else writes while they are read are later than the others. All are brought to where the
    /// generation stands at the end, which none of them is beyond.
    pub async fn load<S: EventStore, P: Projection>(
        &mut self,
        store: &S,
        projection: P,
        on_unreadable: OnUnreadable,
    ) -> Result<States<P>, KeptError> {
        let at = self.generation.checkpoint.position;
        let head = store.head().await?.position;
        if at > head {
            return Err(StoreError::BeyondHead { at, head }.into());
        }
        let corrections: Corrections =
            correcting(store, Cut::default(), at, on_unreadable).await?.events().collect();
        let space = self.name.rows(self.generation.number);
        let mut rows = Vec::new();
        let mut after: Option<Box<[u8]>> = None;
        loop {
            let page = store.scan(&space, &[], after.as_deref(), ROWS).await?;
            for (key, value) in &page {
                let Ok(id) = <[u8; 16]>::try_from(&**key) else { continue };
                rows.push((CustomerId::from_bytes(id), row::decode(value, &projection)));
            }
            let last = page.len() < ROWS;
            after = page.into_iter().next_back().map(|(key, _)| key);
            if last {
                break;
            }
        }
        // Rows vanish with their generation, and then what was read is not all of them.
        self.generation = generation::generation(store, &self.name, self.generation.number).await?;
        let states = States::new(projection, Cut::default()).with_corrections(corrections);
        let mut states = states.restored(at, rows);
        let to = self.generation.checkpoint.position;
        catch_up_to(store, &mut states, to, on_unreadable, |_| ControlFlow::Continue(())).await?;
        Ok(states)
    }

    /// The transaction that brings this generation to a checkpoint, together with what became of some customers.
    pub fn commit<P: Projection>(
        &self,
        to: &Generation,
        touched: &BTreeSet<CustomerId>,
        states: &States<P>,
    ) -> Commit {
        let key = self.name.generation(self.generation.number);
        let mut commit =
            Commit::new().expect(key.clone(), Some(self.generation.encode())).put(key, to.encode());
        for id in touched {
            let row = self.name.row(self.generation.number, *id);
            commit = match row::encode(states.known(*id)) {
                Some(bytes) => commit.put(row, bytes),
                None => commit.remove(row),
            };
        }
        commit
    }

    /// The transaction that brings this generation to a checkpoint where no customer changed.
    pub fn commit_checkpoint(&self, to: &Generation) -> Commit {
        let key = self.name.generation(self.generation.number);
        Commit::new().expect(key.clone(), Some(self.generation.encode())).put(key, to.encode())
    }

    /// The same, if the generation is the live one.
    pub fn if_live(&self, commit: Commit) -> Commit {
        commit.expect(self.name.live(), Some(number(self.generation.number)))
    }

    /// The generation as it would be at a position.
    pub fn at(&self, position: Position) -> Generation {
        let mut to = self.generation.clone();
        to.checkpoint.position = position;
        to
    }
}

/// The number of a generation as it is kept.
fn number(number: u32) -> Vec<u8> {
    number.to_string().into_bytes()
}
