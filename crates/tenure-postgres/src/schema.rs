//! The tables of a schema, how they come to be, and which log is which.
//!
//! ```text
//! migration  the formats that the schema went through    the greatest is its own
//! log        name, facts, last link, last recorded_at    one row a log: its head, and the one lock of an append
//! stream     version and last position of a customer     one row a customer and log
//! fact       the facts of all logs                       one row a fact, never changed
//! entry      what is kept beside a log                   one row a log, space and key
//! facts      a view of them to read
//! ```
//!
//! Each fact names the position of its customer's previous fact, and a stream is read along that chain: an index over
//! (customer, version) would cost every append a write at a random place.

use tenure_store::StoreError;
use tokio_postgres::Client;

use crate::error::{InStore, Name};
use crate::options::Options;

/// The format that this build reads and writes. In format 0 personal data was not sealed.
const FORMAT: i32 = 1;

/// What makes a schema of this format, with the name of the schema for `{schema}`.
const CREATE: &str = include_str!("schema.sql");

/// Held while a schema is made, so that two processes do not both make it: "tenure" in ASCII.
const MAKING: i64 = 0x7465_6e75_7265;

/// Finds the log, and makes schema and log where they are missing and may be made. Gives its number.
pub(crate) async fn open(client: &mut Client, options: &Options, name: &Name) -> Result<i32, StoreError> {
    check_names(options, name)?;
    match found(client, options, name).await? {
        Found::Schema => {}
        Found::Nothing if options.create => create(client, options, name).await?,
        Found::Nothing => return Err(name.unreachable("there is no such schema")),
        Found::SomethingElse => {
            return Err(name.not_a_store("the schema holds tables of something else"));
        }
        Found::Format(format) => return Err(name.format(i64::from(format), i64::from(FORMAT))),
    }
    let schema = &options.schema;
    let find = format!("SELECT log FROM {schema}.log WHERE name = $1");
    if let Some(row) = client.query_opt(&find, &[&options.log]).await.of(name)? {
        return row.try_get(0).of(name);
    }
    if !options.create {
        return Err(name.unreachable("there is no such log"));
    }
    let make = format!("INSERT INTO {schema}.log (name) VALUES ($1) ON CONFLICT (name) DO NOTHING");
    client.execute(&make, &[&options.log]).await.of(name)?;
    client.query_one(&find, &[&options.log]).await.of(name)?.try_get(0).of(name)
}

/// What stands under the name of a schema.
enum Found {
    Nothing,
    /// One of this build's format.
    Schema,
    Format(i32),
    SomethingElse,
}

async fn found(client: &Client, options: &Options, name: &Name) -> Result<Found, StoreError> {
    let schema = &options.schema;
    let row = client
        .query_one(
            "SELECT to_regclass($1 || '.migration') IS NOT NULL AND to_regclass($1 || '.fact') IS NOT NULL,
                EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace($1))",
            &[schema],
        )
        .await
        .of(name)?;
    let (ours, anything): (bool, bool) = (row.try_get(0).of(name)?, row.try_get(1).of(name)?);
    match (ours, anything) {
        (false, false) => Ok(Found::Nothing),
        (false, true) => Ok(Found::SomethingElse),
        (true, _) => {
            let format = format!("SELECT max(format) FROM {schema}.migration");
            let format: Option<i32> = client.query_one(&format, &[]).await.of(name)?.try_get(0).of(name)?;
            Ok(match format {
                Some(FORMAT) => Found::Schema,
                Some(format) => Found::Format(format),
                None => Found::SomethingElse,
            })
        }
    }
}

async fn create(client: &mut Client, options: &Options, name: &Name) -> Result<(), StoreError> {
    let transaction = client.transaction().await.of(name)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&MAKING]).await.of(name)?;
    // Somebody else may have been first.
    match found(transaction.client(), options, name).await? {
        Found::Nothing => {
            transaction.batch_execute(&CREATE.replace("{schema}", &options.schema)).await.of(name)?;
            transaction.commit().await.of(name)
        }
        Found::Format(format) => Err(name.format(i64::from(format), i64::from(FORMAT))),
        Found::Schema | Found::SomethingElse => Ok(()),
    }
}

/// Names that need no quoting and leave room for the channel of notifications.
fn check_names(options: &Options, name: &Name) -> Result<(), StoreError> {
    let Options { schema, log, .. } = options;
    let starts_well = schema.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !starts_well || schema.len() > 40 || !schema.chars().all(plain) || schema.starts_with("pg_") {
        return Err(name.unreachable(
            "the name of a schema is up to 40 of a to z, digits and _, begins with no digit and not with pg_",
        ));
    }
    if log.is_empty() || log.len() > 200 || log.contains('\0') {
        return Err(name.unreachable("the name of a log has 1 to 200 bytes and no NUL"));
    }
    Ok(())
}
