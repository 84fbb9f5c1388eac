//! What a customer ordered and got back, month by month.

use std::collections::BTreeMap;

use chrono::Datelike;
use serde::{Deserialize, Serialize};

use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::money::Currency;
use crate::rates::Rates;
use crate::time::{LocalTime, Timestamp, Zone};

/// Orders and refunds of one customer by calendar month of the zone, each in the month of its own date.
///
/// Amounts of other currencies are converted one by one at the rate of their local day; those without a rate are left out
/// and counted, as in RFM. Without a currency amounts stay as they are.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::revenue::Revenue;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Rates, Timestamp, Zone};
/// let revenue = Revenue::new("Asia/Shanghai".parse()?, None, Rates::default());
/// let order = Event::new(
///     EventId::from_foreign("shop", "1"),
///     Customer::parse("ann", "shop")?,
///     Timestamp::parse("2024-05-31T16:00:00Z")?, // June in Shanghai
///     CustomerEvent::OrderPlaced { order: None, total: Some(Money::parse("14.77", "CNY".parse()?)?), lines: vec![] },
/// )?;
/// let state = fold(&revenue, [order.view()]);
/// let view = revenue.view(&state, Timestamp::MAX);
/// let (month, sums) = view.months.first_key_value().ok_or("no month")?;
/// assert_eq!((month.to_string(), sums.orders, sums.gross_minor), ("2024-06".into(), 1, 1_477));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Revenue {
    zone: Zone,
    currency: Option<Currency>,
    rates: Rates,
}

/// A calendar month, shown as `2024-06`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month(i32);

impl Month {
    /// The month of an instant in a zone.
    pub fn of(zone: Zone, at: Timestamp) -> Self {
        let date = zone.date(at);
        Self(date.year().saturating_mul(12).saturating_add(i32::try_from(date.month0()).unwrap_or(0)))
    }

    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// So many months later, or earlier.
    #[must_use]
    pub const fn plus(self, months: i32) -> Self {
        Self(self.0.saturating_add(months))
    }

    /// How many months it lies after another one; 0 if it is earlier.
    pub const fn since(self, earlier: Self) -> u32 {
        if self.0 > earlier.0 { self.0.abs_diff(earlier.0) } else { 0 }
    }

    /// Its first instant in a zone; none outside of the years 1970 to 9999.
    pub fn start(self, zone: Zone) -> Option<Timestamp> {
        let month = u32::try_from(self.0.rem_euclid(12)).ok()? + 1;
        let first = chrono::NaiveDate::from_ymd_opt(self.0.div_euclid(12), month, 1)?;
        zone.instant(LocalTime::midnight(first)).ok()
    }

    /// Whether it is over at an instant: nothing can happen in it any more.
    pub fn is_over(self, zone: Zone, as_of: Timestamp) -> bool {
        // What begins after the last instant that there is never ends.
        self.next().start(zone).is_some_and(|next| next.as_micros() - 1 <= as_of.as_micros())
    }
}

impl core::fmt::Display for Month {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

/// What a month adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthSums {
    /// Orders.
    pub orders: u64,
    /// Refunds.
    pub refunds: u64,
    /// What was ordered, in minor units.
    pub gross_minor: i128,
    /// What was paid back, in minor units.
    pub refunded_minor: i128,
}

impl MonthSums {
    /// Adds another one of the same month.
    pub const fn add(&mut self, other: &Self) {
        self.orders = self.orders.saturating_add(other.orders);
        self.refunds = self.refunds.saturating_add(other.refunds);
        self.gross_minor = self.gross_minor.saturating_add(other.gross_minor);
        self.refunded_minor = self.refunded_minor.saturating_add(other.refunded_minor);
    }
}

/// Months with an order or a refund, and what could not be added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevenueView {
    /// Only months with something in them.
    pub months: BTreeMap<Month, MonthSums>,
    /// The first and the last currency by code among the amounts.
    pub currencies: Option<(Currency, Currency)>,
    /// Orders and refunds that came without an amount.
    pub without_amount: u64,
    /// Amounts left out for want of a rate.
    pub missing_rate: u64,
}

impl RevenueView {
    /// Takes a currency into the first and the last.
    pub(crate) fn see(&mut self, currency: Currency) {
        self.currencies = Some(match self.currencies {
            Some((first, last)) => (first.min(currency), last.max(currency)),
            None => (currency, currency),
        });
    }
}

impl Revenue {
    /// Revenue in a zone, and in a currency where one is given.
    pub const fn new(zone: Zone, currency: Option<Currency>, rates: Rates) -> Self {
        Self { zone, currency, rates }
    }

    /// The currency that amounts are converted to.
    pub const fn currency(&self) -> Option<Currency> {
        self.currency
    }
}

impl Projection for Revenue {
    type State = RevenueView;
    type View = RevenueView;

    fn init(&self) -> RevenueView {
        RevenueView::default()
    }

    fn apply(&self, state: &mut RevenueView, fact: &EventView<'_>) {
        let ordered = match fact.kind {
            Kind::OrderPlaced => true,
            Kind::OrderRefunded => false,
            _ => return,
        };
        let mut sums =
            MonthSums { orders: ordered.into(), refunds: (!ordered).into(), ..MonthSums::default() };
        match fact.amount {
            None => state.without_amount = state.without_amount.saturating_add(1),
            Some(amount) => {
                let day = || self.zone.day(fact.occurred_at);
                let counted = match self.currency {
                    Some(to) if to != amount.currency => self.rates.convert_on(amount, to, day()),
                    _ => Ok(amount),
                };
                if let Ok(counted) = counted {
                    let minor = i128::from(counted.minor);
                    *(if ordered { &mut sums.gross_minor } else { &mut sums.refunded_minor }) = minor;
                    state.see(counted.currency);
                } else {
                    state.missing_rate = state.missing_rate.saturating_add(1);
                }
            }
        }
        state.months.entry(Month::of(self.zone, fact.occurred_at)).or_default().add(&sums);
    }

    fn view(&self, state: &RevenueView, _: Timestamp) -> RevenueView {
        state.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of("revenue", 1, &(self.zone, self.currency, &self.rates))
    }
}
