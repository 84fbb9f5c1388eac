//! Monthly recurring revenue of a population, how it moves from month to month, and how much of it stays.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Report, Shown};
use crate::money::{Currency, MoneySum};
use crate::projection::exchange::{Counted, Exchange, MixedCurrencies};
use crate::projection::recurring::RecurringView;
use crate::projection::revenue::Month;
use crate::time::{Timestamp, Zone};

/// MRR at the beginning and the end of each calendar month, and what lies between.
///
/// All subscriptions of a customer count together, and a customer moves once a month: by what the end of the month differs
/// from its beginning. So who moves from one plan to another, or is gone for a week, has not left.
///
/// # Laws
/// As every [`Report`]. Of every month, to the minor unit: closing = opening + new + expansion + reactivated −
/// contraction − churned, and its opening is the closing of the month before; of customers likewise, without expansion
/// and contraction. Gross retention lies in `0.0..=1.0` and never above net retention.
///
/// # Example
/// ```
/// use tenure_core::projection::recurring::{RecurringView, Step};
/// use tenure_core::projection::revenue::Month;
/// use tenure_core::id::CustomerId;
/// use tenure_core::report::recurring::RecurringReport;
/// use tenure_core::report::{Report, Shown};
/// use tenure_core::{Policy, Timestamp, Zone};
/// let at = |text| Timestamp::parse(text);
/// let as_of = at("2024-06-30T23:59:59.999999Z")?;
/// let report = RecurringReport::new(&Policy::default().exchange(), Month::of(Zone::UTC, at("2024-05-01T00:00:00Z")?), as_of);
/// let steps = vec![
///     Step { at: at("2024-04-10T00:00:00Z")?, minor: 1_000 },
///     Step { at: at("2024-06-10T00:00:00Z")?, minor: 1_500 },
/// ];
/// let mut acc = Default::default();
/// let view = RecurringView { steps, ..RecurringView::default() };
/// report.add(&mut acc, Shown { id: CustomerId::from_bytes([1; 16]), name: "shop:ann" }, &view);
/// let june = &report.finish(acc)?.months[1];
/// assert_eq!((june.mrr.opening.minor, june.mrr.expansion.minor, june.mrr.closing.minor), (1_000, 500, 1_500));
/// assert_eq!((june.retention.gross, june.retention.net), (Some(1.0), Some(1.5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RecurringReport {
    currency: Option<Currency>,
    months: Vec<Edges>,
    as_of: Timestamp,
}

/// The instants at which a month is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Edges {
    month: Month,
    /// The last one before it; none before 1970.
    opens: Option<Timestamp>,
    /// The last one before the twelve months that end with it.
    year_opens: Option<Timestamp>,
    /// Its last one, or that of the answer.
    closes: Timestamp,
    complete: bool,
}

/// The last instant before a month; none before 1970.
fn before(month: Month, zone: Zone) -> Option<Timestamp> {
    Timestamp::from_micros(month.start(zone)?.as_micros() - 1)
}

impl RecurringReport {
    /// The report over views of a [`Recurring`](crate::projection::recurring::Recurring) with this exchange, from a month on
    /// to that of `as_of`; no months if it lies before.
    pub fn new(exchange: &Exchange, first: Month, as_of: Timestamp) -> Self {
        let zone = exchange.zone();
        let last = Month::of(zone, as_of);
        let mut months = Vec::new();
        let mut month = first;
        while month <= last {
            let closes = before(month.next(), zone).map_or(as_of, |end| end.min(as_of));
            months.push(Edges {
                month,
                opens: before(month, zone),
                year_opens: before(month.plus(-11), zone),
                closes,
                complete: month.is_over(zone, as_of),
            });
            month = month.next();
        }
        Self { currency: exchange.currency(), months, as_of }
    }
}

/// The sum so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecurringSum {
    months: BTreeMap<Month, MonthSum>,
    mrr: i128,
    customers: u64,
    subscriptions: u64,
    subscribers: u64,
    not_running: u64,
    counted: Counted,
}

/// What moved in a month, and what is left of what there was a year before its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct MonthSum {
    mrr: Movements<i128>,
    customers: Movements<u64>,
    year: Kept,
}

/// Of what there was, what there still is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kept {
    opening: i128,
    /// Without what grew.
    gross: i128,
    /// With it.
    net: i128,
    customers: u64,
    lost: u64,
}

