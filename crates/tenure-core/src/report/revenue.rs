//! Revenue of a population, month by month.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Report, Shown};
use crate::money::{Currency, MoneySum};
use crate::projection::revenue::{Month, MonthSums, Revenue, RevenueView};

/// Orders, customers, gross, refunds and net per calendar month.
///
/// # Example
/// ```
/// use tenure_core::id::CustomerId;
/// use tenure_core::projection::revenue::{Revenue, RevenueView};
/// use tenure_core::report::revenue::RevenueReport;
/// use tenure_core::report::{Report, Shown};
/// use tenure_core::{Rates, Zone};
/// let report = RevenueReport::new(&Revenue::new(Zone::UTC, None, Rates::default()));
/// let mut acc = Default::default();
/// report.add(&mut acc, Shown { id: CustomerId::from_bytes([1; 16]), name: "shop:ann" }, &RevenueView::default());
/// assert!(report.finish(acc)?.months.is_empty()); // she ordered nothing
/// # Ok::<(), tenure_core::report::revenue::RevenueError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RevenueReport {
    currency: Option<Currency>,
}

impl RevenueReport {
    /// The report over views of `revenue`.
    pub const fn new(revenue: &Revenue) -> Self {
        Self { currency: revenue.currency() }
    }
}

/// The sum so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevenueAcc {
    /// By month, with the customers who ordered in it.
    months: BTreeMap<Month, (u64, MonthSums)>,
    /// Customers who ordered in any month.
    customers: u64,
    all: RevenueView,
}

impl Report for RevenueReport {
    type View = RevenueView;
    type Acc = RevenueAcc;
    type Answer = Result<RevenueAnswer, RevenueError>;

    fn add(&self, acc: &mut RevenueAcc, _: Shown<'_>, view: &RevenueView) {
        let ordered = |sums: &MonthSums| u64::from(sums.orders > 0);
        let of_one = RevenueAcc {
            months: view.months.iter().map(|(month, sums)| (*month, (ordered(sums), *sums))).collect(),
            customers: view.months.values().map(ordered).max().unwrap_or_default(),
            all: RevenueView { months: BTreeMap::new(), ..view.clone() },
        };
        self.merge(acc, of_one);
    }

    fn merge(&self, into: &mut RevenueAcc, other: RevenueAcc) {
        for (month, (customers, sums)) in other.months {
            let (of_month, all) = into.months.entry(month).or_default();
            *of_month = of_month.saturating_add(customers);
            all.add(&sums);
        }
        into.customers = into.customers.saturating_add(other.customers);
        for currency in other.all.currencies.into_iter().flat_map(|(first, last)| [first, last]) {
            into.all.see(currency);
        }
        into.all.without_amount = into.all.without_amount.saturating_add(other.all.without_amount);
        into.all.missing_rate = into.all.missing_rate.saturating_add(other.all.missing_rate);
    }

    /// # Errors
    /// [`RevenueError::MixedCurrencies`] if the policy names no currency and the amounts have several.
    fn finish(&self, acc: RevenueAcc) -> Self::Answer {
        let currency = match (self.currency, acc.all.currencies) {
            (Some(currency), _) => currency,
            (None, None) => Currency::NONE,
            (None, Some((first, last))) if first == last => first,
            (None, Some((first, second))) => return Err(RevenueError::MixedCurrencies { first, second }),
        };
        let mut months = Vec::new();
        let mut sums = MonthSums::default();
        let ends = acc.months.keys().next().zip(acc.months.keys().next_back());
        let (mut month, last) = match ends {
            Some((first, last)) => (*first, Some(*last)),
            None => (Month::default(), None),
        };
        // Months in which nothing happened stand in the table, too: a gap is news.
        while last.is_some_and(|last| month <= last) {
            let (customers, of_month) = acc.months.get(&month).copied().unwrap_or_default();
            sums.add(&of_month);
            months.push(RevenueRow::new(Some(month), customers, &of_month, currency));
            month = month.next();
        }
        Ok(RevenueAnswer {
            total: RevenueRow::new(None, acc.customers, &sums, currency),
            months,
            without_amount: acc.all.without_amount,
            missing_rate: acc.all.missing_rate,
        })
    }
}

/// The answer of `tenure revenue`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevenueAnswer {
    /// From the first month with an order or a refund to the last, without gaps.
    pub months: Vec<RevenueRow>,
    /// All of them; a customer who ordered in several months is one.
    pub total: RevenueRow,
    /// Orders and refunds without an amount: counted, with zero money.
    pub without_amount: u64,
    /// Amounts left out for want of a rate; their orders and refunds are counted.
    pub missing_rate: u64,
}

/// One month, or all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RevenueRow {
    /// As `2024-06`; none for the total.
    pub month: Option<String>,
    /// Orders.
    pub orders: u64,
    /// Customers with an order.
    pub customers: u64,
    /// What was ordered.
    pub gross: MoneySum,
    /// How many refunds.
    pub refunds: u64,
    /// What was paid back.
    pub refunded: MoneySum,
    /// Gross less refunded.
    pub net: MoneySum,
}

