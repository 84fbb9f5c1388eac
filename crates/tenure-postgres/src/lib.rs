//! The server-grade store: many logs in one PostgreSQL database.
//!
//! ```no_run
//! use tenure_core::log::{Append, Read};
//! use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
//! use tenure_postgres::{Options, PostgresStore};
//! use tenure_store::EventStore;
//! # pollster::block_on(async {
//! let store = PostgresStore::open("postgresql://crm@db/shop", Options::new().log("berlin")).await?;
//! let ann = Customer::parse("ann", "shop")?;
//! let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
//! let fact = Event::new(EventId::from_foreign("shop", "1"), ann, at, CustomerEvent::SignedUp {})?;
//! store.append(Append::new(vec![fact])).await?; // on the server's disk when this returns
//! assert_eq!(store.read(&Read::all()).await?.facts.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! - [`PostgresStore`] implements [`EventStore`](tenure_store::EventStore); [`Options`] say which schema, which log,
//!   and how patient. A handle is one log: one business, one tenant.
//! - [`PostgresStore::append_in`] appends inside the caller's own transaction: facts and rows together or not at all.
//! - Positions are 1, 2, 3 ... in the order of commits, whoever writes: the row of the log is locked from before an
//!   append is decided until its commit is visible. No sequence, no gap, nothing to wait out.
//! - An acknowledged append is on the server's disk: a server with `fsync`, `full_page_writes` or
//!   `synchronous_commit` switched off is refused, unless
//!   [`Options::accept_loss_when_the_server_crashes`] says otherwise.
//! - A commit whose connection is lost is looked up under the lock of the head, and answered as what it was;
//!   [`StoreError::Unknown`](tenure_store::StoreError::Unknown) only where the server cannot be asked either.
//! - [`PostgresStore::verify`] follows the hash chain and names the first fact that was altered, removed or moved. The
//!   hash is the one that the same facts have in any other store.
//! - Personal data is sealed under a key for each customer before it leaves the process ([`tenure_store::seal`]), and
//!   [erased](tenure_store::seal::erase) by destroying the key.
//! - [`committed`](tenure_store::EventStore::committed) wakes at a commit; what was written is found by reading.
//! - The tables can be read with SQL: `SELECT * FROM tenure.facts`. The database itself refuses `UPDATE`, `DELETE` and
//!   `TRUNCATE` on facts.
//!
//! # Limits
//! Appends to one log follow one another: what several tasks of one handle append at the same time shares a commit,
//! what several handles append does not. Facts of one commit: 16,384, or one append. A name of a schema has up to 40
//! bytes, one of a log up to 200. Tested with PostgreSQL 15.
//!
//! # What this crate does not do
//! It brings no TLS: [`PostgresStore::open_with_tls`] takes the library of your choice.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod append_in;
mod chain;
mod commits;
mod connect;
mod entries;
mod error;
mod keys;
mod known;
mod options;
mod raw;
mod read;
mod row;
mod schema;
mod sql;
mod store;
mod transaction;
mod value;
mod verify;
mod writer;

pub use options::Options;
pub use store::PostgresStore;
pub use tenure_store::{Verified, VerifyError};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_be_shown_sent_and_shared() {
        fn whole<T: core::fmt::Debug + Send + Sync>() {}
        whole::<Options>();
        whole::<PostgresStore>();
        whole::<Verified>();
        whole::<VerifyError>();
    }
}
