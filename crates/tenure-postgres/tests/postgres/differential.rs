//! Random operations against the store in memory: a log in PostgreSQL answers the same, also after it was opened
//! again, and folds to the same views.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use proptest::prelude::*;
use tenure_core::log::{Append, Cut, Direction, Expected, KindSet, KnownAt, Read};
use tenure_core::{
    Context, Customer, CustomerEvent, CustomerId, Event, EventId, Kind, Position, Timestamp, Version,
};
use tenure_postgres::{Options, PostgresStore};
use tenure_store::row::{Encoded, Place};
use tenure_store::{EventStore, LogHash, ManualClock, MemoryStore};

use crate::common::{database, new_log, open};

#[derive(Clone, Debug)]
enum Op {
    Append { facts: Vec<Fact>, expected: Vec<(u8, Expected)>, clock: i64 },
    Many { from: u8, clock: i64 },
    Read(Read),
    Stream { customer: u8, after: u64, limit: usize },
    Known(Vec<u8>),
    Note { name: u8, expected: Option<u8>, value: u8 },
    Reopen,
}

impl Op {
    fn events(&self) -> Vec<Event> {
        match self {
            Self::Append { facts, .. } => facts.iter().map(Fact::event).collect(),
            Self::Many { from, .. } => many(*from),
            _ => vec![],
        }
    }
}

/// Ids are few, so that they meet again, with the same content or another.
#[derive(Clone, Debug)]
struct Fact {
    id: u8,
    customer: u8,
    what: u8,
}

impl Fact {
    fn event(&self) -> Event {
        let customer = match self.customer {
            // The same customer, with and without its key.
            3 => Customer::from(id_of(0)),
            n => Customer::parse(&format!("c{n}"), "shop").unwrap(),
        };
        let target = EventId::from_bytes([self.id / 2; 16]);
        let fact = match self.what {
            0 => CustomerEvent::EventVoided { target, why: Some("不对".into()) },
            1 => CustomerEvent::IdentityMerged { other: Customer::parse("elsewhere", "crm").unwrap() },
            2 => CustomerEvent::Foreign {
                kind: format!("kind_{}", self.id % 4),
                properties: [("n".to_owned(), self.id.into())].into_iter().collect(),
            },
            3 => CustomerEvent::PointsEarned { reason: None, points: i64::from(self.id) },
            _ => CustomerEvent::SignedUp {},
        };
        let at = Timestamp::from_micros(i64::from(self.id) * 7 % 50).unwrap();
        let lag = self.id.is_multiple_of(3).then(|| tenure_core::Duration::from_micros(20).unwrap());
        let context = Context { known_lag: lag, ..Context::default() };
        Event::new(EventId::from_bytes([self.id; 16]), customer, at, fact).unwrap().with_context(context)
    }
}

fn id_of(customer: u8) -> CustomerId {
    Customer::parse(&format!("c{}", customer % 3), "shop").unwrap().id()
}

/// More facts than are inserted one by one, among them some that are known.
fn many(from: u8) -> Vec<Event> {
    let ids = (from..from.saturating_add(100)).chain(200..230);
    ids.map(|id| Fact { id, customer: id % 4, what: (id + 1) % 5 }.event()).collect()
}

fn expectations() -> impl Strategy<Value = Expected> {
    prop_oneof![
        Just(Expected::Any),
        Just(Expected::NoStream),
        Just(Expected::Exists),
        (0..6_u64).prop_map(|version| Expected::Exact(Version(version))),
    ]
}

fn reads() -> impl Strategy<Value = Read> {
    let from = prop_oneof![0..40_u64, Just(u64::MAX)];
    let kinds = prop_oneof![
        3 => Just(KindSet::ALL),
        1 => Just(KindSet::CORRECTIONS),
        1 => Just(KindSet::NONE.with(Kind::Foreign)),
        1 => Just(KindSet::NONE),
    ];
    let at = prop::option::of((0..60_i64).prop_map(|at| Timestamp::from_micros(at).unwrap()));
    let known = prop_oneof![
        3 => Just(KnownAt::Latest),
        1 => (0..40_u64).prop_map(|position| KnownAt::Position(Position(position))),
        1 => (0..60_i64).prop_map(|at| KnownAt::Instant(Timestamp::from_micros(at).unwrap())),
    ];
    (from, 0..9_usize, any::<bool>(), kinds, at, known).prop_map(
        |(from, limit, backward, kinds, as_of, known_at)| Read {
            from: Position(from),
            limit,
            direction: if backward { Direction::Backward } else { Direction::Forward },
            kinds,
            cut: Cut { as_of, known_at },
        },
    )
}

