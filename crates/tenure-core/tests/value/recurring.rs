use proptest::prelude::*;
use tenure_core::projection::exchange::Exchange;
use tenure_core::projection::recurring::Recurring;
use tenure_core::projection::revenue::Month;
use tenure_core::report::recurring::{Movements, RecurringAnswer, RecurringReport, RecurringRow, Retention};
use tenure_core::{Event, Kind, MoneySum, Period, Timestamp, Zone};

use crate::facts::{
    by_customer, converted, currencies, currency, exchange, facts, instant, is_over, month, nearest, of_kind,
    reported, shown,
};

const SUBSCRIPTION: &[Kind] = &[
    Kind::SubscriptionStarted,
    Kind::SubscriptionChanged,
    Kind::SubscriptionRenewed,
    Kind::SubscriptionEnded,
];

/// What is due for a subscription: an amount, and how often it is paid.
type Due = (i128, Period);

/// Times seven and twelve of what is due in a month, so whole: a year has 365 days.
fn in_84ths((minor, period): Due) -> i128 {
    let sevenths_a_year = match period {
        Period::Day => 365 * 7,
        Period::Week => 365,
        Period::Month => 12 * 7,
        Period::Quarter => 4 * 7,
        Period::Year => 7,
    };
    minor * sevenths_a_year
}

/// What is due for one subscription after everything that happened up to an instant; none if it does not run. From the
/// last instant that speaks of it, and what was due just before.
fn due(exchange: &Exchange, facts: &[&Event], name: Option<&str>, until: Option<Timestamp>) -> Option<Due> {
    let until = until?;
    let speaks = |fact: &&Event| {
        let view = fact.view();
        view.occurred_at <= until
            && SUBSCRIPTION.contains(&view.kind)
            && (view.subject == name || (view.kind == Kind::SubscriptionEnded && view.subject.is_none()))
    };
    let last = facts.iter().copied().filter(speaks).map(Event::occurred_at).max()?;
    let said: Vec<&Event> =
        facts.iter().copied().filter(speaks).filter(|fact| fact.occurred_at() == last).collect();
    let ended = of_kind(&said, &[Kind::SubscriptionEnded]).count() > 0;
    let started = of_kind(&said, &[Kind::SubscriptionStarted]).count() > 0;
    let before = Timestamp::from_micros(last.as_micros() - 1);
    let before = due(exchange, facts, name, before).filter(|_| !ended);
    if before.is_none() && !started {
        return None;
    }
    let amounts = said.iter().filter_map(|fact| {
        let minor = converted(exchange, fact.view().amount, last)?;
        let own =
            fact.view().properties().get("period").and_then(|text| serde_json::from_value(text.clone()).ok());
        Some((minor, own.or(before.map(|(_, period)| period)).unwrap_or(Period::Month)))
    });
    // The greatest a month; of equal ones the one that is paid less often.
    amounts.max_by_key(|due| (in_84ths(*due), due.1)).or(before).or(Some((0, Period::Month)))
}

/// How many changes and renewals of a subscription say nothing.
fn idle(exchange: &Exchange, facts: &[&Event], as_of: Timestamp) -> u64 {
    let said = of_kind(facts, &[Kind::SubscriptionChanged, Kind::SubscriptionRenewed]);
    said.filter(|fact| fact.occurred_at() <= as_of)
        .filter(|fact| due(exchange, facts, fact.view().subject, Some(fact.occurred_at())).is_none())
        .count() as u64
}

const NAMES: [Option<&str>; 3] = [None, Some("a"), Some("b")];

fn mrr(exchange: &Exchange, facts: &[&Event], at: Option<Timestamp>) -> i128 {
    let dues = NAMES.iter().filter_map(|name| due(exchange, facts, *name, at));
    nearest(dues.map(in_84ths).sum(), 84)
}

