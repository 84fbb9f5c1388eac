//! Histories of few customers at few instants, so that ties, late refunds and started-again subscriptions are common; and
//! what the definitions need to know of them.

use std::collections::BTreeMap;

use chrono::Datelike;
use proptest::prelude::*;
use proptest::sample::select;
use tenure_core::fold::{Projection, States};
use tenure_core::log::{Append, Cut, Log};
use tenure_core::projection::exchange::Exchange;
use tenure_core::report::{Report, add_all};
use tenure_core::{
    Currency, Customer, CustomerEvent, Duration, Event, EventId, Kind, Money, Period, Rates, Timestamp, Zone,
};

/// 2024-01-01T00:00:00Z.
const START: i64 = 1_704_067_200_000_000;
const HOUR: i64 = 3_600_000_000;

pub fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

pub fn usd(minor: i64) -> Money {
    Money::from_minor(minor, currency("USD"))
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// None for yen, and none for euro before February.
pub fn rates() -> Rates {
    serde_json::from_str(
        r#"[{"day":"2024-02-01","from":"EUR","to":"USD","rate":"1.085"},
            {"day":"2024-06-16","from":"EUR","to":"USD","rate":"1.115"}]"#,
    )
    .unwrap()
}

/// Into dollars, or as amounts are, in zones whose months begin at other instants.
pub fn exchange() -> impl Strategy<Value = Exchange> {
    let zone = select(vec!["UTC", "Asia/Shanghai", "America/New_York"]);
    (zone, prop::bool::weighted(0.8)).prop_map(|(zone, convert)| {
        Exchange::new(zone.parse().unwrap(), convert.then(|| currency("USD")), rates())
    })
}

/// On a grid of 24 days over sixteen months, at midnights of UTC, of Shanghai and of New York, and just before them.
pub fn instant() -> impl Strategy<Value = Timestamp> {
    (0..20_i64, select(vec![0, 0, 4, 16]), prop::bool::weighted(0.1)).prop_map(|(step, hour, before)| {
        let micros = START + (step * 24 * 24 + hour) * HOUR - i64::from(before && step > 0);
        Timestamp::from_micros(micros).unwrap()
    })
}

fn amount() -> impl Strategy<Value = Option<Money>> {
    let codes = prop_oneof![8 => Just("USD"), 2 => Just("EUR"), 1 => Just("JPY")];
    let minor = prop_oneof![1 => Just(0), 6 => 1..20_000_i64];
    prop::option::weighted(
        0.85,
        (minor, codes).prop_map(|(minor, code)| Money::from_minor(minor, currency(code))),
    )
}

fn name() -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.8, select(vec!["a", "b"]).prop_map(str::to_owned))
}

fn period() -> impl Strategy<Value = Option<Period>> {
    prop::option::weighted(
        0.8,
        select(vec![Period::Day, Period::Week, Period::Month, Period::Quarter, Period::Year]),
    )
}

fn fact() -> impl Strategy<Value = CustomerEvent> {
    prop_oneof![
        4 => amount().prop_map(|total| CustomerEvent::OrderPlaced { order: None, total, lines: vec![] }),
        2 => amount().prop_map(|refund| CustomerEvent::OrderRefunded { order: None, refund }),
        3 => (name(), amount()).prop_map(|(campaign, cost)| CustomerEvent::LeadCaptured { campaign, cost }),
        6 => (name(), amount(), period()).prop_map(|(subscription, recurring, period)| {
            CustomerEvent::SubscriptionStarted { subscription, recurring, period }
        }),
        2 => (name(), amount(), period()).prop_map(|(subscription, recurring, period)| {
            CustomerEvent::SubscriptionChanged { subscription, recurring, period }
        }),
        2 => (name(), amount(), period()).prop_map(|(subscription, recurring, period)| {
            CustomerEvent::SubscriptionRenewed { subscription, recurring, period }
        }),
        2 => name().prop_map(|subscription| CustomerEvent::SubscriptionEnded { subscription }),
        1 => name().prop_map(|subscription| CustomerEvent::SubscriptionCancelled { subscription, reason: None }),
        1 => name().prop_map(|contract| CustomerEvent::ContractSigned { contract, value: None, start: None, end: None }),
        1 => Just(CustomerEvent::SessionStarted {}),
    ]
}

