use std::collections::BTreeMap;

use proptest::prelude::*;
use tenure_core::projection::exchange::Exchange;
use tenure_core::report::value::{
    CohortRow, CustomerValue, ValueAnswer, ValueReport, ValueRow, WithoutOrder,
};
use tenure_core::{Event, Kind, MoneySum, Timestamp};

use crate::facts::{
    by_customer, converted, currencies, currency, exchange, facts, instant, is_over, month, nearest, of_kind,
    reported, shown,
};

const MONEY: &[Kind] = &[Kind::OrderPlaced, Kind::OrderRefunded];

/// Channel and campaign of the first touch, from the definition.
pub fn origin(facts: &[&Event]) -> (Option<String>, Option<String>) {
    // The first by time, then by name, what has one first.
    let rank = |name: Option<&str>| (name.is_none(), name.map(str::to_owned));
    let leads = of_kind(facts, &[Kind::LeadCaptured]).map(Event::view);
    if let Some(lead) = leads.min_by_key(|fact| (fact.occurred_at, rank(fact.channel), rank(fact.subject))) {
        return (lead.channel.map(str::to_owned), lead.subject.map(str::to_owned));
    }
    let views = facts.iter().map(|fact| fact.view());
    let named = views.filter(|fact| fact.channel.is_some() && fact.kind != Kind::OrderRefunded);
    // All other kinds of these tests but two are by the customer.
    let named =
        named.filter(|fact| !matches!(fact.kind, Kind::SubscriptionRenewed | Kind::SubscriptionEnded));
    let first = named.min_by_key(|fact| (fact.occurred_at, fact.channel));
    (first.and_then(|fact| fact.channel).map(str::to_owned), None)
}

/// One customer who has ordered.
struct Buyer {
    name: String,
    origin: (Option<String>, Option<String>),
    first_order: Timestamp,
    cohort: i32,
    orders: u64,
    refunds: u64,
    /// Month and minor units of each order and refund.
    moves: Vec<(i32, i128)>,
}

impl Buyer {
    fn net(&self) -> i128 {
        self.moves.iter().map(|(_, minor)| minor).sum()
    }
}

fn moves(exchange: &Exchange, facts: &[&Event]) -> Vec<(i32, i128)> {
    of_kind(facts, MONEY)
        .filter_map(|fact| {
            let sign = if fact.view().kind == Kind::OrderPlaced { 1 } else { -1 };
            let minor = converted(exchange, fact.view().amount, fact.occurred_at())?;
            Some((month(exchange.zone(), fact.occurred_at()), sign * minor))
        })
        .collect()
}

fn row(name: Option<String>, buyers: &[&Buyer], money: impl Fn(i128) -> MoneySum) -> ValueRow {
    let mut nets: Vec<i128> = buyers.iter().map(|buyer| buyer.net()).collect();
    nets.sort_unstable();
    let sum: i128 = nets.iter().sum();
    let of = i128::try_from(nets.len()).unwrap();
    ValueRow {
        name,
        customers: nets.len() as u64,
        orders: buyers.iter().map(|buyer| buyer.orders).sum(),
        net: money(sum),
        average: (of > 0).then(|| money(nearest(sum, of))),
        median: nets.get(nets.len().saturating_sub(1) / 2).map(|minor| money(*minor)),
    }
}

