//! What each kind of query is made of: a walk through one history, and a sum over many.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::lens::{Glance, Word, Words};
use crate::fold::Fingerprint;
use crate::time::Timestamp;

/// A kind of query: how it walks through one history, what it makes of it, and how that adds up.
///
/// Histories come instant by instant: the facts of one instant have no order among them but that of their ids. A history
/// is a customer's, or, by `count_by`, that of a value.
///
/// # Laws
/// `merge` is associative and commutative, and adding outcomes one by one is merging sums of one outcome each.
pub trait Course: Clone + core::fmt::Debug + Send + Sync {
    /// What is remembered of a history.
    type State: Clone + PartialEq + core::fmt::Debug + Serialize + DeserializeOwned + Send + Sync;
    /// What a history comes to.
    type Outcome;
    /// The sum over histories.
    type Sum: Default;
    /// What a caller reads.
    type Answer: Serialize;

    /// Whether the facts of one instant mean something together, so that they are held until all are there.
    const TOGETHER: bool = false;

    /// The state before the first instant.
    fn begin(&self) -> Self::State;

    /// Takes in the next fact.
    fn step(&self, state: &mut Self::State, at: Timestamp, fact: Glance);

    /// Takes in all facts of the next instant, at least one, in the order of their ids.
    fn pass(&self, state: &mut Self::State, at: Timestamp, facts: &[Glance]) {
        for fact in facts {
            self.step(state, at, *fact);
        }
    }

    /// What the history comes to at an instant that is not earlier than its last fact; none where it is of no account.
    fn outcome(&self, state: &Self::State, words: &Words, as_of: Timestamp) -> Option<Self::Outcome>;

    /// Whether it remembers the values of facts, for [`value`](Self::value).
    fn keeps_values(&self) -> bool {
        false
    }

    /// The value that an outcome is counted under, where the kind knows better than the customer's first or last one.
    fn value(&self, outcome: &Self::Outcome) -> Option<Word> {
        let _ = outcome;
        None
    }

    /// Of two outcomes of one customer, who counts once, the one that counts.
    fn better(&self, one: Self::Outcome, other: Self::Outcome) -> Self::Outcome {
        let _ = other;
        one
    }

    /// Adds what one history came to. `name` is whose it is.
    fn add(&self, sum: &mut Self::Sum, name: &str, outcome: &Self::Outcome);

    /// Adds another sum.
    fn merge(&self, into: &mut Self::Sum, other: Self::Sum);

    /// What the sum means.
    fn finish(&self, sum: Self::Sum) -> Self::Answer;

    /// What a kept state depends on.
    fn fingerprint(&self) -> Fingerprint;
}