impl Kept {
    const fn add(&mut self, other: &Self) {
        self.opening = self.opening.saturating_add(other.opening);
        self.gross = self.gross.saturating_add(other.gross);
        self.net = self.net.saturating_add(other.net);
        self.customers = self.customers.saturating_add(other.customers);
        self.lost = self.lost.saturating_add(other.lost);
    }

    fn of(opening: i128, closing: i128) -> Self {
        if opening <= 0 {
            return Self::default();
        }
        let lost = u64::from(closing <= 0);
        Self { opening, gross: opening.min(closing), net: closing, customers: 1, lost }
    }

    fn retention(&self) -> Retention {
        Retention {
            gross: ratio(self.gross, self.opening),
            net: ratio(self.net, self.opening),
            logo_churn: ratio(self.lost.into(), self.customers.into()),
        }
    }
}

/// A part of a whole; none of nothing.
#[expect(clippy::cast_precision_loss, reason = "a ratio for people; sums stay exact beside it")]
fn ratio(part: i128, of: i128) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

impl MonthSum {
    fn of(view: &RecurringView, edges: &Edges) -> Self {
        let at = |instant: Option<Timestamp>| instant.map_or(0, |instant| view.at(instant));
        let (opening, closing) = (at(edges.opens), view.at(edges.closes));
        let grown = closing.saturating_sub(opening);
        let mut mrr = Movements { opening, closing, ..Movements::default() };
        let mut customers = Movements {
            opening: (opening > 0).into(),
            closing: (closing > 0).into(),
            ..Movements::default()
        };
        let moved = match (opening > 0, closing > 0) {
            (false, true) if edges.opens.is_some_and(|opens| view.ever_by(opens)) => {
                Some((&mut mrr.reactivated, &mut customers.reactivated))
            }
            (false, true) => Some((&mut mrr.new, &mut customers.new)),
            (true, false) => Some((&mut mrr.churned, &mut customers.churned)),
            (true, true) if grown > 0 => Some((&mut mrr.expansion, &mut customers.expansion)),
            (true, true) if grown < 0 => Some((&mut mrr.contraction, &mut customers.contraction)),
            _ => None,
        };
        if let Some((minor, count)) = moved {
            *minor = grown.saturating_abs();
            *count = 1;
        }
        Self { mrr, customers, year: Kept::of(at(edges.year_opens), closing) }
    }

    fn add(&mut self, other: &Self) {
        self.mrr = self.mrr.with(&other.mrr, i128::saturating_add);
        self.customers = self.customers.with(&other.customers, u64::saturating_add);
        self.year.add(&other.year);
    }

    /// Of the month alone.
    fn retention(&self) -> Retention {
        let Movements { opening, expansion, contraction, churned, .. } = self.mrr;
        let gross = opening.saturating_sub(contraction).saturating_sub(churned);
        let net = gross.saturating_add(expansion);
        let (customers, lost) = (self.customers.opening, self.customers.churned);
        Kept { opening, gross, net, customers, lost }.retention()
    }
}

impl Report for RecurringReport {
    type View = RecurringView;
    type Acc = RecurringSum;
    type Answer = Result<RecurringAnswer, MixedCurrencies>;

    fn add(&self, sum: &mut RecurringSum, _: Shown<'_>, view: &RecurringView) {
        let now = view.at(self.as_of);
        let months = self.months.iter().filter(|_| !view.steps.is_empty());
        let of_one = RecurringSum {
            months: months.map(|edges| (edges.month, MonthSum::of(view, edges))).collect(),
            mrr: now,
            customers: (now > 0).into(),
            subscriptions: view.running,
            subscribers: (view.starts > 0).into(),
            not_running: view.not_running,
            counted: view.counted.clone(),
        };
        self.merge(sum, of_one);
    }

    fn merge(&self, into: &mut RecurringSum, other: RecurringSum) {
        for (month, sum) in &other.months {
            into.months.entry(*month).or_default().add(sum);
        }
        into.mrr = into.mrr.saturating_add(other.mrr);
        into.customers = into.customers.saturating_add(other.customers);
        into.subscriptions = into.subscriptions.saturating_add(other.subscriptions);
        into.subscribers = into.subscribers.saturating_add(other.subscribers);
        into.not_running = into.not_running.saturating_add(other.not_running);
        into.counted.add(&other.counted);
    }

