//! The embedded default store: one SQLite file, one log.
//!
//! ```
//! use tenure_core::log::{Append, Read};
//! use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
//! use tenure_sqlite::{Options, SqliteStore};
//! use tenure_store::EventStore;
//! # pollster::block_on(async {
//! let directory = tempfile::tempdir()?;
//! let store = SqliteStore::open(directory.path().join("shop.db"), Options::new())?;
//! let ann = Customer::parse("ann", "shop")?;
//! let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
//! let fact = Event::new(EventId::from_foreign("shop", "1"), ann, at, CustomerEvent::SignedUp {})?;
//! store.append(Append::new(vec![fact])).await?; // on disk when this returns
//! assert_eq!(store.read(&Read::all()).await?.facts.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! - [`SqliteStore`] implements [`EventStore`](tenure_store::EventStore); [`Options`] say how it is opened.
//! - An acknowledged append is on disk: write-ahead log with `synchronous=EXTRA`, proved at opening. A mode that may
//!   lose commits exists under a name that says so: [`Durability::MayLoseLastCommitsOnPowerLoss`].
//! - [`SqliteStore::verify`] follows the hash chain and names the first fact that was altered, removed or moved.
//! - Personal data is sealed under a key for each customer ([`tenure_store::seal`]), and [erased](tenure_store::seal::erase) by
//!   destroying the key; the keys are in a file of their own ending in `-keys`.
//! - [`SqliteStore::backup`] copies it while it is in use. Do not copy the file by hand: its last commits stand in others.
//! - The file can be read with SQLite's own tools: `SELECT * FROM facts`.
//!
//! # Numbers
//! Measured by `cargo bench -p tenure-benches --bench sqlite` (1,000,000 facts, two shared cores): bulk import 0.51 of raw
//! prepared inserts of the same rows, keys and durability; replay of stage and RFM on one thread 2.3 times a bare scan of
//! the same columns with checksums.
//!
//! So import in the order of time, thousands of facts an append, with ids that begin with their time.
//!
//! # What this crate does not do
//! It keeps one log a file. It encrypts personal data and nothing else.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backup;
mod checkpoint;
mod error;
mod health;
mod in_use;
mod keys;
mod kinds;
mod open;
mod options;
mod raw;
mod read;
mod row;
mod schema;
mod store;
mod transaction;
mod verify;
mod witness;
mod writer;

pub use backup::{BackedUp, BackupError};
pub use health::{Health, sqlite_version, store_format};
pub use options::{Durability, Options};
pub use store::SqliteStore;
pub use tenure_store::{Verified, VerifyError};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_types_can_be_shown_sent_and_shared() {
        fn whole<T: core::fmt::Debug + Send + Sync>() {}
        whole::<Options>();
        whole::<SqliteStore>();
        whole::<Verified>();
        whole::<VerifyError>();
        whole::<BackedUp>();
        whole::<BackupError>();
        whole::<Durability>();
        whole::<Health>();
    }
}