fn ops() -> impl Strategy<Value = Op> {
    let fact = (0..60_u8, 0..4_u8, 0..6_u8).prop_map(|(id, customer, what)| {
        // One id mostly says one thing.
        let what = if what == 5 { id % 3 } else { (id + 1) % 5 };
        let customer = if customer == 3 { (id + 1) % 4 } else { id % 4 };
        Fact { id, customer, what }
    });
    let append = (
        prop::collection::vec(fact, 0..6),
        prop::collection::vec((0..3_u8, expectations()), 0..2),
        0..60_i64,
    );
    prop_oneof![
        12 => append.prop_map(|(facts, expected, clock)| Op::Append { facts, expected, clock }),
        1 => (60..100_u8, 0..60_i64).prop_map(|(from, clock)| Op::Many { from, clock }),
        8 => reads().prop_map(Op::Read),
        4 => (0..4_u8, 0..9_u64, 0..9_usize)
            .prop_map(|(customer, after, limit)| Op::Stream { customer, after, limit }),
        2 => prop::collection::vec(0..60_u8, 0..5).prop_map(Op::Known),
        2 => (0..2_u8, prop::option::of(0..3_u8), 0..3_u8)
            .prop_map(|(name, expected, value)| Op::Note { name, expected, value }),
        1 => Just(Op::Reopen),
    ]
}

/// Answers as text: errors have no equality, and their texts carry all their numbers.
fn answer<S: EventStore>(store: &S, op: &Op) -> String {
    fn text(result: impl std::fmt::Debug) -> String {
        format!("{result:?}")
    }
    pollster::block_on(async {
        match op {
            Op::Append { expected, .. } => {
                let append = Append::new(op.events());
                let append = expected
                    .iter()
                    .fold(append, |append, (customer, expected)| append.expect(id_of(*customer), *expected));
                text(store.append(append).await)
            }
            Op::Many { .. } => text(store.append(Append::new(op.events())).await),
            Op::Read(read) => text(store.read(read).await),
            Op::Stream { customer, after, limit } => {
                text(store.read_stream(id_of(*customer), Version(*after), *limit).await)
            }
            Op::Known(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| EventId::from_bytes([*id; 16])).collect();
                text(store.known(&ids).await)
            }
            Op::Note { name, expected, value } => {
                let (name, value) = (name.to_string(), value.to_string());
                let expected = expected.map(|expected| expected.to_string());
                let put = text(store.put_note(&name, expected.as_deref(), &value).await);
                format!("{put} {:?}", store.note(&name).await)
            }
            Op::Reopen => text(store.head().await.map(|head| head.position)),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_log_answers_as_memory_does(ops in prop::collection::vec(ops(), 0..60)) {
        let clock = Arc::new(ManualClock::new(Timestamp::MIN));
        let options = Options::new().log(new_log()).clock(Arc::<ManualClock>::clone(&clock));
        let memory = MemoryStore::with_clock(Arc::<ManualClock>::clone(&clock));
        let mut log = open(database(), options.clone());
        let mut stored = HashMap::new();
        for op in &ops {
            match op {
                Op::Append { clock: at, .. } | Op::Many { clock: at, .. } => {
                    clock.set(Timestamp::from_micros(*at).unwrap());
                }
                Op::Reopen => {
                    drop(log);
                    log = open(database(), options.clone());
                }
                _ => {}
            }
            prop_assert_eq!(&answer(&log, op), &answer(&memory, op), "{:?}", op);
            for event in op.events() {
                if memory.log().find(event.id()).is_some() {
                    stored.entry(event.id()).or_insert(event);
                }
            }
        }
        let hash = pollster::block_on(log.head()).unwrap().hash;
        let verified = pollster::block_on(log.verify(|_, _| ControlFlow::Continue(()))).unwrap();
        prop_assert_eq!(Some(verified.head_hash), hash);
        // What is sealed has another hash under every key.
        if stored.values().all(|event| event.personal(|_| false).is_empty()) {
            prop_assert_eq!(hash, Some(chained(&memory, &stored)));
        }
        // A second handle that knows nothing yet sees the same.
        let second: PostgresStore = open(database(), options.existing());
        let all = Op::Read(Read::all());
        prop_assert_eq!(answer(&second, &all), answer(&memory, &all));
    }
}

/// Corrections that a cut leaves out, before one that it does not: the first ones must not end the page, however small
/// it is.
#[test]
fn corrections_that_were_not_known_do_not_hide_one_that_was() {
    let clock = Arc::new(ManualClock::new(Timestamp::MIN));
    let log = open(database(), Options::new().log(new_log()).clock(Arc::<ManualClock>::clone(&clock)));
    let memory = MemoryStore::with_clock(clock);
    let op = Op::Many { from: 60, clock: 0 };
    assert_eq!(answer(&log, &op), answer(&memory, &op));
    let known_at = KnownAt::Instant(Timestamp::MIN);
    for limit in [0, 1, 2, 100] {
        let read = Read::all().kinds(KindSet::CORRECTIONS).limit(limit).cut(Cut { as_of: None, known_at });
        let op = Op::Read(read);
        assert_eq!(answer(&log, &op), answer(&memory, &op));
    }
}

/// The head hash that any adapter gives these facts, by the row that they share.
fn chained(memory: &MemoryStore, stored: &HashMap<EventId, Event>) -> LogHash {
    let (mut link, mut last) = ([0; 32], HashMap::new());
    for fact in memory.log().facts() {
        let encoded = Encoded::all(std::slice::from_ref(&stored[&fact.event.id])).remove(0);
        let position = i64::try_from(fact.position.0).unwrap();
        let place = Place {
            position,
            version: i64::try_from(fact.version.0).unwrap(),
            previous: last.insert(fact.event.customer, position).unwrap_or(0),
            recorded_at: fact.recorded_at.as_micros(),
        };
        link = place.link(&link, &encoded.digest);
    }
    LogHash(link)
}