impl RevenueRow {
    fn new(month: Option<Month>, customers: u64, sums: &MonthSums, currency: Currency) -> Self {
        let money = |minor| MoneySum { minor, currency };
        Self {
            month: month.map(|month| month.to_string()),
            orders: sums.orders,
            customers,
            gross: money(sums.gross_minor),
            refunds: sums.refunds,
            refunded: money(sums.refunded_minor),
            net: money(sums.gross_minor.saturating_sub(sums.refunded_minor)),
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevenueError {
    /// **What to do:** name a currency in the policy, and rates.
    #[error(
        "amounts in {first} and in {second} cannot be added up: the policy names no one currency for them"
    )]
    MixedCurrencies {
        /// One of them.
        first: Currency,
        /// Another one.
        second: Currency,
    },
}

impl RevenueError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        "name one by `currency = \"...\"` in the policy, with a [[rate]] (day, from, to, rate) for each other one"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::{Projection, fold};
    use crate::id::{Customer, CustomerId, EventId};
    use crate::rates::Rates;
    use crate::time::{Timestamp, Zone};
    use crate::{CustomerEvent, Event, Money};

    fn fact(at: &str, amount: Option<&str>, order: bool) -> Event {
        let (minor, code) = amount.map_or(("", ""), |text| text.split_once(' ').unwrap());
        let money = amount.map(|_| Money::parse(minor, code.parse().unwrap()).unwrap());
        let fact = if order {
            CustomerEvent::OrderPlaced { order: None, total: money, lines: vec![] }
        } else {
            CustomerEvent::OrderRefunded { order: None, refund: money }
        };
        let who = Customer::parse("ann", "shop").unwrap();
        let id = EventId::from_foreign("t", &format!("{at}{amount:?}{order}"));
        Event::new(id, who, Timestamp::parse(at).unwrap(), fact).unwrap()
    }

    fn view(revenue: &Revenue, facts: &[Event]) -> RevenueView {
        revenue.view(&fold(revenue, facts.iter().map(Event::view)), Timestamp::MAX)
    }

    fn answer(revenue: &Revenue, views: &[RevenueView]) -> Result<RevenueAnswer, RevenueError> {
        let report = RevenueReport::new(revenue);
        let (mut serial, mut merged) = (RevenueAcc::default(), RevenueAcc::default());
        let shown = Shown { id: CustomerId::from_bytes([1; 16]), name: "shop:ann" };
        for view in views {
            report.add(&mut serial, shown, view);
        }
        for view in views.iter().rev() {
            let mut one = RevenueAcc::default();
            report.add(&mut one, shown, view);
            report.merge(&mut merged, one);
        }
        assert_eq!(serial, merged);
        report.finish(serial)
    }

    #[test]
    fn a_month_is_one_of_the_zone_and_months_without_anything_have_a_row() {
        let revenue = Revenue::new("Asia/Shanghai".parse().unwrap(), None, Rates::default());
        let ann = view(
            &revenue,
            &[
                fact("2024-01-31T16:00:00Z", Some("10.00 CNY"), true),
                fact("2024-04-01T00:00:00Z", Some("4.00 CNY"), false),
                fact("2024-04-02T00:00:00Z", None, true),
            ],
        );
        let ben = view(&revenue, &[fact("2024-02-01T00:00:00Z", Some("1.00 CNY"), true)]);
        let answer = answer(&revenue, &[ann, ben]).unwrap();
        let rows: Vec<_> = answer
            .months
            .iter()
            .map(|row| (row.month.as_deref().unwrap(), row.orders, row.customers, row.net.minor))
            .collect();
        assert_eq!(rows, [("2024-02", 2, 2, 1_100), ("2024-03", 0, 0, 0), ("2024-04", 1, 1, -400)]);
        assert_eq!((answer.total.customers, answer.total.orders, answer.total.refunds), (2, 3, 1));
        assert_eq!((answer.total.net.minor, answer.without_amount), (700, 1));
    }

    #[test]
    fn other_currencies_are_refused_without_a_currency_and_counted_without_a_rate() {
        let facts = [
            fact("2024-01-01T00:00:00Z", Some("10.00 USD"), true),
            fact("2024-01-02T00:00:00Z", Some("1.00 EUR"), true),
        ];
        let open = Revenue::new(Zone::UTC, None, Rates::default());
        let error = answer(&open, &[view(&open, &facts)]).unwrap_err();
        assert!(error.to_string().contains("EUR") && error.to_string().contains("USD"), "{error}");
        let dollars = Revenue::new(Zone::UTC, Some("USD".parse().unwrap()), Rates::default());
        let answer = answer(&dollars, &[view(&dollars, &facts)]).unwrap();
        assert_eq!((answer.total.orders, answer.total.net.minor, answer.missing_rate), (2, 1_000, 1));
    }
}
