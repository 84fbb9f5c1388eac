//! Random operations against the store in memory: a SQLite file answers the same, also after it was opened again.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::Arc;

use proptest::prelude::*;
use tenure_core::log::{Append, Cut, Direction, Expected, KindSet, KnownAt, Read};
use tenure_core::{
    Context, Customer, CustomerEvent, CustomerId, Event, EventId, Kind, Position, Timestamp, Version,
};
use tenure_sqlite::{Durability, Options, SqliteStore};
use tenure_store::{EventStore, ManualClock, MemoryStore};

#[derive(Clone, Debug)]
enum Op {
    Append { facts: Vec<Fact>, expected: Vec<(u8, Expected)>, clock: i64 },
    Read(Read),
    Stream { customer: u8, after: u64, limit: usize },
    Known(Vec<u8>),
    Note { name: u8, expected: Option<u8>, value: u8 },
    Reopen,
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
        6 => append.prop_map(|(facts, expected, clock)| Op::Append { facts, expected, clock }),
        4 => reads().prop_map(Op::Read),
        2 => (0..4_u8, 0..9_u64, 0..9_usize)
            .prop_map(|(customer, after, limit)| Op::Stream { customer, after, limit }),
        1 => prop::collection::vec(0..60_u8, 0..5).prop_map(Op::Known),
        1 => (0..2_u8, prop::option::of(0..3_u8), 0..3_u8)
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
            Op::Append { facts, expected, .. } => {
                let append = Append::new(facts.iter().map(Fact::event).collect());
                let append = expected
                    .iter()
                    .fold(append, |append, (customer, expected)| append.expect(id_of(*customer), *expected));
                text(store.append(append).await)
            }
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
            Op::Reopen => format!("{:?}", store.head().await.map(|head| head.position)),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_file_answers_as_memory_does(ops in prop::collection::vec(ops(), 0..60)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let clock = Arc::new(ManualClock::new(Timestamp::MIN));
        let options = Options::new()
            .clock(Arc::<ManualClock>::clone(&clock))
            .durability(Durability::MayLoseLastCommitsOnPowerLoss);
        let memory = MemoryStore::with_clock(Arc::<ManualClock>::clone(&clock));
        let in_memory = SqliteStore::open_in_memory(options.clone()).unwrap();
        let mut file = SqliteStore::open(&path, options.clone()).unwrap();
        for op in &ops {
            match op {
                Op::Append { clock: at, .. } => clock.set(Timestamp::from_micros(*at).unwrap()),
                Op::Reopen => {
                    drop(file);
                    file = SqliteStore::open(&path, options.clone()).unwrap();
                }
                _ => {}
            }
            let expected = answer(&memory, op);
            prop_assert_eq!(&answer(&file, op), &expected, "{:?}", op);
            prop_assert_eq!(&answer(&in_memory, op), &expected, "{:?}", op);
        }
        let hash = pollster::block_on(file.head()).unwrap().hash;
        // What is sealed is sealed under other keys there.
        if memory.log().facts().all(|fact| fact.event.kind != Kind::EventVoided) {
            prop_assert_eq!(hash, pollster::block_on(in_memory.head()).unwrap().hash);
        }
        let verified = file.verify(|_, _| std::ops::ControlFlow::Continue(())).unwrap();
        prop_assert_eq!(Some(verified.head_hash), hash);
    }
}
