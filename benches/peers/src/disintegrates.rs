//! `disintegrate` with `disintegrate-postgres`.

use std::collections::HashMap;

use async_trait::async_trait;
use disintegrate::serde::json::Json;
use disintegrate::{
    Decision, DecisionError, EventStore, NoSnapshot, StateMutate, StateQuery, StreamItem, query,
};
use disintegrate_postgres::{Error, PgDecisionMaker, PgEventId, PgEventStore, decision_maker};
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::contender::{History, Log, Seen, Writer, pool};
use crate::facts::{Fact, Order};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, disintegrate::Event)]
enum ShopEvent {
    OrderPlaced {
        #[id]
        customer: Uuid,
        order: Order,
    },
}

impl From<Fact> for ShopEvent {
    fn from(fact: Fact) -> Self {
        Self::OrderPlaced { customer: fact.stream(), order: fact.order }
    }
}

type Store = PgEventStore<ShopEvent, Json<ShopEvent>>;

/// Appends with a query that nothing may have been added to since the version known.
pub struct Appends(Store);

/// Appends that check nothing.
pub struct Unchecked(Store);

/// Decisions of its decision maker, which reads the customer's events first.
pub struct Decisions(Store);

pub async fn open(database: &str) -> (Appends, Unchecked, Decisions) {
    let store = store(database).await;
    (Appends(store.clone()), Unchecked(store.clone()), Decisions(store))
}

async fn store(database: &str) -> Store {
    let pool = pool(database).await;
    sqlx::raw_sql(SCHEMA).execute(&pool).await.unwrap();
    PgEventStore::new_uninitialized(pool, Json::default())
}

/// What its `Migrator` makes for this event, but for one literal: 4294967295 is `0xFFFFFFFF` there, which PostgreSQL
/// reads from version 16 on.
const SCHEMA: &str = "
CREATE SEQUENCE seq_event_event_id;
CREATE TABLE event (
    event_id BIGINT PRIMARY KEY DEFAULT nextval('seq_event_event_id'),
    event_type VARCHAR(255),
    payload BYTEA,
    inserted_at TIMESTAMP DEFAULT now()
);
CREATE INDEX idx_event_type_btree ON event(event_type);
CREATE FUNCTION event_store_current_epoch()
RETURNS BIGINT AS $$
DECLARE
    persisted_event_id BIGINT;
    pending_event_id BIGINT;
    db_id INT;
BEGIN
    SELECT COALESCE(MAX(event_id), 0) INTO persisted_event_id FROM event;
    SELECT oid INTO db_id FROM pg_database WHERE datname = current_database();

    SELECT MIN((l3.objid::bigint << 32) + l2.objid::bigint)
    INTO pending_event_id
    FROM pg_locks l1
    INNER JOIN pg_locks l2 ON l1.pid = l2.pid
    INNER JOIN pg_locks l3 ON l1.pid = l3.pid
    WHERE
        l1.classid = db_id
        AND l2.classid = 1
        AND l3.classid = 2
        AND l1.locktype = 'advisory';

    RETURN LEAST(COALESCE(pending_event_id, persisted_event_id), persisted_event_id);
END;
$$ LANGUAGE plpgsql;
CREATE FUNCTION event_store_begin_epoch()
RETURNS void AS $$
DECLARE
    id BIGINT;
    db_id INT;
BEGIN
    SELECT last_value INTO id FROM seq_event_event_id;
    SELECT oid INTO db_id FROM pg_database WHERE datname = current_database();

    PERFORM pg_try_advisory_xact_lock_shared(db_id, 0);
    PERFORM pg_try_advisory_xact_lock_shared(1, (id & 4294967295)::bit(32)::integer);
    PERFORM pg_try_advisory_xact_lock_shared(2, (id >> 32)::bit(32)::integer);
END;
$$ LANGUAGE plpgsql;
ALTER TABLE event ADD COLUMN customer UUID;
CREATE INDEX idx_event_customer ON event (customer) WHERE customer IS NOT NULL;
";