fn expected(exchange: &Exchange, facts: &[Event], as_of: Timestamp, most: usize) -> Option<ValueAnswer> {
    let zone = exchange.zone();
    let customers = by_customer(facts, as_of);
    let all: Vec<&Event> = customers.values().flatten().copied().collect();
    let amounts = || of_kind(&all, MONEY).map(|fact| (fact.view().amount, fact.occurred_at()));
    let seen = currencies(exchange, amounts());
    let currency = match (exchange.currency(), &seen[..]) {
        (Some(to), _) => to,
        (None, []) => currency("XXX"),
        (None, [one]) => *one,
        (None, _) => return None,
    };
    let money = |minor| MoneySum { minor, currency };
    let mut buyers = Vec::new();
    let mut without_order = Vec::new();
    for (name, facts) in &customers {
        let moves = moves(exchange, facts);
        let orders = of_kind(facts, &[Kind::OrderPlaced]);
        let refunds = of_kind(facts, &[Kind::OrderRefunded]).count() as u64;
        match orders.map(Event::occurred_at).min() {
            Some(first_order) => buyers.push(Buyer {
                name: name.clone(),
                origin: origin(facts),
                first_order,
                cohort: month(zone, first_order),
                orders: of_kind(facts, &[Kind::OrderPlaced]).count() as u64,
                refunds,
                moves,
            }),
            None if refunds > 0 => without_order.push(moves.iter().map(|(_, minor)| minor).sum::<i128>()),
            None => {}
        }
    }
    let everybody: Vec<&Buyer> = buyers.iter().collect();
    let groups = |name: fn(&Buyer) -> Option<String>| {
        let mut groups: BTreeMap<Option<String>, Vec<&Buyer>> = BTreeMap::new();
        for buyer in &buyers {
            groups.entry(name(buyer)).or_default().push(buyer);
        }
        let mut rows: Vec<ValueRow> = groups.into_iter().map(|(name, of)| row(name, &of, money)).collect();
        rows.sort_by(|a, b| b.net.minor.cmp(&a.net.minor).then_with(|| a.name.cmp(&b.name)));
        rows
    };
    let now = month(zone, as_of);
    let mut cohorts = Vec::new();
    for cohort in 0..=now {
        let of: Vec<&Buyer> = buyers.iter().filter(|buyer| buyer.cohort == cohort).collect();
        if of.is_empty() {
            continue;
        }
        let until = |last: i32| {
            let moves = of.iter().flat_map(|buyer| &buyer.moves);
            moves.filter(|(month, _)| *month <= last).map(|(_, minor)| minor).sum::<i128>()
        };
        cohorts.push(CohortRow {
            cohort: shown(cohort),
            value: row(None, &of, money),
            cumulative: (cohort..=now).map(|last| money(until(last))).collect(),
            complete: (cohort..=now).map(|last| is_over(zone, last, as_of)).collect(),
        });
    }
    let mut ranked: Vec<&Buyer> = buyers.iter().collect();
    ranked.sort_by(|a, b| b.net().cmp(&a.net()).then_with(|| a.name.cmp(&b.name)));
    let customers = ranked.iter().take(most).map(|buyer| CustomerValue {
        customer: buyer.name.clone(),
        net: money(buyer.net()),
        orders: buyer.orders,
        refunds: buyer.refunds,
        first_order: buyer.first_order,
        channel: buyer.origin.0.clone(),
        campaign: buyer.origin.1.clone(),
    });
    let given = || amounts().filter(|(amount, _)| amount.is_some());
    Some(ValueAnswer {
        total: row(None, &everybody, money),
        cohorts,
        channels: groups(|buyer| buyer.origin.0.clone()),
        campaigns: groups(|buyer| buyer.origin.1.clone()),
        customers: customers.collect(),
        without_order: WithoutOrder {
            customers: without_order.len() as u64,
            net: money(without_order.iter().sum()),
        },
        without_amount: (amounts().count() - given().count()) as u64,
        missing_rate: given().filter(|(amount, at)| converted(exchange, *amount, *at).is_none()).count()
            as u64,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn value_is_what_the_definition_says(
        facts in facts(),
        exchange in exchange(),
        as_of in instant(),
        most in 0..5_usize,
    ) {
        let projection = ValueReport::projection(&exchange);
        let told = reported(&projection, &ValueReport::new(&exchange, as_of, most), &facts, as_of);
        prop_assert_eq!(told.ok(), expected(&exchange, &facts, as_of, most));
    }

    #[test]
    fn parts_of_value_add_up(facts in facts(), exchange in exchange(), as_of in instant()) {
        let projection = ValueReport::projection(&exchange);
        if let Ok(told) = reported(&projection, &ValueReport::new(&exchange, as_of, usize::MAX), &facts, as_of) {
            let total = told.total.net.minor;
            let sum = |rows: &[ValueRow]| rows.iter().map(|row| row.net.minor).sum::<i128>();
            prop_assert_eq!(sum(&told.channels), total);
            prop_assert_eq!(sum(&told.campaigns), total);
            prop_assert_eq!(told.customers.iter().map(|row| row.net.minor).sum::<i128>(), total);
            prop_assert_eq!(told.cohorts.iter().map(|row| row.value.net.minor).sum::<i128>(), total);
            for row in &told.cohorts {
                prop_assert_eq!(row.cumulative.last(), Some(&row.value.net));
            }
        }
    }
}
