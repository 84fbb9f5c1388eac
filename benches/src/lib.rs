//! What every bench shares: facts that look like trade, and measurements beside their floor.
//!
//! A floor is the least that any program would have to do. Both are run in turns in one process, several times, and the
//! medians are printed with their ratio: on a shared machine ratios hold where times do not.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench fold      # and record, sqlite, memory, vocabulary
//! ```

use core::hint::black_box;
use std::time::Instant;

use tenure_core::log::FactBlock;
use tenure_core::projection::rfm::Rfm;
use tenure_core::projection::stage::StageMachine;
use tenure_core::{
    Currency, CustomerEvent, CustomerId, CustomerKey, Event, EventId, EventView, Kind, Money, Policy,
    Position, RecordedView, Timestamp, Version,
};

/// A small generator of pseudo-random numbers (splitmix64), so that every run has the same facts.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub const fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// The seed of all facts.
pub const SEED: u64 = 7;
/// 2020-01-01.
const START: i64 = 1_577_836_800_000_000;
const DAY: i64 = 86_400_000_000;

/// One fact of a made-up customer: seven orders in ten, else sessions, messages, refunds and tickets.
#[derive(Clone, Copy, Debug)]
pub struct Fact {
    /// Which customer, from 0.
    pub customer: u64,
    /// Identity.
    pub id: EventId,
    /// When.
    pub occurred_at: Timestamp,
    /// Which fact.
    pub kind: Kind,
    /// How much, for orders and refunds.
    pub minor: i64,
}

impl Fact {
    /// Where the customer comes from: one channel for each.
    pub fn channel(&self) -> &'static str {
        match self.customer % 4 {
            0 => "web",
            1 => "app",
            2 => "store",
            _ => "partner",
        }
    }
}

/// `per_customer` facts of each of `customers` customers, customer by customer, each in the order of time, on average
/// three weeks apart.
pub fn facts(customers: u64, per_customer: u64) -> Vec<Fact> {
    let mut random = Random(SEED);
    let mut facts = Vec::new();
    for customer in 0..customers {
        let mut micros = START + i64::try_from(random.below(365)).unwrap_or_default() * DAY;
        for _ in 0..per_customer {
            micros += i64::try_from(random.below(42)).unwrap_or_default() * DAY
                + i64::try_from(random.below(DAY.unsigned_abs())).unwrap_or_default();
            let kind = match random.below(20) {
                0..14 => Kind::OrderPlaced,
                14..17 => Kind::SessionStarted,
                17 => Kind::MessageSent,
                18 => Kind::OrderRefunded,
                _ => Kind::TicketOpened,
            };
            let occurred_at = Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX);
            let mut hash = [0; 10];
            for (to, from) in hash.iter_mut().zip(random.next().to_be_bytes()) {
                *to = from;
            }
            let id = EventId::from_instant(occurred_at, hash);
            let minor = i64::try_from(random.below(20_000)).unwrap_or_default();
            facts.push(Fact { customer, id, occurred_at, kind, minor });
        }
    }
    facts
}

/// The same facts in the order of time, as a log would have got them.
pub fn by_time(mut facts: Vec<Fact>) -> Vec<Fact> {
    facts.sort_by_key(|fact| (fact.occurred_at, fact.id));
    facts
}

/// The same facts in no order.
pub fn shuffled(mut facts: Vec<Fact>) -> Vec<Fact> {
    let mut random = Random(SEED);
    for index in (1..facts.len()).rev() {
        let other = usize::try_from(random.below(index as u64 + 1)).unwrap_or_default();
        facts.swap(index, other);
    }
    facts
}

const NOBODY: CustomerId = CustomerId::from_bytes([0; 16]);

/// The key of a made-up customer.
pub fn key(customer: u64) -> CustomerKey {
    format!("bench:{customer:07}").parse().unwrap_or_else(|_| key(0))
}

/// Packs facts as a log holds them.
pub fn block(facts: &[Fact]) -> FactBlock {
    let ids: Vec<CustomerId> = (0..=facts.iter().map(|fact| fact.customer).max().unwrap_or_default())
        .map(|customer| key(customer).id())
        .collect();
    let usd: Option<Currency> = "USD".parse().ok();
    let mut block = FactBlock::new();
    for (position, fact) in (1_u64..).zip(facts) {
        let money = matches!(fact.kind, Kind::OrderPlaced | Kind::OrderRefunded);
        let amount = usd.filter(|_| money).map(|usd| Money::from_minor(fact.minor, usd));
        let event = EventView {
            id: fact.id,
            customer: usize::try_from(fact.customer).ok().and_then(|n| ids.get(n)).copied().unwrap_or(NOBODY),
            occurred_at: fact.occurred_at,
            kind: fact.kind,
            kind_name: fact.kind.name(),
            subject: Some("o-1234567"),
            amount,
            number: None,
            channel: Some(fact.channel()),
            actor: None,
            data: "",
        };
        block.push(&RecordedView {
            event,
            position: Position(position),
            version: Version(position),
            recorded_at: fact.occurred_at,
            schema: event.kind.schema(),
            customer_key: None,
            context: "",
        });
    }
    block
}

/// The same facts as events, as a service would record them.
pub fn events(facts: &[Fact]) -> Vec<Event> {
    let usd: Option<Currency> = "USD".parse().ok();
    let event = |fact: &Fact| {
        let money = usd.map(|usd| Money::from_minor(fact.minor, usd));
        let subject = || Some("o-1234567".to_owned());
        let typed = match fact.kind {
            Kind::OrderPlaced => {
                CustomerEvent::OrderPlaced { order: subject(), total: money, lines: Vec::new() }
            }
            Kind::OrderRefunded => CustomerEvent::OrderRefunded { order: subject(), refund: money },
            Kind::MessageSent => CustomerEvent::MessageSent { campaign: subject() },
            Kind::TicketOpened => CustomerEvent::TicketOpened {
                ticket: "t-1234567".to_owned(),
                category: None,
                severity: None,
                complaint: false,
            },
            _ => CustomerEvent::SessionStarted {},
        };
        Event::new(fact.id, key(fact.customer).into(), fact.occurred_at, typed)
            .ok()?
            .with_channel(fact.channel())
            .ok()
    };
    facts.iter().filter_map(event).collect()
}

/// What a service usually keeps: the retail stage machine and all-history RFM.
pub fn standard() -> (StageMachine, Rfm) {
    let policy = Policy::preset("retail").unwrap_or_default();
    match (policy.stages(), policy.rfm()) {
        (Ok(stages), Ok(rfm)) => (stages, rfm),
        // The preset is read by a test of the core.
        _ => standard(),
    }
}

/// Seconds that something takes.
pub fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed().as_secs_f64()
}

/// Runs a floor and what is measured in turns and gives the median seconds of both.
pub fn in_turns(
    runs: usize,
    mut floor: impl FnMut() -> f64,
    mut measured: impl FnMut() -> f64,
) -> (f64, f64) {
    let (mut floors, mut figures) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        floors.push(floor());
        figures.push(measured());
    }
    (median(floors), median(figures))
}

/// The middle of some figures; 0 of none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// A figure beside its gate, for the last column of a bench's output.
pub fn verdict(figure: f64, gate: f64) -> &'static str {
    if figure <= gate { "within" } else { "MISSED" }
}