/// Its transactions are serializable: the server may refuse one for another that it has nothing to do with.
fn is_to_be_sent_again(error: &Error) -> bool {
    match error {
        Error::Concurrency => true,
        Error::Database(error) => {
            error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("40001"))
        }
        _ => false,
    }
}

#[async_trait]
impl Log for Appends {
    async fn writer(&self) -> Box<dyn Writer> {
        Box::new(Appending { store: self.0.clone(), last: HashMap::new() })
    }
}

struct Appending {
    store: Store,
    last: HashMap<Uuid, PgEventId>,
}

#[async_trait]
impl Writer for Appending {
    async fn append(&mut self, fact: Fact) -> u64 {
        let customer = fact.stream();
        let last = self.last.entry(customer).or_default();
        let event = ShopEvent::from(fact);
        let mut again = 0;
        loop {
            let query = query!(ShopEvent; customer == customer);
            match self.store.append(vec![event.clone()], query, *last).await {
                Ok(stored) => {
                    *last = stored.last().unwrap().id();
                    return again;
                }
                Err(error) if is_to_be_sent_again(&error) => again += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[async_trait]
impl Log for Unchecked {
    async fn writer(&self) -> Box<dyn Writer> {
        Box::new(Self(self.0.clone()))
    }
}

#[async_trait]
impl Writer for Unchecked {
    async fn append(&mut self, fact: Fact) -> u64 {
        self.0.append_without_validation(vec![fact.into()]).await.unwrap();
        0
    }
}

#[async_trait]
impl Log for Decisions {
    async fn writer(&self) -> Box<dyn Writer> {
        Box::new(Deciding(decision_maker(self.0.clone(), NoSnapshot)))
    }
}

struct Deciding(PgDecisionMaker<ShopEvent, Json<ShopEvent>, NoSnapshot>);

#[derive(Clone, Debug, Default, StateQuery, Serialize, Deserialize)]
#[state_query(ShopEvent)]
struct Customer {
    #[id]
    customer: Uuid,
    minor: i64,
}

impl StateMutate for Customer {
    fn mutate(&mut self, ShopEvent::OrderPlaced { order, .. }: ShopEvent) {
        self.minor += order.minor;
    }
}

#[derive(Clone)]
struct PlaceOrder(Fact);

impl Decision for PlaceOrder {
    type Event = ShopEvent;
    type StateQuery = Customer;
    type Error = Never;

    fn state_query(&self) -> Customer {
        Customer { customer: self.0.stream(), minor: 0 }
    }

    fn process(&self, _: &Customer) -> Result<Vec<ShopEvent>, Never> {
        Ok(vec![self.0.clone().into()])
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no decision is refused")]
struct Never;

#[async_trait]
impl Writer for Deciding {
    async fn append(&mut self, fact: Fact) -> u64 {
        let mut again = 0;
        loop {
            match self.0.make(PlaceOrder(fact.clone())).await {
                Ok(_) => return again,
                Err(DecisionError::StateStore(error) | DecisionError::EventStore(error))
                    if error.downcast_ref().is_some_and(is_to_be_sent_again) =>
                {
                    again += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Its stream of all events.
pub struct Stream(Store);

impl Stream {
    pub async fn filled(database: &str, facts: &[Fact]) -> Self {
        let store = store(database).await;
        for facts in facts.chunks(1_000) {
            let events = facts.iter().cloned().map(ShopEvent::from).collect();
            store.append_without_validation(events).await.unwrap();
        }
        Self(store)
    }
}

#[async_trait]
impl History for Stream {
    async fn replay(&self) -> Seen {
        let query = query!(ShopEvent);
        let mut events = self.0.stream(&query);
        let mut seen = Seen::default();
        while let Some(item) = events.try_next().await.unwrap() {
            if let StreamItem::Event(event) = item {
                let ShopEvent::OrderPlaced { order, .. } = event.into_inner();
                seen.see(order.minor);
            }
        }
        seen
    }
}