/// The last instant before a local month, found by looking.
fn before(zone: Zone, number: i32) -> Option<Timestamp> {
    let (mut low, mut high) = (0, Timestamp::parse("2030-01-01T00:00:00Z").unwrap().as_micros());
    if month(zone, Timestamp::MIN) >= number {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if month(zone, Timestamp::from_micros(middle).unwrap()) < number {
            low = middle;
        } else {
            high = middle;
        }
    }
    Timestamp::from_micros(low)
}

/// MRR at the beginning and the end of a month, and a year before that; and whether there was any before the month.
type Seen = (i128, i128, i128, bool);

fn ratio(part: i128, of: i128) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

fn expected(exchange: &Exchange, facts: &[Event], first: i32, as_of: Timestamp) -> Option<RecurringAnswer> {
    let zone = exchange.zone();
    let customers = by_customer(facts, as_of);
    let all: Vec<&Event> = customers.values().flatten().copied().collect();
    let priced: Vec<_> = of_kind(&all, &SUBSCRIPTION[..3]).map(Event::view).collect();
    let amounts = || priced.iter().map(|view| (view.amount, view.occurred_at));
    let seen = currencies(exchange, amounts());
    let currency = match (exchange.currency(), &seen[..]) {
        (Some(to), _) => to,
        (None, []) => currency("XXX"),
        (None, [one]) => *one,
        (None, _) => return None,
    };
    let money = |minor| MoneySum { minor, currency };
    let mut months = Vec::new();
    for number in first..=month(zone, as_of) {
        let closes = before(zone, number + 1).unwrap().min(as_of);
        let mut rows = Vec::new();
        for facts in customers.values() {
            let at = |at| mrr(exchange, facts, at);
            let opens = before(zone, number);
            let known = facts.iter().map(|fact| fact.occurred_at()).filter(|at| Some(*at) <= opens);
            let ever = known.map(|instant| at(Some(instant))).any(|minor| minor > 0);
            rows.push((at(opens), at(Some(closes)), at(before(zone, number - 11)), ever));
        }
        let sum = |of: &dyn Fn(&Seen) -> i128| rows.iter().map(of).sum::<i128>();
        let none_to_some = |ever: bool| {
            move |(opening, closing, _, was): &Seen| {
                if *opening == 0 && *was == ever { *closing } else { 0 }
            }
        };
        let mrr = Movements {
            opening: sum(&|row| row.0),
            new: sum(&none_to_some(false)),
            expansion: sum(&|row| if row.0 > 0 && row.1 > 0 { (row.1 - row.0).max(0) } else { 0 }),
            reactivated: sum(&none_to_some(true)),
            contraction: sum(&|row| if row.0 > 0 && row.1 > 0 { (row.0 - row.1).max(0) } else { 0 }),
            churned: sum(&|row| if row.1 == 0 { row.0 } else { 0 }),
            closing: sum(&|row| row.1),
        };
        let count = |of: &dyn Fn(&Seen) -> bool| rows.iter().filter(|row| of(row)).count() as u64;
        let customers = Movements {
            opening: count(&|row| row.0 > 0),
            new: count(&|row| row.0 == 0 && row.1 > 0 && !row.3),
            expansion: count(&|row| row.0 > 0 && row.1 > row.0),
            reactivated: count(&|row| row.0 == 0 && row.1 > 0 && row.3),
            contraction: count(&|row| row.1 > 0 && row.1 < row.0),
            churned: count(&|row| row.0 > 0 && row.1 == 0),
            closing: count(&|row| row.1 > 0),
        };
        let year = |of: &dyn Fn(&Seen) -> i128| rows.iter().filter(|row| row.2 > 0).map(of).sum::<i128>();
        months.push(RecurringRow {
            month: shown(number),
            mrr: Movements {
                opening: money(mrr.opening),
                new: money(mrr.new),
                expansion: money(mrr.expansion),
                reactivated: money(mrr.reactivated),
                contraction: money(mrr.contraction),
                churned: money(mrr.churned),
                closing: money(mrr.closing),
            },
            customers,
            retention: Retention {
                gross: ratio(sum(&|row| row.0.min(row.1)), mrr.opening),
                net: ratio(sum(&|row| if row.0 > 0 { row.1 } else { 0 }), mrr.opening),
                logo_churn: ratio(customers.churned.into(), customers.opening.into()),
            },
            trailing_year: Retention {
                gross: ratio(year(&|row| row.2.min(row.1)), year(&|row| row.2)),
                net: ratio(year(&|row| row.1), year(&|row| row.2)),
                logo_churn: ratio(year(&|row| (row.1 == 0).into()), year(&|_| 1)),
            },
            complete: is_over(zone, number, as_of),
        });
    }
    let now = |facts: &Vec<&Event>| mrr(exchange, facts, Some(as_of));
    let starts = |facts: &Vec<&Event>| of_kind(facts, &SUBSCRIPTION[..1]).count();
    let running = |facts: &Vec<&Event>| {
        NAMES.iter().filter(|name| due(exchange, facts, **name, Some(as_of)).is_some()).count()
    };
    let unpriced =
        priced.iter().filter(|view| view.kind == Kind::SubscriptionStarted && view.amount.is_none());
    Some(RecurringAnswer {
        months,
        mrr: money(customers.values().map(now).sum()),
        customers: customers.values().filter(|facts| now(facts) > 0).count() as u64,
        subscriptions: customers.values().map(running).sum::<usize>() as u64,
        subscribers: customers.values().filter(|facts| starts(facts) > 0).count() as u64,
        not_running: customers.values().map(|facts| idle(exchange, facts, as_of)).sum(),
        without_amount: unpriced.count() as u64,
        missing_rate: amounts()
            .filter(|(amount, at)| amount.is_some() && converted(exchange, *amount, *at).is_none())
            .count() as u64,
    })
}

