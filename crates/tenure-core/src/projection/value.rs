//! What a customer has brought so far: orders less refunds, month by month.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::exchange::{Counted, Exchange};
use super::revenue::Month;
use crate::event::{EventView, Kind};
use crate::fold::{Fingerprint, Projection};
use crate::time::Timestamp;

/// Historic value of one customer: orders less refunds, each in the calendar month of its own date.
///
/// Orders and refunds alone are money that moved. The recurring amount of a subscription and the value of a contract say
/// what is due and not what was paid, so they are no part of it: a business that bills subscriptions records what was paid
/// as orders, and asks [`Recurring`](super::recurring::Recurring) for what is due.
///
/// # Example
/// ```
/// use tenure_core::fold::{fold, Projection};
/// use tenure_core::projection::value::HistoricValue;
/// use tenure_core::{Customer, CustomerEvent, Event, EventId, Money, Policy, Timestamp};
/// let value = HistoricValue::new(Policy::default().exchange());
/// let ann = Customer::parse("ann", "shop")?;
/// let usd = |text| Money::parse(text, "USD".parse()?);
/// let order = CustomerEvent::OrderPlaced { order: None, total: Some(usd("50.00")?), lines: vec![] };
/// let refund = CustomerEvent::OrderRefunded { order: None, refund: Some(usd("20.00")?) };
/// let facts = [
///     Event::new(EventId::from_foreign("t", "1"), ann.clone(), Timestamp::parse("2024-05-01T00:00:00Z")?, order)?,
///     Event::new(EventId::from_foreign("t", "2"), ann, Timestamp::parse("2024-07-01T00:00:00Z")?, refund)?,
/// ];
/// let view = value.view(&fold(&value, facts.iter().map(Event::view)), Timestamp::MAX);
/// assert_eq!((view.orders, view.net_minor(), view.months.len()), (1, 3_000, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct HistoricValue {
    exchange: Exchange,
    fingerprint: Fingerprint,
}

/// What a customer has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueView {
    /// The instant of the first order; none without one.
    pub first_order: Option<Timestamp>,
    /// Orders, also those without an amount.
    pub orders: u64,
    /// Refunds likewise.
    pub refunds: u64,
    /// Orders less refunds in minor units, by the months that have any.
    pub months: BTreeMap<Month, i128>,
    /// What was counted of the amounts.
    pub counted: Counted,
}

impl ValueView {
    /// All orders less all refunds, in minor units; below zero where more was paid back.
    pub fn net_minor(&self) -> i128 {
        self.months.values().fold(0, |sum, minor| sum.saturating_add(*minor))
    }
}

impl HistoricValue {
    /// Value in what an exchange makes of amounts.
    pub fn new(exchange: Exchange) -> Self {
        let fingerprint = Fingerprint::of("value", 1, &exchange);
        Self { exchange, fingerprint }
    }

    /// How amounts are counted.
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

impl Projection for HistoricValue {
    type State = ValueView;
    type View = ValueView;

    fn init(&self) -> ValueView {
        ValueView::default()
    }

    fn apply(&self, state: &mut ValueView, fact: &EventView<'_>) {
        let sign = match fact.kind {
            Kind::OrderPlaced => {
                state.first_order.get_or_insert(fact.occurred_at);
                state.orders = state.orders.saturating_add(1);
                1
            }
            Kind::OrderRefunded => {
                state.refunds = state.refunds.saturating_add(1);
                -1
            }
            _ => return,
        };
        if let Some(minor) = state.counted.take(&self.exchange, fact.amount, fact.occurred_at) {
            let month = Month::of(self.exchange.zone(), fact.occurred_at);
            let net = state.months.entry(month).or_default();
            *net = net.saturating_add(sign * minor);
        }
    }

    fn view(&self, state: &ValueView, _: Timestamp) -> ValueView {
        state.clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}
