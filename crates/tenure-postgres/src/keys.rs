//! The keys of a log's customers, in tables of their own.
//!
//! They are in the same database, so that there is one thing to connect to, and in tables that hold nothing else, so
//! that a dump can leave them out. What is destroyed stays readable in the free space of the table until it is
//! vacuumed and written over, and in the server's write-ahead log until that is recycled: the facts themselves never
//! held anything in plain text.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use tenure_core::CustomerId;
use tenure_store::StoreError;
use tenure_store::seal::{Destroyed, Key, KeyId, Keys, Mark};
use tokio::runtime::Handle;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::error::InStore;
use crate::raw::Inner;
use crate::read::Reader;
use crate::sql::each;
use crate::value::Id;

#[derive(Clone, Debug)]
/// Public only as a part of the store.
pub struct KeyTable {
    inner: Arc<Inner>,
    handle: Handle,
}

impl KeyTable {
    pub(crate) const fn new(inner: Arc<Inner>, handle: Handle) -> Self {
        Self { inner, handle }
    }

    /// Does something with a connection, as a task of its own.
    async fn with<T, F>(&self, work: impl FnOnce(Reader) -> F + Send + 'static) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let inner = Arc::clone(&self.inner);
        let task = self.handle.spawn(async move { work(Reader::new(&inner).await?).await });
        task.await.map_err(StoreError::backend)?
    }

    fn missing(&self) -> StoreError {
        missing(&self.inner)
    }

    fn may_write(&self) -> Result<(), StoreError> {
        if self.inner.options.without_keys { Err(self.missing()) } else { Ok(()) }
    }
}

fn missing(inner: &Inner) -> StoreError {
    StoreError::KeysMissing { location: inner.name.0.clone() }
}

fn ids(customers: &[CustomerId]) -> Vec<Id> {
    customers.iter().map(|customer| Id(*customer.as_bytes())).collect()
}

/// The bytes of a column that holds so many.
fn bytes<const N: usize>(inner: &Inner, row: &Row, column: usize) -> Result<[u8; N], StoreError> {
    let bytes: &[u8] = row.try_get(column).of(&inner.name)?;
    bytes.try_into().map_err(|_| inner.name.damaged("a key has not the length of one"))
}

async fn newest(reader: &Reader, customers: &[Id]) -> Result<HashMap<[u8; 16], (KeyId, Key)>, StoreError> {
    let Inner { name, options, log, .. } = &*reader.inner;
    let key = format!("{}.key", options.schema);
    let find = each("id, secret, customer", &key, "customer", &Type::UUID, "secret IS NOT NULL");
    let find = reader.client.prepare_cached(&find).await.of(name)?;
    let rows = reader.client.query(&find, &[log, &customers]).await.of(name)?;
    let key = |row: &Row| {
        let Id(customer) = row.try_get(2).of(name)?;
        let key = (KeyId(bytes(&reader.inner, row, 0)?), Key::from_bytes(bytes(&reader.inner, row, 1)?));
        Ok((customer, key))
    };
    rows.iter().map(key).collect()
}

impl Keys for KeyTable {
    async fn keys_of(&self, customers: &[CustomerId]) -> Result<Vec<(KeyId, Key)>, StoreError> {
        if customers.is_empty() {
            return Ok(Vec::new());
        }
        self.may_write()?;
        let customers = ids(customers);
        self.with(move |reader| async move {
            let Inner { name, options, log, .. } = &*reader.inner;
            let mut keys = newest(&reader, &customers).await?;
            let without: Vec<Id> = customers.iter().copied().filter(|id| !keys.contains_key(&id.0)).collect();
            if !without.is_empty() {
                let mut names = Vec::with_capacity(without.len());
                let mut secrets = Vec::with_capacity(without.len());
                for _ in &without {
                    names.push(KeyId::random()?.0.to_vec());
                    secrets.push(Key::random()?);
                }
                let secrets: Vec<&[u8]> = secrets.iter().map(|key| &key.as_bytes()[..]).collect();
                // Another writer may be first; then its key is the one.
                let make = format!(
                    "INSERT INTO {}.key (log, id, customer, secret) SELECT $1, * FROM unnest($2::bytea[], $3::uuid[], \
                     $4::bytea[]) ON CONFLICT (log, customer) WHERE secret IS NOT NULL DO NOTHING",
                    options.schema
                );
                let make = reader.client.prepare_cached(&make).await.of(name)?;
                reader.client.execute(&make, &[log, &names, &without, &secrets]).await.of(name)?;
                keys.extend(newest(&reader, &without).await?);
            }
            // A key that was destroyed in this moment is gone; so is what was to be sealed under it.
            let found = customers.iter().map(|id| keys.get(&id.0).cloned());
            found.collect::<Option<_>>().ok_or_else(|| name.locked())
        })
        .await
    }

