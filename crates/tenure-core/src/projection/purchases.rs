//! When a customer bought, in local days: what models of repeat purchase are asked with.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use tenure_stats::{PurchaseSummary, Spend};

use super::exchange::Exchange;
use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::local_clock::LocalClock;
use crate::money::Currency;
use crate::time::Timestamp;

/// How far back single purchase days are remembered.
const RECENT_DAYS: i32 = 90;

/// The purchase days of one customer: orders of one local day are one purchase, as models of repeat purchase have it.
///
/// Orders of amount zero count, and refunds change nothing: a model is about how often somebody buys. Amounts of other
/// currencies are converted at the rate of their local day; those without a rate are left out and counted, as in
/// [RFM](super::rfm).
///
/// # Laws
/// The state is bounded: at most 90 days are kept one by one.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::purchases::{Purchases, TimeUnit};
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Policy, Timestamp};
/// let ann = Customer::parse("ann", "shop")?;
/// let order = |id: &str, day: &str, total: &str| {
///     let total = Some(Money::parse(total, "CNY".parse()?)?);
///     let fact = CustomerEvent::OrderPlaced { order: None, total, lines: vec![] };
///     let at = Timestamp::parse(&format!("2024-{day}T10:00:00Z"))?;
///     Ok::<_, Box<dyn std::error::Error>>(Event::new(EventId::from_foreign("shop", id), ann.clone(), at, fact)?)
/// };
/// let facts = [order("1", "05-01", "9")?, order("2", "05-08", "20")?, order("3", "05-08", "10")?];
/// let purchases = Purchases::new(Policy::default().exchange());
/// let state = fold(&purchases, facts.iter().map(Event::view));
/// let view = purchases.view(&state, Timestamp::parse("2024-05-15T00:00:00Z")?).ok_or("nothing")?;
/// let weeks = view.summary(TimeUnit::Weeks);
/// assert_eq!((weeks.frequency, weeks.recency, weeks.age), (1, 1.0, 2.0));
/// assert_eq!((view.recency_days(), view.within(8)), (7, 1));
/// assert_eq!(view.repeat_spend().map(|spend| spend.mean_amount), Some(30.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Purchases {
    clock: LocalClock,
    exchange: Exchange,
    fingerprint: Fingerprint,
}

/// The unit of a model's times. Days of the zone, divided by 7 for weeks and not rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Days.
    Days,
    /// Weeks, the unit of the literature.
    #[default]
    Weeks,
}

impl TimeUnit {
    /// How many days one is.
    pub const fn days(self) -> f64 {
        match self {
            Self::Days => 1.0,
            Self::Weeks => 7.0,
        }
    }

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Weeks => "weeks",
        }
    }
}

/// What is remembered of a customer; empty before the first order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PurchasesState {
    /// None before the first order.
    first_day: Option<i32>,
    last_day: i32,
    /// Distinct days.
    days: u32,
    /// Money of all days, and of the first.
    minor: i128,
    first_minor: i128,
    currencies: Option<(Currency, Currency)>,
    missing_rate: u64,
    /// The days after `last_day - 90`, ascending.
    recent: VecDeque<i32>,
}

impl Purchases {
    /// Purchases by days of the exchange's zone, in what it makes of amounts.
    pub fn new(exchange: Exchange) -> Self {
        let fingerprint = Fingerprint::of("purchases", 1, &exchange);
        Self { clock: LocalClock::new(exchange.zone()), exchange, fingerprint }
    }
}

impl Projection for Purchases {
    type State = PurchasesState;
    /// None of somebody who has bought nothing.
    type View = Option<PurchaseView>;

    fn init(&self) -> PurchasesState {
        PurchasesState::default()
    }

