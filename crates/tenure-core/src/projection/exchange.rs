//! Amounts in one currency, and what of them could not be counted.

use serde::{Deserialize, Serialize};

use crate::money::{Currency, Money};
use crate::rates::Rates;
use crate::time::{Timestamp, Zone};

/// How amounts become comparable: by the rate of the local day of their fact, one by one, half-even to minor units.
///
/// Without a currency amounts stay as they are, and then a population must have one currency.
///
/// # Example
/// ```
/// use tenure_core::Policy;
/// let policy = Policy { currency: Some("CNY".parse()?), ..Policy::default() };
/// assert_eq!(policy.exchange().currency().map(|to| to.to_string()), Some("CNY".into()));
/// # Ok::<(), tenure_core::MoneyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exchange {
    zone: Zone,
    currency: Option<Currency>,
    rates: Rates,
}

impl Exchange {
    /// Into a currency, where one is given, by days of a zone.
    pub const fn new(zone: Zone, currency: Option<Currency>, rates: Rates) -> Self {
        Self { zone, currency, rates }
    }

    /// The zone whose days and months count.
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// The currency that amounts are converted to.
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// An amount in the currency; none for want of a rate.
    pub(crate) fn convert(&self, amount: Money, at: Timestamp) -> Option<Money> {
        match self.currency {
            Some(to) if to != amount.currency => self.rates.convert_on(amount, to, self.zone.day(at)).ok(),
            _ => Some(amount),
        }
    }
}

/// What was counted of amounts, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The first and the last currency by code of what was counted.
    pub currencies: Option<(Currency, Currency)>,
    /// Facts that came without an amount.
    pub without_amount: u64,
    /// Amounts left out for want of a rate.
    pub missing_rate: u64,
}

impl Counted {
    /// Minor units of an amount in the currency of the exchange; none without an amount or a rate, and that is noted.
    pub(crate) fn take(&mut self, exchange: &Exchange, amount: Option<Money>, at: Timestamp) -> Option<i128> {
        let Some(amount) = amount else {
            self.without_amount = self.without_amount.saturating_add(1);
            return None;
        };
        let Some(counted) = exchange.convert(amount, at) else {
            self.missing_rate = self.missing_rate.saturating_add(1);
            return None;
        };
        self.see(counted.currency);
        Some(counted.minor.into())
    }

    fn see(&mut self, currency: Currency) {
        self.currencies = Some(match self.currencies {
            Some((first, last)) => (first.min(currency), last.max(currency)),
            None => (currency, currency),
        });
    }

    /// Adds what was counted elsewhere.
    pub(crate) fn add(&mut self, other: &Self) {
        for currency in other.currencies.into_iter().flat_map(|(first, last)| [first, last]) {
            self.see(currency);
        }
        self.without_amount = self.without_amount.saturating_add(other.without_amount);
        self.missing_rate = self.missing_rate.saturating_add(other.missing_rate);
    }

    /// The currency of a sum: that of the exchange, else the one that all amounts have, else `XXX` of nothing.
    ///
    /// # Errors
    /// [`MixedCurrencies`] if there are several.
    pub fn currency(&self, of_exchange: Option<Currency>) -> Result<Currency, MixedCurrencies> {
        match (of_exchange, self.currencies) {
            (Some(currency), _) => Ok(currency),
            (None, None) => Ok(Currency::NONE),
            (None, Some((first, last))) if first == last => Ok(first),
            (None, Some((first, second))) => Err(MixedCurrencies { first, second }),
        }
    }
}

/// Amounts of several currencies cannot be added up. **What to do:** name a currency in the policy, and rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("amounts in {first} and in {second} cannot be added up: the policy names no one currency for them")]
pub struct MixedCurrencies {
    /// One of them.
    pub first: Currency,
    /// Another one.
    pub second: Currency,
}

impl MixedCurrencies {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        "name one by `currency = \"...\"` in the policy, with a [[rate]] (day, from, to, rate) for each other one"
    }
}
