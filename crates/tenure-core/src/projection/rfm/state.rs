//! What is remembered of a customer: sums over all history, or the purchases of a window.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::Frequency;
use crate::money::Currency;

/// What a fact adds, or several of one instant and currency.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The local day, where it has orders.
    pub day: i32,
    pub orders: u32,
    pub without_amount: u32,
    /// Amounts that could not be converted.
    pub missing_rate: u32,
    /// Of the money, or of what could not be converted; none without an amount.
    pub currency: Option<Currency>,
    /// Orders less refunds.
    pub minor: i128,
}

impl Part {
    /// Takes another part of the same instant and currency in.
    fn join(&mut self, other: &Self) {
        if self.orders == 0 {
            self.day = other.day;
        }
        self.orders = self.orders.saturating_add(other.orders);
        self.without_amount = self.without_amount.saturating_add(other.without_amount);
        self.missing_rate = self.missing_rate.saturating_add(other.missing_rate);
        self.minor = self.minor.saturating_add(other.minor);
    }
}

/// What the parts add up to. Does not depend on the order of parts of one instant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Totals {
    /// Never at the ends: fewer than 2^64 facts of at most 2^63 each.
    pub minor: i128,
    /// 0 exactly without an order.
    pub frequency: u64,
    pub without_amount: u64,
    pub missing_rate: u64,
    /// The latest local day with an order.
    pub last_day: i32,
    /// Whether the local day before it has an order. A clock that is put back over midnight (Newfoundland, until
    /// 2011) shows a day again, never one further back.
    day_before: bool,
    /// The first and the last currency by code of the amounts that count.
    pub currencies: Option<(Currency, Currency)>,
    /// The first currency by code that could not be converted.
    pub missing: Option<Currency>,
}

impl Totals {
    #[expect(clippy::inline_always, reason = "part of the loop of the fold")]
    #[inline(always)]
    pub(super) fn add(&mut self, part: &Part, frequency: Frequency) {
        if part.orders > 0 {
            let new_day = self.take_day(part.day);
            self.frequency = self.frequency.saturating_add(match frequency {
                Frequency::Days => u64::from(new_day),
                Frequency::Orders => part.orders.into(),
            });
        }
        self.without_amount = self.without_amount.saturating_add(part.without_amount.into());
        let Some(currency) = part.currency else { return };
        if part.missing_rate > 0 {
            self.missing_rate = self.missing_rate.saturating_add(part.missing_rate.into());
            self.missing = Some(self.missing.map_or(currency, |first| first.min(currency)));
        } else {
            self.minor = self.minor.saturating_add(part.minor);
            // Nearly every customer pays in one currency.
            if self.currencies != Some((currency, currency)) {
                self.currencies = match self.currencies {
                    Some((first, last)) => Some((first.min(currency), last.max(currency))),
                    None => Some((currency, currency)),
                };
            }
        }
    }

    /// Whether the day is the first order's of that day.
    #[inline]
    fn take_day(&mut self, day: i32) -> bool {
        if self.frequency == 0 || day > self.last_day {
            self.day_before = self.frequency > 0 && self.last_day.checked_add(1) == Some(day);
            self.last_day = day;
            true
        } else if day == self.last_day || self.day_before {
            false
        } else {
            self.day_before = true;
            true
        }
    }
}

/// State of the RFM projection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RfmState(pub(super) Kept);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Kept {
    /// Without a window: constant size.
    All(Totals),
    /// With one: what the latest purchase or refund still sees of it, by instant and currency.
    Window(VecDeque<Part>),
}

/// Puts a part where it belongs and forgets what has left the window.
pub(super) fn push(parts: &mut VecDeque<Part>, part: Part, opens: Option<i64>) {
    if let Some(opens) = opens {
        while parts.front().is_some_and(|first| first.at <= opens) {
            parts.pop_front();
        }
    }
    let key = (part.at, part.currency, part.missing_rate > 0);
    let place = parts.iter().rposition(|kept| (kept.at, kept.currency, kept.missing_rate > 0) <= key);
    let after = place.map_or(0, |place| place + 1);
    match place.and_then(|place| parts.get_mut(place)) {
        Some(same) if (same.at, same.currency, same.missing_rate > 0) == key => same.join(&part),
        _ => parts.insert(after, part),
    }
}