    fn apply(&self, state: &mut PurchasesState, fact: &EventView<'_>) {
        if fact.kind != Kind::OrderPlaced {
            return;
        }
        // A clock that is put back over midnight shows a day again: its orders belong to the day that has begun.
        let day = self.clock.day(fact.occurred_at);
        let day = if state.days > 0 { day.max(state.last_day) } else { day };
        if state.days == 0 || day > state.last_day {
            state.first_day.get_or_insert(day);
            state.last_day = day;
            state.days = state.days.saturating_add(1);
            state.recent.push_back(day);
            while state.recent.front().is_some_and(|old| *old <= day.saturating_sub(RECENT_DAYS)) {
                state.recent.pop_front();
            }
        }
        let Some(amount) = fact.amount else { return };
        let Some(counted) = self.exchange.convert(amount, fact.occurred_at) else {
            state.missing_rate = state.missing_rate.saturating_add(1);
            return;
        };
        let minor = i128::from(counted.minor);
        state.minor = state.minor.saturating_add(minor);
        if state.first_day == Some(day) {
            state.first_minor = state.first_minor.saturating_add(minor);
        }
        state.currencies = Some(match state.currencies {
            Some((first, last)) => (first.min(counted.currency), last.max(counted.currency)),
            None => (counted.currency, counted.currency),
        });
    }

    fn view(&self, state: &PurchasesState, as_of: Timestamp) -> Option<PurchaseView> {
        let today = self.clock.day(as_of).max(state.last_day);
        state.first_day.map(|first_day| PurchaseView { first_day, today, state: state.clone() })
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// The purchases of a customer as of an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct PurchaseView {
    first_day: i32,
    today: i32,
    state: PurchasesState,
}

impl PurchaseView {
    /// Frequency, recency and age as models of repeat purchase ask for them.
    pub fn summary(&self, unit: TimeUnit) -> PurchaseSummary {
        let since_first = |day: i32| f64::from(day.saturating_sub(self.first_day)) / unit.days();
        PurchaseSummary {
            frequency: self.state.days.saturating_sub(1).min(PurchaseSummary::MOST_PURCHASES),
            recency: since_first(self.state.last_day),
            age: since_first(self.today),
        }
    }

    /// Distinct purchase days; 1 or more.
    pub const fn days(&self) -> u32 {
        self.state.days
    }

    /// Local days since the last purchase day.
    pub fn recency_days(&self) -> u32 {
        u32::try_from(self.today.saturating_sub(self.state.last_day)).unwrap_or(0)
    }

    /// Local days since the first purchase day.
    pub fn age_days(&self) -> u32 {
        u32::try_from(self.today.saturating_sub(self.first_day)).unwrap_or(0)
    }

    /// The last purchase day, in days since 1970.
    pub const fn last_day(&self) -> i32 {
        self.state.last_day
    }

    /// The mean gap between purchase days, in days; none of somebody who bought on one day.
    pub fn mean_gap_days(&self) -> Option<f64> {
        let span = f64::from(self.state.last_day.saturating_sub(self.first_day));
        (self.state.days > 1).then(|| span / f64::from(self.state.days - 1))
    }

    /// Purchase days among today and the days before it, so many in all; at most 90 days are looked back.
    pub fn within(&self, days: u32) -> u32 {
        let days = i32::try_from(days).unwrap_or(RECENT_DAYS).min(RECENT_DAYS);
        let recent = self.state.recent.iter().filter(|day| **day > self.today.saturating_sub(days));
        u32::try_from(recent.count()).unwrap_or(u32::MAX)
    }

    /// The first and the last currency of amounts by code: equal if there is one; none without any amount.
    pub const fn currencies(&self) -> Option<(Currency, Currency)> {
        self.state.currencies
    }

    /// The currency of amounts: none without any amount, or with several.
    pub fn currency(&self) -> Option<Currency> {
        self.state.currencies.filter(|(first, last)| first == last).map(|(only, _)| only)
    }

    /// Amounts left out for want of a rate.
    pub const fn missing_rate(&self) -> u64 {
        self.state.missing_rate
    }

    /// Mean amount of a purchase day in units of the currency; 0 where amounts have no currency or several.
    pub fn mean_amount(&self) -> f64 {
        self.major(self.state.minor) / f64::from(self.state.days)
    }

