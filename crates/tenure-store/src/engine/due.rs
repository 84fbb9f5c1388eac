//! When silence alone will change somebody's stage or segment: by customer and by instant.

use std::collections::{BTreeMap, BTreeSet};

use tenure_core::{CustomerId, Timestamp};

/// The instants at which somebody's stage or segment changes next if nothing happens; whoever has none is not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Due {
    of: BTreeMap<CustomerId, Timestamp>,
    queue: BTreeSet<(Timestamp, CustomerId)>,
}

impl Due {
    pub(super) fn set(&mut self, customer: CustomerId, at: Option<Timestamp>) {
        let before = match at {
            Some(at) => self.of.insert(customer, at),
            None => self.of.remove(&customer),
        };
        if before != at {
            if let Some(before) = before {
                self.queue.remove(&(before, customer));
            }
            if let Some(at) = at {
                self.queue.insert((at, customer));
            }
        }
    }

    /// Who is due up to and with an instant, in the order of time.
    pub(super) fn until(&self, now: Timestamp) -> impl Iterator<Item = CustomerId> {
        self.queue.iter().take_while(move |(at, _)| *at <= now).map(|(_, customer)| *customer)
    }

    /// The first instant at which somebody is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.queue.first().map(|(at, _)| *at)
    }

    pub(super) fn of(&self, customer: CustomerId) -> Option<Timestamp> {
        self.of.get(&customer).copied()
    }

    pub(super) fn customers(&self) -> impl Iterator<Item = CustomerId> {
        self.of.keys().copied()
    }
}
