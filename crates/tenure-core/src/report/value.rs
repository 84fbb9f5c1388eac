//! What customers have brought: all of them, the best of them, by cohort, by channel and by campaign.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::spread::Spread;
use super::{Report, Shown};
use crate::id::CustomerId;
use crate::money::{Currency, MoneySum};
use crate::projection::acquisition::{Acquisition, AcquisitionView, Origin};
use crate::projection::exchange::{Counted, Exchange, MixedCurrencies};
use crate::projection::revenue::Month;
use crate::projection::value::{HistoricValue, ValueView};
use crate::time::{Timestamp, Zone};

/// Historic value of everybody who has ordered.
///
/// A customer belongs to the cohort of the calendar month of the first order, and to the channel and campaign of the first
/// touch. A refund that came before the first order counts in the month of the cohort. Refunds of customers without any
/// order are in no row: they are told apart, so nothing is lost.
///
/// # Laws
/// As every [`Report`]. Cohorts add up to the total, and so do channels, and campaigns; the last cumulative sum of a
/// cohort is its net.
///
/// # Example
/// ```
/// use tenure_core::fold::{Projection, fold};
/// use tenure_core::id::CustomerId;
/// use tenure_core::report::value::ValueReport;
/// use tenure_core::report::{Report, Shown};
/// use tenure_core::{Policy, Timestamp};
/// let projection = ValueReport::projection(&Policy::default().exchange());
/// let report = ValueReport::new(projection.0.exchange(), Timestamp::MAX, 10);
/// let mut acc = Default::default();
/// let view = projection.view(&fold(&projection, []), Timestamp::MAX);
/// report.add(&mut acc, Shown { id: CustomerId::from_bytes([1; 16]), name: "shop:ann" }, &view);
/// assert_eq!(report.finish(acc)?.total.customers, 0); // she ordered nothing
/// # Ok::<(), tenure_core::projection::exchange::MixedCurrencies>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ValueReport {
    zone: Zone,
    currency: Option<Currency>,
    as_of: Timestamp,
    most: usize,
}

impl ValueReport {
    /// The report over views of [`Self::projection`] as of an instant; the `most` customers who brought most are named.
    pub const fn new(exchange: &Exchange, as_of: Timestamp, most: usize) -> Self {
        Self { zone: exchange.zone(), currency: exchange.currency(), as_of, most }
    }

    /// What it reads of a customer.
    pub fn projection(exchange: &Exchange) -> (HistoricValue, Acquisition) {
        (HistoricValue::new(exchange.clone()), Acquisition::new(exchange.clone()))
    }
}

/// The sum so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueSum {
    /// Those who ordered, by cohort and first touch: what every table is made of.
    cells: BTreeMap<(Month, Origin), Cell>,
    first: BTreeMap<Rank, CustomerValue>,
    without_order: Spread,
    counted: Counted,
}

/// Most value first, then by name; the id tells apart who is shown alike.
type Rank = (Reverse<i128>, String, CustomerId);

/// The customers of one cohort and first touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Cell {
    orders: u64,
    nets: Spread,
    /// Net in the n-th month after that of the first order.
    by_age: BTreeMap<u32, i128>,
}

impl Cell {
    fn merge(&mut self, other: &Self) {
        self.orders = self.orders.saturating_add(other.orders);
        self.nets.merge(&other.nets);
        for (age, minor) in &other.by_age {
            let net = self.by_age.entry(*age).or_default();
            *net = net.saturating_add(*minor);
        }
    }
}

impl ValueReport {
    fn trim(&self, first: &mut BTreeMap<Rank, CustomerValue>) {
        while first.len() > self.most {
            first.pop_last();
        }
    }
}

impl Report for ValueReport {
    type View = (ValueView, AcquisitionView);
    type Acc = ValueSum;
    type Answer = Result<ValueAnswer, MixedCurrencies>;

    fn add(&self, sum: &mut ValueSum, customer: Shown<'_>, (value, acquisition): &Self::View) {
        sum.counted.add(&value.counted);
        let net = value.net_minor();
        let Some(first_order) = value.first_order else {
            if value.refunds > 0 {
                sum.without_order.add(net);
            }
            return;
        };
        let (cohort, origin) = (Month::of(self.zone, first_order), acquisition.origin());
        let cell = sum.cells.entry((cohort, origin.clone())).or_default();
        cell.orders = cell.orders.saturating_add(value.orders);
        cell.nets.add(net);
        for (month, minor) in &value.months {
            let of_age = cell.by_age.entry(month.since(cohort)).or_default();
            *of_age = of_age.saturating_add(*minor);
        }
        let rank = (Reverse(net), customer.name.to_owned(), customer.id);
        if self.most > 0
            && (sum.first.len() < self.most
                || sum.first.last_key_value().is_some_and(|(last, _)| rank < *last))
        {
            // The currency is only known at the end.
            let net = MoneySum { minor: net, currency: Currency::NONE };
            let Origin { channel, campaign } = origin;
            let row = CustomerValue {
                customer: customer.name.to_owned(),
                net,
                orders: value.orders,
                refunds: value.refunds,
                first_order,
                channel,
                campaign,
            };
            sum.first.insert(rank, row);
            self.trim(&mut sum.first);
        }
    }

    fn merge(&self, into: &mut ValueSum, other: ValueSum) {
        for (key, cell) in other.cells {
            into.cells.entry(key).or_default().merge(&cell);
        }
        into.first.extend(other.first);
        self.trim(&mut into.first);
        into.without_order.merge(&other.without_order);
        into.counted.add(&other.counted);
    }

