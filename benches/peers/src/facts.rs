//! The facts that all of them store: orders of two lines.

use serde::{Deserialize, Serialize};
use tenure_benches::{Random, SEED, key};
use tenure_core::{Currency, Customer, CustomerEvent, Event, EventId, Money, OrderLine, Timestamp, Version};
use uuid::Uuid;

/// 2024-01-01.
const START: i64 = 1_704_067_200_000_000;
const SECOND: i64 = 1_000_000;

/// An order of one customer.
#[derive(Clone, Debug)]
pub struct Fact {
    pub customer: Customer,
    /// Facts of the customer before this one.
    pub before: Version,
    pub order: Order,
}

/// What the peers store as JSON: the fields of the fact, in the types that serde reads and writes fastest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub id: Uuid,
    pub occurred_at: i64,
    pub order: String,
    pub minor: i64,
    pub currency: String,
    pub channel: String,
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub sku: String,
    pub quantity: i64,
    pub minor: i64,
}

/// Orders of `customers` customers in turns, without end; `first` is the number of the first of them.
pub fn orders(first: u64, customers: u64) -> impl Iterator<Item = Fact> + Send {
    let mut random = Random(SEED ^ first);
    (0..).map(move |n: u64| {
        let at = Timestamp::from_micros(START + i64::try_from(n).unwrap() * SECOND).unwrap();
        let mut hash = [0; 10];
        hash[..8].copy_from_slice(&random.next().to_be_bytes());
        let lines: Vec<_> = (0..2).map(|_| line(&mut random)).collect();
        let order = Order {
            id: Uuid::from_bytes(*EventId::from_instant(at, hash).as_bytes()),
            occurred_at: at.as_micros(),
            order: format!("o-{:07}", random.below(10_000_000)),
            minor: lines.iter().map(|line| line.minor).sum(),
            currency: "USD".to_owned(),
            channel: "web".to_owned(),
            lines,
        };
        Fact { customer: key(first + n % customers).into(), before: Version(n / customers), order }
    })
}

fn line(random: &mut Random) -> Line {
    Line {
        sku: format!("sku-{:05}", random.below(100_000)),
        quantity: i64::try_from(1 + random.below(5)).unwrap(),
        minor: i64::try_from(random.below(20_000)).unwrap(),
    }
}

impl Fact {
    /// The customer's id, under which the peers keep the stream.
    pub fn stream(&self) -> Uuid {
        Uuid::from_bytes(*self.customer.id().as_bytes())
    }

    /// The same as tenure has it.
    pub fn event(&self) -> Event {
        let order = &self.order;
        let currency: Currency = order.currency.parse().unwrap();
        let lines = order.lines.iter().map(|line| {
            let mut own = OrderLine::new(&line.sku, line.quantity);
            own.amount = Some(Money::from_minor(line.minor, currency));
            own
        });
        let typed = CustomerEvent::OrderPlaced {
            order: Some(order.order.clone()),
            total: Some(Money::from_minor(order.minor, currency)),
            lines: lines.collect(),
        };
        let id = EventId::from_bytes(*order.id.as_bytes());
        let at = Timestamp::from_micros(order.occurred_at).unwrap();
        Event::new(id, self.customer.clone(), at, typed).unwrap().with_channel(&order.channel).unwrap()
    }
}
