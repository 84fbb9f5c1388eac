//! `esrs`.

use std::collections::HashMap;

use async_trait::async_trait;
use esrs::manager::AggregateManager;
use esrs::store::EventStore;
use esrs::store::postgres::{PgStore, PgStoreBuilder};
use esrs::{Aggregate, AggregateState};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use crate::contender::{History, Log, Seen, Writer, pool};
use crate::facts::{Fact, Order};

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Event {
    OrderPlaced(Order),
}

struct Customer;

#[derive(Debug, Default)]
struct State {
    orders: u64,
    minor: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("no command is refused")]
struct Never;

impl Aggregate for Customer {
    const NAME: &'static str = "customer";
    type State = State;
    type Command = Order;
    type Event = Event;
    type Error = Never;

    fn handle_command(_: &State, command: Order) -> Result<Vec<Event>, Never> {
        Ok(vec![Event::OrderPlaced(command)])
    }

    fn apply_event(state: State, Event::OrderPlaced(order): Event) -> State {
        State { orders: state.orders + 1, minor: state.minor + order.minor }
    }
}

/// Persists through its store, states kept.
pub struct Persists(PgStore<Customer>);

/// Commands of its manager, the state loaded first.
pub struct Commands(PgStore<Customer>);

pub async fn open(database: &str) -> (Persists, Commands) {
    let store = store(pool(database).await).await;
    (Persists(store.clone()), Commands(store))
}

async fn store(pool: PgPool) -> PgStore<Customer> {
    PgStoreBuilder::new(pool).try_build().await.unwrap()
}

#[async_trait]
impl Log for Persists {
    async fn writer(&self) -> Box<dyn Writer> {
        Box::new(Persisting { store: self.0.clone(), states: HashMap::new() })
    }
}

struct Persisting {
    store: PgStore<Customer>,
    states: HashMap<Uuid, AggregateState<State>>,
}

#[async_trait]
impl Writer for Persisting {
    async fn append(&mut self, fact: Fact) -> u64 {
        let id = fact.stream();
        let state = self.states.entry(id).or_insert_with(|| AggregateState::with_id(id));
        self.store.persist(state, vec![Event::OrderPlaced(fact.order)]).await.unwrap();
        0
    }
}

#[async_trait]
impl Log for Commands {
    async fn writer(&self) -> Box<dyn Writer> {
        Box::new(Commanding(AggregateManager::new(self.0.clone())))
    }
}

struct Commanding(AggregateManager<PgStore<Customer>>);

#[async_trait]
impl Writer for Commanding {
    async fn append(&mut self, fact: Fact) -> u64 {
        let id = fact.stream();
        let state = self.0.load(id).await.unwrap().unwrap_or_else(|| AggregateState::with_id(id));
        self.0.handle_command(state, fact.order).await.unwrap().unwrap();
        0
    }
}

/// Its stream of all events.
pub struct Stream {
    store: PgStore<Customer>,
    pool: PgPool,
}

impl Stream {
    /// A stream a commit: it has no way to append to several at once.
    pub async fn filled(database: &str, facts: &[Fact]) -> Self {
        let pool = pool(database).await;
        let store = store(pool.clone()).await;
        let mut streams: HashMap<Uuid, Vec<Event>> = HashMap::new();
        for fact in facts {
            streams.entry(fact.stream()).or_default().push(Event::OrderPlaced(fact.order.clone()));
        }
        for (id, events) in streams {
            store.persist(&mut AggregateState::with_id(id), events).await.unwrap();
        }
        Self { store, pool }
    }
}

#[async_trait]
impl History for Stream {
    async fn replay(&self) -> Seen {
        let mut events = self.store.stream_events(&self.pool);
        let mut seen = Seen::default();
        while let Some(event) = events.try_next().await.unwrap() {
            let Event::OrderPlaced(order) = event.payload;
            seen.see(order.minor);
        }
        seen
    }
}