    /// # Errors
    /// [`MixedCurrencies`] if the policy names no currency and the amounts have several.
    fn finish(&self, sum: ValueSum) -> Self::Answer {
        let currency = sum.counted.currency(self.currency)?;
        let money = |minor| MoneySum { minor, currency };
        let rows = |name: fn(&Origin) -> &Option<String>| {
            let mut groups: BTreeMap<&Option<String>, Cell> = BTreeMap::new();
            for ((_, origin), cell) in &sum.cells {
                groups.entry(name(origin)).or_default().merge(cell);
            }
            let rows = groups.iter().map(|(name, cell)| ValueRow::new((*name).clone(), cell, currency));
            let mut rows: Vec<ValueRow> = rows.collect();
            // Groups are in order of names, and stay so where they brought alike.
            rows.sort_by_key(|row| Reverse(row.net.minor));
            rows
        };
        let mut total = Cell::default();
        let mut cohorts: BTreeMap<Month, Cell> = BTreeMap::new();
        for ((cohort, _), cell) in &sum.cells {
            total.merge(cell);
            cohorts.entry(*cohort).or_default().merge(cell);
        }
        let now = Month::of(self.zone, self.as_of);
        let cohorts = cohorts.iter().map(|(cohort, cell)| {
            let ages = 0..=now.since(*cohort);
            let mut so_far = 0_i128;
            let cumulative = ages.clone().map(|age| {
                so_far = so_far.saturating_add(cell.by_age.get(&age).copied().unwrap_or_default());
                money(so_far)
            });
            let cumulative = cumulative.collect();
            let is_over =
                |age| cohort.plus(i32::try_from(age).unwrap_or(i32::MAX)).is_over(self.zone, self.as_of);
            CohortRow {
                cohort: cohort.to_string(),
                value: ValueRow::new(None, cell, currency),
                cumulative,
                complete: ages.map(is_over).collect(),
            }
        });
        Ok(ValueAnswer {
            total: ValueRow::new(None, &total, currency),
            cohorts: cohorts.collect(),
            channels: rows(|origin| &origin.channel),
            campaigns: rows(|origin| &origin.campaign),
            customers: sum
                .first
                .into_values()
                .map(|row| CustomerValue { net: money(row.net.minor), ..row })
                .collect(),
            without_order: WithoutOrder {
                customers: sum.without_order.customers(),
                net: money(sum.without_order.sum()),
            },
            without_amount: sum.counted.without_amount,
            missing_rate: sum.counted.missing_rate,
        })
    }
}

/// What customers have brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueAnswer {
    /// All who have ordered.
    pub total: ValueRow,
    /// By the month of the first order; only months with one.
    pub cohorts: Vec<CohortRow>,
    /// By the channel of the first touch, the one that brought most first.
    pub channels: Vec<ValueRow>,
    /// By the campaign of the first touch likewise.
    pub campaigns: Vec<ValueRow>,
    /// Those who brought most, by net and then by name; as many as were asked for.
    pub customers: Vec<CustomerValue>,
    /// Those who were paid back and never ordered: in nothing above.
    pub without_order: WithoutOrder,
    /// Orders and refunds without an amount: counted, with zero money.
    pub without_amount: u64,
    /// Amounts left out for want of a rate; their orders and refunds are counted.
    pub missing_rate: u64,
}

/// A group of customers who have ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValueRow {
    /// The channel or campaign; none for all, and for those of whom none is known.
    pub name: Option<String>,
    /// How many.
    pub customers: u64,
    /// Their orders.
    pub orders: u64,
    /// Orders less refunds.
    pub net: MoneySum,
    /// Net of a customer, half-even to the minor unit; none of nobody.
    pub average: Option<MoneySum>,
    /// The net that half of the customers do not exceed, by nearest rank; none of nobody.
    pub median: Option<MoneySum>,
}

impl ValueRow {
    fn new(name: Option<String>, cell: &Cell, currency: Currency) -> Self {
        let money = |minor| MoneySum { minor, currency };
        Self {
            name,
            customers: cell.nets.customers(),
            orders: cell.orders,
            net: money(cell.nets.sum()),
            average: cell.nets.average().map(money),
            median: cell.nets.median().map(money),
        }
    }
}

/// Those who ordered first in one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CohortRow {
    /// The month, as `2024-06`.
    pub cohort: String,
    /// What they have brought; `name` is none.
    #[serde(flatten)]
    pub value: ValueRow,
    /// Net up to the end of the n-th month after the first one, from 0 to the month of the answer.
    pub cumulative: Vec<MoneySum>,
    /// Whether that month is over, or the sum may still change.
    pub complete: Vec<bool>,
}

/// What one customer has brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CustomerValue {
    /// As the customer is shown.
    pub customer: String,
    /// Orders less refunds.
    pub net: MoneySum,
    /// Orders.
    pub orders: u64,
    /// Refunds.
    pub refunds: u64,
    /// When the first order was placed.
    pub first_order: Timestamp,
    /// The channel of the first touch, where one is known.
    pub channel: Option<String>,
    /// The campaign of the first touch, where there was one.
    pub campaign: Option<String>,
}

/// Customers with refunds and no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WithoutOrder {
    /// How many.
    pub customers: u64,
    /// What they brought: zero or less.
    pub net: MoneySum,
}
