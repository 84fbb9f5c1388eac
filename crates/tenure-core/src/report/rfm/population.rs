//! The customers of a report, collected in any order and then sorted by shown id.

use crate::id::CustomerId;
use crate::money::Currency;
use crate::projection::rfm::{RfmValues, RfmView};
use crate::report::Shown;

use super::{RfmCounts, RfmError};

/// The customers collected so far.
#[derive(Clone, Debug, Default)]
pub struct Population {
    members: Vec<Member>,
    unscored: Vec<(Box<str>, CustomerId)>,
    /// The first and the last currency by code of the scored customers.
    currencies: Option<(Currency, Currency)>,
    without_amount: u64,
    missing_rate: u64,
    missing: Option<Currency>,
}

#[derive(Clone, Debug)]
struct Member {
    name: Box<str>,
    id: CustomerId,
    values: RfmValues,
}

/// A population that is sorted and has one currency.
pub(super) struct Sorted {
    pub names: Vec<Box<str>>,
    pub values: Vec<RfmValues>,
    pub unscored: Vec<Box<str>>,
    pub currency: Currency,
    pub counts: RfmCounts,
}

impl Population {
    pub(super) fn add(&mut self, customer: Shown<'_>, view: &RfmView) {
        let (name, id) = (customer.name.into(), customer.id);
        match view.values {
            Some(values) => {
                self.members.push(Member { name, id, values });
                self.currencies = both(self.currencies, view.currencies);
            }
            None => self.unscored.push((name, id)),
        }
        self.without_amount = self.without_amount.saturating_add(view.without_amount);
        self.missing_rate = self.missing_rate.saturating_add(view.missing_rate);
        self.missing = self.missing.into_iter().chain(view.missing).min();
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.members.extend(other.members);
        self.unscored.extend(other.unscored);
        self.currencies = both(self.currencies, other.currencies);
        self.without_amount = self.without_amount.saturating_add(other.without_amount);
        self.missing_rate = self.missing_rate.saturating_add(other.missing_rate);
        self.missing = self.missing.into_iter().chain(other.missing).min();
    }

    /// Sorts. The policy's currency, where it has one, is the one that all amounts were converted to.
    pub(super) fn sort(mut self, policy: Option<Currency>) -> Result<Sorted, RfmError> {
        let currency = match (policy, self.currencies) {
            (Some(currency), _) => currency,
            (None, None) => Currency::NONE,
            (None, Some((currency, last))) if currency == last => currency,
            (None, Some((first, second))) => return Err(RfmError::MixedCurrencies { first, second }),
        };
        // Text compares by its UTF-8 bytes. No two customers are shown alike; the id is there for the proof.
        self.members.sort_unstable_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        self.unscored.sort_unstable();
        let counts = RfmCounts {
            scored: self.members.len() as u64,
            unscored: self.unscored.len() as u64,
            without_amount: self.without_amount,
            missing_rate: self.missing_rate,
            missing: self.missing,
        };
        let (names, values) = self.members.into_iter().map(|member| (member.name, member.values)).unzip();
        let unscored = self.unscored.into_iter().map(|(name, _)| name).collect();
        Ok(Sorted { names, values, unscored, currency, counts })
    }
}

fn both(a: Option<(Currency, Currency)>, b: Option<(Currency, Currency)>) -> Option<(Currency, Currency)> {
    match (a, b) {
        (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
        (one, other) => one.or(other),
    }
}