/// Up to forty facts of four customers, in no order.
pub fn facts() -> impl Strategy<Value = Vec<Event>> {
    let channel = prop::option::of(select(vec!["web", "ads"]));
    let one = (any::<[u8; 16]>(), 0..4_u8, instant(), fact(), channel);
    prop::collection::vec(one, 0..40).prop_map(|facts| {
        let unique: BTreeMap<EventId, Event> = facts
            .into_iter()
            .map(|(id, customer, at, fact, channel)| {
                let id = EventId::from_bytes(id);
                let customer = Customer::parse(&format!("c{customer}"), "test").unwrap();
                let event = Event::new(id, customer, at, fact).unwrap();
                (
                    id,
                    match channel {
                        Some(channel) => event.with_channel(channel).unwrap(),
                        None => event,
                    },
                )
            })
            .collect();
        unique.into_values().collect()
    })
}

/// A report over a log of these facts, as the product makes it.
pub fn reported<P, R>(projection: &P, report: &R, facts: &[Event], as_of: Timestamp) -> R::Answer
where
    P: Projection + Clone,
    R: Report<View = P::View>,
{
    let mut log = Log::new();
    if !facts.is_empty() {
        log.append(&Append::new(facts.to_vec()), Timestamp::MAX).unwrap();
    }
    let states = States::of_log(projection.clone(), Cut::as_of(as_of), &log);
    report.finish(add_all(report, &states, as_of))
}

/// The facts of each customer up to an instant, by the name shown.
pub fn by_customer(facts: &[Event], as_of: Timestamp) -> BTreeMap<String, Vec<&Event>> {
    let mut customers: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.occurred_at() <= as_of) {
        customers.entry(fact.customer().key().unwrap().to_string()).or_default().push(fact);
    }
    customers
}

pub fn of_kind<'a>(facts: &'a [&'a Event], kinds: &'a [Kind]) -> impl Iterator<Item = &'a Event> {
    facts.iter().copied().filter(move |fact| kinds.contains(&fact.view().kind))
}

/// Months since the year 0 by the local calendar.
pub fn month(zone: Zone, at: Timestamp) -> i32 {
    let date = zone.date(at);
    date.year() * 12 + i32::try_from(date.month0()).unwrap()
}

pub fn shown(month: i32) -> String {
    format!("{:04}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1)
}

/// Whether the next microsecond belongs to a later month.
pub fn is_over(zone: Zone, number: i32, as_of: Timestamp) -> bool {
    let next = Timestamp::from_micros(as_of.as_micros() + 1).unwrap();
    month(zone, next) > number
}

/// Minor units of the exchange; none without an amount or a rate.
pub fn converted(exchange: &Exchange, amount: Option<Money>, at: Timestamp) -> Option<i128> {
    let amount = amount?;
    let to = exchange.currency().unwrap_or(amount.currency);
    rates().convert(amount, to, exchange.zone().date(at)).ok().map(|money| money.minor.into())
}

/// The nearest whole number, the even one of two, by trying both neighbours.
pub fn nearest(sum: i128, of: i128) -> i128 {
    let floor = sum.div_euclid(of);
    let (below, above) = (sum - floor * of, (floor + 1) * of - sum);
    if below < above || (below == above && floor % 2 == 0) { floor } else { floor + 1 }
}

/// All currencies that count: none, one, or too many.
pub fn currencies(
    exchange: &Exchange,
    facts: impl Iterator<Item = (Option<Money>, Timestamp)>,
) -> Vec<Currency> {
    let mut seen: Vec<Currency> = facts
        .filter(|(amount, at)| converted(exchange, *amount, *at).is_some())
        .filter_map(|(amount, _)| Some(exchange.currency().unwrap_or(amount?.currency)))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

pub fn days(n: u32) -> Duration {
    Duration::days(n)
}
