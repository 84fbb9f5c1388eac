//! Questions about a population: mergeable, so that threads, processes and machines need no other design.

pub mod acquisition;
pub mod churn;
pub mod predicted;
pub mod quality;
pub mod recurring;
pub mod revenue;
pub mod rfm;
pub mod risk;
mod spread;
pub mod stages;
mod stays;
pub mod survival;
pub mod value;

use crate::fold::{Projection, States};
use crate::id::CustomerId;
use crate::time::Timestamp;

/// A customer as a report names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The representative's id.
    pub id: CustomerId,
    /// How it is shown and sorted: the external key, else the UUID.
    pub name: &'a str,
}

/// A commutative monoid over customers' views, and what its sum means.
///
/// # Laws
/// `merge` is associative and commutative, `Acc::default()` is its identity, and adding customers one by one is merging
/// reports of one customer each. So every way of splitting a population gives the same answer, bit for bit.
pub trait Report {
    /// What it reads of a customer.
    type View;
    /// The sum so far.
    type Acc: Default;
    /// What a caller reads.
    type Answer;

    /// Adds one customer.
    fn add(&self, acc: &mut Self::Acc, customer: Shown<'_>, view: &Self::View);

    /// Adds another sum.
    fn merge(&self, into: &mut Self::Acc, other: Self::Acc);

    /// What the sum means.
    fn finish(&self, acc: Self::Acc) -> Self::Answer;
}

/// The sum of a report over all customers of some states, viewed as of an instant.
pub fn add_all<P, R>(report: &R, states: &States<P>, as_of: Timestamp) -> R::Acc
where
    P: Projection,
    R: Report<View = P::View>,
{
    let mut acc = R::Acc::default();
    for (id, folded) in states.iter() {
        let view = states.projection().view(&folded.state, as_of);
        report.add(&mut acc, Shown { id, name: &states.shown(id) }, &view);
    }
    acc
}
