//! Appending inside a transaction of the caller's.

use tenure_core::log::{Append, Appended};
use tenure_store::row::Encoded;
use tenure_store::{Around, StoreError};
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;

use crate::connect::prove_safe;
use crate::error::InStore;
use crate::raw::Inner;
use crate::sql::Statements;
use crate::store::PostgresStore;
use crate::transaction::{Begin, Session, WriteError, Writes};
use crate::value::Id;

impl PostgresStore {
    /// Appends inside a transaction on the database of this log, so that facts and the caller's own rows are
    /// committed together or not at all. It is to be the last statement before the commit.
    ///
    /// **What it costs:** from here until the transaction ends, the head of the log is locked, and whoever else
    /// appends to this log waits, up to their lock time-out. Readers do not wait, and see nothing of the facts before
    /// the commit. So commit at once; never wait for a person or another service in between.
    ///
    /// The positions answered are the facts' own as soon as the transaction is committed. What is refused is undone
    /// by itself: the transaction can go on without it.
    ///
    /// # Errors
    /// [`StoreError::Refused`] as for any append. [`StoreError::Locked`] if another writer holds the head for longer
    /// than the lock time-out of this handle, or wrote after the transaction's snapshot was taken where that is
    /// `REPEATABLE READ`. [`StoreError::NotAStore`] for a transaction on another database. [`StoreError::Unsafe`] if
    /// the transaction's own commit does not wait for the disk.
    ///
    /// # Example
    /// ```no_run
    /// use tenure_core::log::Append;
    /// use tenure_postgres::{Options, PostgresStore};
    /// # async fn example(event: tenure_core::Event) -> Result<(), Box<dyn std::error::Error>> {
    /// let store = PostgresStore::open("host=/run/postgresql dbname=shop", Options::new()).await?;
    /// # let config: tokio_postgres::Config = "host=/run/postgresql dbname=shop".parse()?;
    /// let (mut client, connection) = config.connect(tokio_postgres::NoTls).await?;
    /// tokio::spawn(connection);
    /// let mut transaction = client.transaction().await?;
    /// transaction.execute("UPDATE stock SET left_over = left_over - 1 WHERE sku = 'a-7'", &[]).await?;
    /// store.append_in(&mut transaction, &Append::new(vec![event])).await?;
    /// transaction.commit().await?;
    /// # Ok(()) }
    /// ```
    pub async fn append_in(
        &self,
        transaction: &mut Transaction<'_>,
        append: &Append,
    ) -> Result<Appended, StoreError> {
        let inner = self.shared();
        let name = &inner.name;
        let append = &Around::inner(self).close(append.clone()).await?;
        let encoded = Encoded::all(append.events());
        // Dropped without a commit it undoes itself.
        let savepoint = transaction.savepoint("tenure_append").await.of(name)?;
        let appended = append_within(inner, &savepoint, append, &encoded).await?;
        savepoint.commit().await.of(name)?;
        Ok(appended)
    }
}

async fn append_within(
    inner: &Inner,
    savepoint: &Transaction<'_>,
    append: &Append,
    encoded: &[Encoded],
) -> Result<Appended, StoreError> {
    let Inner { name, sql, options, log, channel, .. } = inner;
    let client = savepoint.client();
    let elsewhere = || name.not_a_store("the transaction is on another database");
    let this = format!("SELECT FROM {}.log WHERE log = $1 AND identity = $2", options.schema);
    match client.query_opt(&this, &[log, &Id(inner.identity)]).await {
        Ok(Some(_)) => {}
        Ok(None) => return Err(elsewhere()),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Err(elsewhere()),
        Err(error) => return Err(name.error(error)),
    }
    prove_safe(client, name, options).await?;
    let statements = Statements::prepare(client, sql, options.notify).await.of(name)?;
    let patience: String = client
        .query_one("SELECT current_setting('lock_timeout')", &[])
        .await
        .of(name)?
        .try_get(0)
        .of(name)?;
    let set = "SELECT set_config('lock_timeout', $1, true)";
    client.query_one(set, &[&options.lock_timeout_ms().to_string()]).await.of(name)?;
    let session = Session { client, statements: &statements, log: *log, channel };
    let mut known = None;
    session.begin(Begin::Within, &mut known, &[append]).await.of(name)?;
    let Some(mut known) = known else { return Err(name.locked()) };
    let mut writes = Writes::default();
    let appended = writes.add(&mut known, append, encoded, options.clock.now())?;
    if !writes.is_empty() {
        session.write(&mut known, &writes, false).await.map_err(|error| match error {
            WriteError::Nothing(error) | WriteError::Unknown(error) => name.error(error),
        })?;
    }
    client.query_one(set, &[&patience]).await.of(name)?;
    Ok(appended)
}
