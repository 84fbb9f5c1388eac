//! How values of customers spread: how many, their sum, average and median, exactly.

use std::collections::BTreeMap;

use crate::money::half_even;

/// Values in minor units, each with how many customers have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spread(BTreeMap<i128, u64>);

impl Spread {
    /// Adds the value of one customer.
    pub fn add(&mut self, minor: i128) {
        *self.0.entry(minor).or_default() += 1;
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        for (minor, customers) in &other.0 {
            *self.0.entry(*minor).or_default() += customers;
        }
    }

    /// How many customers.
    pub fn customers(&self) -> u64 {
        self.0.values().sum()
    }

    /// All values together.
    pub fn sum(&self) -> i128 {
        let products = self.0.iter().map(|(minor, customers)| minor.saturating_mul((*customers).into()));
        products.fold(0, i128::saturating_add)
    }

    /// The mean, half-even to the minor unit; none of nobody.
    pub fn average(&self) -> Option<i128> {
        quotient(self.sum(), self.customers())
    }

    /// The smallest value that half of the customers do not exceed (nearest rank), so one that somebody has; none of nobody.
    pub fn median(&self) -> Option<i128> {
        let rank = self.customers().div_ceil(2);
        let mut seen = 0;
        self.0.iter().find_map(|(minor, customers)| {
            seen += customers;
            (seen >= rank).then_some(*minor)
        })
    }
}

/// A sum for each of so many, half-even to the minor unit; none for nobody.
pub(crate) fn quotient(sum: i128, of: u64) -> Option<i128> {
    (of > 0).then(|| half_even(sum, of.into()))
}