fn told(exchange: &Exchange, facts: &[Event], back: i32, as_of: Timestamp) -> (Option<RecurringAnswer>, i32) {
    let first = Month::of(exchange.zone(), as_of).plus(-back);
    let report = RecurringReport::new(exchange, first, as_of);
    let told = reported(&Recurring::new(exchange.clone()), &report, facts, as_of);
    (told.ok(), month(exchange.zone(), as_of) - back)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn recurring_revenue_is_what_the_definition_says(
        facts in facts(),
        exchange in exchange(),
        as_of in instant(),
        back in 0..16_i32,
    ) {
        let (told, first) = told(&exchange, &facts, back, as_of);
        prop_assert_eq!(told, expected(&exchange, &facts, first, as_of));
    }

    #[test]
    fn what_moves_is_the_difference_to_the_minor_unit(
        facts in facts(),
        exchange in exchange(),
        as_of in instant(),
    ) {
        let (told, _) = told(&exchange, &facts, 17, as_of);
        let months = told.map(|told| told.months).unwrap_or_default();
        for row in &months {
            let Movements { opening, new, expansion, reactivated, contraction, churned, closing } = row.mrr;
            let moved = new.minor + expansion.minor + reactivated.minor - contraction.minor - churned.minor;
            prop_assert_eq!(opening.minor + moved, closing.minor, "{:?}", row);
            let of = row.customers;
            prop_assert_eq!(of.opening + of.new + of.reactivated, of.closing + of.churned, "{:?}", row);
            for Retention { gross, net, logo_churn } in [row.retention, row.trailing_year] {
                prop_assert!(gross.is_none_or(|gross| (0.0..=1.0).contains(&gross)) && gross <= net, "{:?}", row);
                prop_assert!(logo_churn.is_none_or(|churn| (0.0..=1.0).contains(&churn)), "{:?}", row);
            }
        }
        for (before, after) in months.iter().zip(months.iter().skip(1)) {
            prop_assert_eq!(before.mrr.closing, after.mrr.opening);
            prop_assert_eq!(before.customers.closing, after.customers.opening);
        }
    }
}
