//! The facts of one instant that a reading rests on: the first of them by id, and how many there are.

use serde::{Deserialize, Serialize};

use super::MOST_FACTS;
use crate::id::EventId;

/// The first facts by id, and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Witnesses {
    ids: Vec<EventId>,
    all: u32,
}

impl Witnesses {
    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.all = 0;
    }

    pub(super) fn add(&mut self, id: EventId) {
        self.all = self.all.saturating_add(1);
        if let Err(place) = self.ids.binary_search(&id)
            && place < MOST_FACTS
        {
            // Mostly it is the only one, of very many customers.
            self.ids.reserve_exact(1);
            self.ids.insert(place, id);
            self.ids.truncate(MOST_FACTS);
        }
    }

    pub(super) fn facts(&self) -> (Vec<EventId>, usize) {
        (self.ids.clone(), usize::try_from(self.all).unwrap_or(usize::MAX))
    }

    pub(super) fn fits(&self) -> bool {
        let (_, all) = self.facts();
        self.ids.is_sorted_by(|a, b| a < b) && self.ids.len() == all.min(MOST_FACTS)
    }
}