    /// What repeat purchases bring, for [`GammaGamma`](tenure_stats::GammaGamma): their number and their mean amount. None
    /// without a repeat purchase, and where they brought nothing.
    pub fn repeat_spend(&self) -> Option<Spend> {
        let purchases = self.state.days.checked_sub(1).filter(|repeats| *repeats > 0)?;
        let amount = self.major(self.state.minor.saturating_sub(self.state.first_minor));
        let mean_amount = amount / f64::from(purchases);
        (mean_amount > 0.0).then_some(Spend { purchases, mean_amount })
    }

    #[cfg(test)]
    pub(crate) fn without_amounts(mut self) -> Self {
        self.state.currencies = None;
        self
    }

    /// Minor units in units of the currency.
    fn major(&self, minor: i128) -> f64 {
        self.currency().map_or(0.0, |currency| currency.units(minor))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::fold::fold;
    use crate::{Customer, CustomerEvent, Event, EventId, Money, Rates, Zone};

    const HOUR: i64 = 3_600_000_000;

    fn facts(orders: &[(i64, i64)]) -> Vec<Event> {
        let fact = |(n, (hour, minor)): (usize, &(i64, i64))| {
            let total = Some(Money::from_minor(*minor, "USD".parse().unwrap()));
            let fact = CustomerEvent::OrderPlaced { order: None, total, lines: vec![] };
            let at = Timestamp::from_micros(hour * HOUR).unwrap();
            let id = EventId::from_foreign("shop", &n.to_string());
            Event::new(id, Customer::parse("ann", "shop").unwrap(), at, fact).unwrap()
        };
        let mut facts: Vec<Event> = orders.iter().enumerate().map(fact).collect();
        facts.sort_by_key(|fact| (fact.occurred_at(), fact.id()));
        facts
    }

    proptest! {
        /// Against what the words say, out of the whole history.
        #[test]
        fn days_and_amounts_are_those_of_the_history(
            orders in prop::collection::vec((0..6_000_i64, 0..1_000_i64), 1..40),
            later in 0..3_000_i64,
            shanghai in prop::bool::ANY,
        ) {
            let zone: Zone = if shanghai { "Asia/Shanghai".parse().unwrap() } else { Zone::UTC };
            let facts = facts(&orders);
            let as_of = Timestamp::from_micros((6_000 + later) * HOUR).unwrap();
            let purchases = Purchases::new(Exchange::new(zone, None, Rates::default()));
            let state = fold(&purchases, facts.iter().map(Event::view));
            let view = purchases.view(&state, as_of).unwrap();

            let mut by_day: BTreeMap<i32, i64> = BTreeMap::new();
            for (hour, minor) in &orders {
                *by_day.entry(zone.day(Timestamp::from_micros(hour * HOUR).unwrap())).or_default() += minor;
            }
            let days: Vec<i32> = by_day.keys().copied().collect();
            let (first, last, today) = (days[0], days[days.len() - 1], zone.day(as_of));
            let summary = view.summary(TimeUnit::Days);
            prop_assert_eq!(
                (summary.frequency as usize, summary.recency, summary.age),
                (days.len() - 1, f64::from(last - first), f64::from(today - first))
            );
            prop_assert!(summary.check().is_ok());
            prop_assert_eq!(i64::from(view.recency_days()), i64::from(today - last));
            for within in [1, 30, 90] {
                let naive = days.iter().filter(|day| today - **day < i32::try_from(within).unwrap()).count();
                prop_assert_eq!(view.within(within) as usize, naive);
            }
            let repeats: i64 = by_day.values().skip(1).sum();
            let parts = [repeats, i64::try_from(days.len() - 1).unwrap()].map(|part| f64::from(i32::try_from(part).unwrap()));
            let naive = (days.len() > 1 && repeats > 0).then(|| parts[0] / 100.0 / parts[1]);
            prop_assert_eq!(view.repeat_spend().map(|spend| spend.mean_amount), naive);
        }
    }

    #[test]
    fn nobody_without_an_order_has_a_history_of_purchase() {
        let purchases = Purchases::new(Exchange::new(Zone::UTC, None, Rates::default()));
        assert_eq!(purchases.view(&purchases.init(), Timestamp::MAX), None);
    }
}
