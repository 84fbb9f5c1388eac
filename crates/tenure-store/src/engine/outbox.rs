//! What is to be told, until somebody takes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenure_core::CustomerId;

use super::change::Notice;

/// Something to tell.
#[derive(Clone, Debug)]
pub(super) struct Untold {
    pub notice: Notice,
    /// All customers that are or were one person with the customer.
    pub about: Arc<[CustomerId]>,
}

/// What is to be told, and for whom it is kept. Apart from the states, so that nobody who tells or is told waits for a
/// report that goes through all of them.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    untold: Vec<Untold>,
    /// Customers for whom somebody records facts at this moment, and how many do: what is to be told of them is theirs.
    claimed: BTreeMap<CustomerId, usize>,
}

impl Outbox {
    pub(super) fn put(&mut self, untold: Vec<Untold>) {
        self.untold.extend(untold);
    }

    pub(super) fn claim(&mut self, customers: &[CustomerId]) {
        for customer in customers {
            *self.claimed.entry(*customer).or_default() += 1;
        }
    }

    pub(super) fn release(&mut self, customers: &[CustomerId]) {
        for customer in customers {
            if let Some(count) = self.claimed.get_mut(customer) {
                *count -= 1;
                if *count == 0 {
                    self.claimed.remove(customer);
                }
            }
        }
    }

    /// Takes what is to be told of these customers, which are sorted.
    pub(super) fn take_of(&mut self, customers: &[CustomerId]) -> Vec<Notice> {
        let theirs =
            |untold: &Untold| untold.about.iter().any(|about| customers.binary_search(about).is_ok());
        self.untold.extract_if(.., |untold| theirs(untold)).map(|untold| untold.notice).collect()
    }

    /// Takes what nobody who records facts at this moment waits for.
    pub(super) fn take_rest(&mut self) -> Vec<Notice> {
        let claimed = &self.claimed;
        let free = |untold: &Untold| !untold.about.iter().any(|about| claimed.contains_key(about));
        self.untold.extract_if(.., |untold| free(untold)).map(|untold| untold.notice).collect()
    }
}