    /// # Errors
    /// [`MixedCurrencies`] if the policy names no currency and the amounts have several.
    fn finish(&self, sum: RecurringSum) -> Self::Answer {
        let currency = sum.counted.currency(self.currency)?;
        let money = |minor| MoneySum { minor, currency };
        let months = self.months.iter().map(|edges| {
            let of_month = sum.months.get(&edges.month).copied().unwrap_or_default();
            RecurringRow {
                month: edges.month.to_string(),
                mrr: of_month.mrr.map(money),
                customers: of_month.customers,
                retention: of_month.retention(),
                trailing_year: of_month.year.retention(),
                complete: edges.complete,
            }
        });
        Ok(RecurringAnswer {
            months: months.collect(),
            mrr: money(sum.mrr),
            customers: sum.customers,
            subscriptions: sum.subscriptions,
            subscribers: sum.subscribers,
            not_running: sum.not_running,
            without_amount: sum.counted.without_amount,
            missing_rate: sum.counted.missing_rate,
        })
    }
}

/// Recurring revenue, and how it moved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecurringAnswer {
    /// Month after month.
    pub months: Vec<RecurringRow>,
    /// MRR as of the answer.
    pub mrr: MoneySum,
    /// Customers with MRR above 0.
    pub customers: u64,
    /// Subscriptions that run, those for nothing among them.
    pub subscriptions: u64,
    /// Customers who ever had one.
    pub subscribers: u64,
    /// Changes and renewals of subscriptions that did not run: they say nothing.
    pub not_running: u64,
    /// Starts without an amount: they run for nothing until an amount is told.
    pub without_amount: u64,
    /// Amounts left out for want of a rate.
    pub missing_rate: u64,
}

/// One month.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RecurringRow {
    /// As `2024-06`.
    pub month: String,
    /// Of money.
    pub mrr: Movements<MoneySum>,
    /// Of customers with MRR above 0.
    pub customers: Movements<u64>,
    /// From the beginning of the month to its end.
    pub retention: Retention,
    /// From the beginning of the twelve months that end with it to its end.
    pub trailing_year: Retention,
    /// Whether the month is over, or ends with the answer.
    pub complete: bool,
}

/// What there was at the beginning of a month, what moved, and what there is at its end.
///
/// | movement | of a customer with MRR |
/// |---|---|
/// | `new` | at the end, and never before the month |
/// | `reactivated` | at the end and not at the beginning, but some time before |
/// | `expansion`, `contraction` | at both, and more or less at the end |
/// | `churned` | at the beginning and not at the end |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Movements<T> {
    /// At the beginning.
    pub opening: T,
    /// Of who never had any.
    pub new: T,
    /// What those who stay have more.
    pub expansion: T,
    /// Of who had some before.
    pub reactivated: T,
    /// What those who stay have less.
    pub contraction: T,
    /// Of who has none any more.
    pub churned: T,
    /// At the end.
    pub closing: T,
}

impl<T: Copy> Movements<T> {
    fn with(&self, other: &Self, add: impl Fn(T, T) -> T) -> Self {
        Self {
            opening: add(self.opening, other.opening),
            new: add(self.new, other.new),
            expansion: add(self.expansion, other.expansion),
            reactivated: add(self.reactivated, other.reactivated),
            contraction: add(self.contraction, other.contraction),
            churned: add(self.churned, other.churned),
            closing: add(self.closing, other.closing),
        }
    }

    fn map<U>(&self, to: impl Fn(T) -> U) -> Movements<U> {
        Movements {
            opening: to(self.opening),
            new: to(self.new),
            expansion: to(self.expansion),
            reactivated: to(self.reactivated),
            contraction: to(self.contraction),
            churned: to(self.churned),
            closing: to(self.closing),
        }
    }
}

/// How much of what there was stays. New and reactivated customers play no part in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Retention {
    /// Gross revenue retention: of the MRR at the beginning, what those customers still pay, at most what each paid;
    /// 0 to 1, none without MRR at the beginning.
    pub gross: Option<f64>,
    /// Net revenue retention: what those customers pay now, growth included; 0 and more.
    pub net: Option<f64>,
    /// Of the customers at the beginning, the share that has no MRR any more; 0 to 1.
    pub logo_churn: Option<f64>,
}
