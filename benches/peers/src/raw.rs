//! PostgreSQL alone: the columns of a fact and nothing checked, with a prepared statement.

use async_trait::async_trait;
use futures_util::TryStreamExt;
use std::pin::pin;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Statement};

use crate::contender::{History, Log, Seen, Writer, connect};
use crate::facts::Fact;
use crate::tenure;

const COLUMNS: &str = "version, previous, id, customer, customer_key, occurred_at, recorded_at, kind, schema, subject, \
     minor, currency, channel, data, header_sum, body_sum, link";

/// A table with the columns and indexes of tenure's.
pub struct Raw {
    database: String,
}

impl Raw {
    pub async fn open(database: &str) -> Self {
        drop(tenure::Tenure::open(database).await);
        let table = "CREATE SEQUENCE raw_position;
             CREATE TABLE raw (LIKE tenure.fact INCLUDING INDEXES);
             ALTER TABLE raw ALTER position SET DEFAULT nextval('raw_position'), ALTER log SET DEFAULT 1;";
        connect(database).await.batch_execute(table).await.unwrap();
        Self { database: database.to_owned() }
    }
}

#[async_trait]
impl Log for Raw {
    async fn writer(&self) -> Box<dyn Writer> {
        let client = connect(&self.database).await;
        let insert = format!(
            "INSERT INTO raw ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, to_timestamp($6::float8), now(), 'order_placed',
             1, $7, $8, $9, $10, $11, $12, $13, $14)"
        );
        let insert = client.prepare(&insert).await.unwrap();
        Box::new(Inserts { client, insert })
    }
}

struct Inserts {
    client: Client,
    insert: Statement,
}

#[async_trait]
impl Writer for Inserts {
    async fn append(&mut self, fact: Fact) -> u64 {
        let event = fact.event();
        let version = i64::try_from(fact.before.0).unwrap() + 1;
        let order = &fact.order;
        #[expect(clippy::cast_precision_loss, reason = "a time of this century")]
        let at = order.occurred_at as f64 / 1e6;
        let key = fact.customer.key().map(tenure_core::CustomerKey::as_str);
        let values: [&(dyn ToSql + Sync); 14] = [
            &version,
            &version,
            &order.id,
            &fact.stream(),
            &key,
            &at,
            &order.order,
            &order.minor,
            &order.currency,
            &order.channel,
            &event.stored_data(),
            &version,
            &version,
            &[7_u8; 32].as_slice(),
        ];
        let transaction = self.client.transaction().await.unwrap();
        transaction.execute(&self.insert, &values).await.unwrap();
        transaction.commit().await.unwrap();
        0
    }
}

/// A bare scan of the table that tenure replays, in binary form.
pub struct Scan(pub Client);

#[async_trait]
impl History for Scan {
    async fn replay(&self) -> Seen {
        let select = format!("SELECT minor, position, {COLUMNS} FROM tenure.fact ORDER BY position");
        let none: [&(dyn ToSql + Sync); 0] = [];
        let mut rows = pin!(self.0.query_raw(&select, none).await.unwrap());
        let mut seen = Seen::default();
        while let Some(row) = rows.try_next().await.unwrap() {
            for column in 1..row.len() {
                std::hint::black_box(row.get::<_, Option<Bytes<'_>>>(column));
            }
            seen.see(row.get(0));
        }
        seen
    }
}

struct Bytes<'a>(#[expect(dead_code, reason = "looked at and no more")] &'a [u8]);

impl<'a> FromSql<'a> for Bytes<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
