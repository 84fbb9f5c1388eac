//! `cqrs-es` with `postgres-es`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cqrs_es::event_sink::EventSink;
use cqrs_es::persist::{
    EventStoreAggregateContext, PersistedEventRepository, PersistedEventStore, QueryReplay, SerializedEvent,
};
use cqrs_es::{Aggregate, DomainEvent, EventEnvelope, EventStore, Query};
use postgres_es::{PostgresCqrs, PostgresEventRepository, postgres_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::contender::{History, Log, Seen, Writer, pool};
use crate::facts::{Fact, Order};

/// The table of its `db/init.sql`.
const TABLE: &str = "CREATE TABLE events (
    aggregate_type text NOT NULL,
    aggregate_id text NOT NULL,
    sequence bigint CHECK (sequence >= 0) NOT NULL,
    event_type text NOT NULL,
    event_version text NOT NULL,
    payload json NOT NULL,
    metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
)";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    OrderPlaced(Order),
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        "OrderPlaced".to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Customer {
    orders: u64,
    minor: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("no command is refused")]
struct Never;

impl Aggregate for Customer {
    const TYPE: &'static str = "customer";
    type Command = Order;
    type Event = Event;
    type Error = Never;
    type Services = ();

    async fn handle(&mut self, command: Order, (): &(), sink: &EventSink<Self>) -> Result<(), Never> {
        sink.write(Event::OrderPlaced(command), self).await;
        Ok(())
    }

    fn apply(&mut self, Event::OrderPlaced(order): Event) {
        self.orders += 1;
        self.minor += order.minor;
    }
}

/// Commits to its event store, the stream's version known.
#[derive(Clone)]
pub struct Commits(Arc<PersistedEventStore<PostgresEventRepository, Customer>>);

/// Commands of its framework, each of which loads the stream first.
#[derive(Clone)]
pub struct Commands(Arc<PostgresCqrs<Customer>>);

pub async fn open(database: &str) -> (Commits, Commands) {
    let pool = pool(database).await;
    sqlx::query(TABLE).execute(&pool).await.unwrap();
    let store = PersistedEventStore::new_event_store(PostgresEventRepository::new(pool.clone()));
    (Commits(Arc::new(store)), Commands(Arc::new(postgres_cqrs(pool, Vec::new(), ()))))
}

#[async_trait]
impl Log for Commits {
    async fn writer(&self) -> Box<dyn Writer> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Writer for Commits {
    async fn append(&mut self, fact: Fact) -> u64 {
        let context = EventStoreAggregateContext {
            aggregate_id: fact.stream().to_string(),
            aggregate: Customer::default(),
            current_sequence: usize::try_from(fact.before.0).unwrap(),
            current_snapshot: None,
        };
        self.0.commit(vec![Event::OrderPlaced(fact.order)], context, HashMap::new()).await.unwrap();
        0
    }
}

#[async_trait]
impl Log for Commands {
    async fn writer(&self) -> Box<dyn Writer> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Writer for Commands {
    async fn append(&mut self, fact: Fact) -> u64 {
        self.0.execute(&fact.stream().to_string(), fact.order).await.unwrap();
        0
    }
}

/// Its replay of all events into a query.
pub struct Replay(PgPool);

impl Replay {
    pub async fn filled(database: &str, facts: &[Fact]) -> Self {
        let pool = pool(database).await;
        sqlx::query(TABLE).execute(&pool).await.unwrap();
        let repository = PostgresEventRepository::new(pool.clone());
        for facts in facts.chunks(10_000) {
            let events: Vec<_> = facts.iter().map(serialized).collect();
            repository.persist::<Customer>(&events, None).await.unwrap();
        }
        Self(pool)
    }
}

fn serialized(fact: &Fact) -> SerializedEvent {
    let envelope: EventEnvelope<Customer> = EventEnvelope {
        aggregate_id: fact.stream().to_string(),
        sequence: usize::try_from(fact.before.0).unwrap() + 1,
        payload: Event::OrderPlaced(fact.order.clone()),
        metadata: HashMap::new(),
    };
    (&envelope).try_into().unwrap()
}

#[async_trait]
impl History for Replay {
    async fn replay(&self) -> Seen {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let query = Counts(Arc::clone(&seen));
        let mut replay = QueryReplay::new(PostgresEventRepository::new(self.0.clone()), query);
        replay.use_error_handler(Box::new(|error| panic!("{error}")));
        replay.replay_all().await.unwrap();
        *seen.lock().unwrap()
    }
}

struct Counts(Arc<Mutex<Seen>>);

#[async_trait]
impl Query<Customer> for Counts {
    async fn dispatch(&self, _: &str, events: &[EventEnvelope<Customer>]) {
        for event in events {
            let Event::OrderPlaced(order) = &event.payload;
            self.0.lock().unwrap().see(order.minor);
        }
    }
}
