use std::collections::BTreeMap;

use proptest::prelude::*;
use tenure_core::projection::exchange::Exchange;
use tenure_core::report::acquisition::{AcquisitionAnswer, AcquisitionReport, AcquisitionRow};
use tenure_core::report::value::ValueReport;
use tenure_core::{Event, Kind, MoneySum, Timestamp, Zone};

use crate::facts::{
    by_customer, converted, currencies, currency, exchange, facts, instant, is_over, month, nearest, of_kind,
    reported,
};
use crate::value::origin;

const CONVERTS: &[Kind] = &[Kind::OrderPlaced, Kind::SubscriptionStarted, Kind::ContractSigned];
const MONEY: &[Kind] = &[Kind::OrderPlaced, Kind::OrderRefunded];

type Named = (Option<String>, Option<String>);

/// Month and minor units of each order and refund.
type Moves = Vec<(i32, i128)>;

/// One lead, or one customer with one.
enum Seen {
    Lead { of: Named, cost: i128 },
    Prospect { of: Named },
    Before { of: Named },
    Won { of: Named, month: i32, orders: usize, moves: Moves },
}

impl Seen {
    fn of(&self) -> &Named {
        let (Self::Lead { of, .. } | Self::Prospect { of } | Self::Before { of } | Self::Won { of, .. }) =
            self;
        of
    }
}

fn row(
    name: Option<String>,
    seen: &[&Seen],
    (zone, as_of): (Zone, Timestamp),
    money: impl Fn(i128) -> MoneySum,
) -> AcquisitionRow {
    let costs: Vec<i128> = seen
        .iter()
        .filter_map(|seen| if let Seen::Lead { cost, .. } = seen { Some(*cost) } else { None })
        .collect();
    let cost: i128 = costs.iter().sum();
    let before = seen.iter().filter(|seen| matches!(seen, Seen::Before { .. })).count();
    let prospects = seen.iter().filter(|seen| !matches!(seen, Seen::Lead { .. })).count();
    let won: Vec<(i32, usize, &Moves)> = seen
        .iter()
        .filter_map(|seen| match seen {
            Seen::Won { month, orders, moves, .. } => Some((*month, *orders, moves)),
            _ => None,
        })
        .collect();
    let of = i128::try_from(won.len()).unwrap();
    let net: i128 = won.iter().flat_map(|(.., moves)| *moves).map(|(_, minor)| minor).sum();
    // No history of these tests is longer than seventeen months.
    let payback = (0..20).find(|age| {
        let seen: Vec<_> = won.iter().filter(|(month, ..)| is_over(zone, month + age, as_of)).collect();
        let brought: i128 = seen
            .iter()
            .flat_map(|(month, _, moves)| moves.iter().filter(move |(when, _)| *when <= month + age))
            .map(|(_, minor)| minor)
            .sum();
        let seen = i128::try_from(seen.len()).unwrap();
        seen > 0 && brought * of >= cost * seen
    });
    AcquisitionRow {
        name,
        leads: costs.len() as u64,
        prospects: prospects as u64,
        customers_before: before as u64,
        customers: won.len() as u64,
        conversion: if prospects == 0 { 0.0 } else { won.len() as f64 / prospects as f64 },
        without_order: won.iter().filter(|(_, orders, _)| *orders == 0).count() as u64,
        cost: money(cost),
        cac: (of > 0).then(|| money(nearest(cost, of))),
        net: money(net),
        average: (of > 0).then(|| money(nearest(net, of))),
        ltv_cac: (of > 0 && cost > 0).then(|| {
            let hundredths = nearest(net * 100, cost);
            let (whole, rest) = (hundredths.abs() / 100, hundredths.abs() % 100);
            format!("{}{whole}.{rest:02}", if hundredths < 0 { "-" } else { "" })
        }),
        payback_months: payback.map(|age| u32::try_from(age).unwrap()),
    }
}

fn expected(exchange: &Exchange, facts: &[Event], as_of: Timestamp) -> Option<AcquisitionAnswer> {
    let zone = exchange.zone();
    let mut seen = Vec::new();
    let mut amounts = Vec::new();
    let (mut without_lead, mut without_cost, mut without_amount) = (0, 0, 0);
    for facts in by_customer(facts, as_of).values() {
        let leads: Vec<&Event> = of_kind(facts, &[Kind::LeadCaptured]).collect();
        for lead in &leads {
            let view = lead.view();
            let of = (view.channel.map(str::to_owned), view.subject.map(str::to_owned));
            amounts.push((view.amount, view.occurred_at));
            without_cost += u64::from(view.amount.is_none());
            let cost = converted(exchange, view.amount, view.occurred_at).unwrap_or(0);
            seen.push(Seen::Lead { of, cost });
        }
        let converted_at = of_kind(facts, CONVERTS).map(Event::occurred_at).min();
        let Some(first) = leads.iter().map(|lead| lead.occurred_at()).min() else {
            without_lead += u64::from(converted_at.is_some());
            continue;
        };
        let of = origin(facts);
        match converted_at {
            None => seen.push(Seen::Prospect { of }),
            Some(at) if at < first => seen.push(Seen::Before { of }),
            Some(at) => {
                let mut moves = Vec::new();
                for fact in of_kind(facts, MONEY) {
                    let (view, when) = (fact.view(), fact.occurred_at());
                    amounts.push((view.amount, when));
                    without_amount += u64::from(view.amount.is_none());
                    let sign = if view.kind == Kind::OrderPlaced { 1 } else { -1 };
                    if let Some(minor) = converted(exchange, view.amount, when) {
                        // What came before counts in the first month.
                        moves.push((month(zone, when).max(month(zone, at)), sign * minor));
                    }
                }
                let orders = of_kind(facts, &[Kind::OrderPlaced]).count();
                seen.push(Seen::Won { of, month: month(zone, at), orders, moves });
            }
        }
    }
    let of_amounts = currencies(exchange, amounts.iter().copied());
    let currency = match (exchange.currency(), &of_amounts[..]) {
        (Some(to), _) => to,
        (None, []) => currency("XXX"),
        (None, [one]) => *one,
        (None, _) => return None,
    };
    let money = |minor| MoneySum { minor, currency };
    let when = (zone, as_of);
    let groups = |name: fn(&Named) -> &Option<String>| {
        let mut groups: BTreeMap<Option<String>, Vec<&Seen>> = BTreeMap::new();
        for seen in &seen {
            groups.entry(name(seen.of()).clone()).or_default().push(seen);
        }
        let mut rows: Vec<_> = groups.into_iter().map(|(name, seen)| row(name, &seen, when, money)).collect();
        rows.sort_by(|a, b| b.cost.minor.cmp(&a.cost.minor).then_with(|| a.name.cmp(&b.name)));
        rows
    };
    let without_rate =
        |(amount, at): &&(Option<_>, _)| amount.is_some() && converted(exchange, *amount, *at).is_none();
    Some(AcquisitionAnswer {
        all: row(None, &seen.iter().collect::<Vec<_>>(), when, money),
        channels: groups(|of| &of.0),
        campaigns: groups(|of| &of.1),
        without_lead,
        without_cost,
        without_amount,
        missing_rate: amounts.iter().filter(without_rate).count() as u64,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn acquisition_is_what_the_definition_says(facts in facts(), exchange in exchange(), as_of in instant()) {
        let projection = ValueReport::projection(&exchange);
        let told = reported(&projection, &AcquisitionReport::new(&exchange, as_of), &facts, as_of);
        prop_assert_eq!(told.ok(), expected(&exchange, &facts, as_of));
    }
}