    async fn named(&self, ids: &[KeyId]) -> Result<Vec<Option<Key>>, StoreError> {
        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.0.to_vec()).collect();
        self.with(move |reader| async move {
            let Inner { name, options, log, .. } = &*reader.inner;
            let key = format!("{}.key", options.schema);
            let find = each("id, secret", &key, "id", &Type::BYTEA, "true");
            let find = reader.client.prepare_cached(&find).await.of(name)?;
            let rows = reader.client.query(&find, &[log, &ids]).await.of(name)?;
            let mut keys = HashMap::with_capacity(rows.len());
            for row in &rows {
                let secret: Option<&[u8]> = row.try_get(1).of(name)?;
                let key = secret.map(|_| bytes(&reader.inner, row, 1).map(Key::from_bytes)).transpose()?;
                keys.insert(row.try_get::<_, Vec<u8>>(0).of(name)?, key);
            }
            let named = ids.iter().map(|id| match keys.get(id) {
                Some(key) => Ok(key.clone()),
                None if options.without_keys => Ok(None),
                None => Err(missing(&reader.inner)),
            });
            named.collect()
        })
        .await
    }

    async fn marking_key(&self) -> Result<Key, StoreError> {
        let without = self.inner.options.without_keys;
        self.with(move |reader| async move {
            let Inner { name, options, log, .. } = &*reader.inner;
            let find = format!("SELECT secret FROM {}.marking WHERE log = $1", options.schema);
            let find = reader.client.prepare_cached(&find).await.of(name)?;
            if let Some(row) = reader.client.query_opt(&find, &[log]).await.of(name)? {
                return bytes(&reader.inner, &row, 0).map(Key::from_bytes);
            }
            if without {
                return Err(missing(&reader.inner));
            }
            let make =
                format!("INSERT INTO {}.marking VALUES ($1, $2) ON CONFLICT DO NOTHING", options.schema);
            let new = Key::random()?;
            reader.client.execute(&make, &[log, &&new.as_bytes()[..]]).await.of(name)?;
            let row = reader.client.query_one(&find, &[log]).await.of(name)?;
            bytes(&reader.inner, &row, 0).map(Key::from_bytes)
        })
        .await
    }

    async fn mark(&self, marks: &[(Mark, CustomerId)]) -> Result<(), StoreError> {
        self.may_write()?;
        let (marks, customers): (Vec<Vec<u8>>, Vec<Id>) =
            marks.iter().map(|(mark, customer)| (mark.0.to_vec(), Id(*customer.as_bytes()))).unzip();
        self.with(move |reader| async move {
            let Inner { name, options, log, .. } = &*reader.inner;
            let mark = format!(
                "INSERT INTO {}.mark SELECT $1, * FROM unnest($2::bytea[], $3::uuid[]) ON CONFLICT DO NOTHING",
                options.schema
            );
            let mark = reader.client.prepare_cached(&mark).await.of(name)?;
            reader.client.execute(&mark, &[log, &marks, &customers]).await.map(drop).of(name)
        })
        .await
    }

    async fn marked(&self, mark: Mark) -> Result<Vec<CustomerId>, StoreError> {
        self.with(move |reader| async move {
            let Inner { name, options, log, .. } = &*reader.inner;
            let find = format!(
                "SELECT customer FROM {}.mark WHERE log = $1 AND mark = $2 ORDER BY customer",
                options.schema
            );
            let rows = reader.client.query(&find, &[log, &&mark.0[..]]).await.of(name)?;
            let customer = |row: &Row| row.try_get(0).of(name).map(|Id(bytes)| CustomerId::from_bytes(bytes));
            rows.iter().map(customer).collect()
        })
        .await
    }

    async fn destroy(&self, customers: &[CustomerId]) -> Result<Destroyed, StoreError> {
        self.may_write()?;
        let customers = ids(customers);
        self.with(move |reader| async move {
            let Inner { name, options, log, .. } = &*reader.inner;
            let schema = &options.schema;
            // One statement, so all of it or nothing.
            let destroy = format!(
                "WITH keys AS (UPDATE {schema}.key SET secret = NULL WHERE log = $1 AND customer = ANY($2) \
                 AND secret IS NOT NULL RETURNING 1), \
                 marks AS (DELETE FROM {schema}.mark WHERE log = $1 AND customer = ANY($2) RETURNING 1) \
                 SELECT (SELECT count(*) FROM keys), (SELECT count(*) FROM marks)"
            );
            let row = reader.client.query_one(&destroy, &[log, &customers]).await.of(name)?;
            let count = |column| -> Result<usize, StoreError> {
                let count: i64 = row.try_get(column).of(name)?;
                Ok(usize::try_from(count).unwrap_or_default())
            };
            let destroyed = Destroyed { keys: count(0)?, marks: count(1)? };
            // The old versions of the rows go now and not when the server finds the time. Who may not do this is told so
            // by the server's log; its own vacuum comes later.
            reader.client.batch_execute(&format!("VACUUM {schema}.key, {schema}.mark")).await.of(name)?;
            Ok(destroyed)
        })
        .await
    }
}
