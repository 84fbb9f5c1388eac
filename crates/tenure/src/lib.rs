//! Where each customer stands: facts in an append-only log, folded by pure projections into lifecycle stages, RFM segments
//! and timelines with reasons.
//!
//! ```
//! # pollster::block_on(async {
//! use tenure::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
//!
//! # let directory = tempfile::tempdir()?;
//! # std::env::set_current_dir(directory.path())?;
//! let engine = tenure::open("shop.db", Policy::preset("retail").ok_or("no such preset")?).await?;
//!
//! let ann = Customer::parse("ann", "shop")?;
//! let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
//! let order = CustomerEvent::OrderPlaced { order: Some("o-77".into()), total: None, lines: vec![] };
//! let fact = Event::new(EventId::from_foreign("shop", "o-77"), ann.clone(), at, order)?;
//! let recorded = engine.record([fact]).await?; // on disk when this returns; sent twice it is stored once
//! assert_eq!(recorded.notices.len(), 2); // ann is a prospect, and at once a new customer
//!
//! let passed = engine.advance(Timestamp::parse("2024-07-01T00:00:00Z")?).await?;
//! assert_eq!(passed.notices[0].change().to(), Some("at_risk")); // by silence alone
//!
//! let then = engine.customer(ann.id()).as_of(at).await?.ok_or("nobody")?;
//! assert_eq!(&*then.stage, "new");
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # The nouns
//!
//! - [`core`]: facts ([`core::Event`]), the log, the fold ([`core::fold::Projection`]), projections (stage, RFM), reports,
//!   the [`core::Policy`]. Pure: no clock, no I/O.
//! - [`Engine`]: a store, and where every customer of it stands now. [`open`] makes one of a SQLite file,
//!   [`Engine::open`] of any store.
//! - [`store`]: the contract [`store::EventStore`], the store in memory, replay on several threads.
//! - [`sqlite`]: one file, one log.
//! - [`ingest`]: CSV and JSON lines to facts.
//! - [`core::query`]: funnels, retention, movement and other questions about behaviour.
//! - [`stats`]: models of repeat purchase and their fits, survival, calibration, metrics; numbers in, numbers out.
//!
//! To fold everything at once, as of any instant: [`store::replay`].
//!
//! # What this crate does not do
//!
//! It has no logic of its own: it gathers the crates that most people need under one name. To hold your own projection,
//! policy or store to the laws, use the crate `tenure-testkit` in your tests.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `sqlite` | yes | [`sqlite`] |
//! | `ingest` | yes | [`ingest`] |
//! | `postgres` | no | `postgres`: many logs in one PostgreSQL database |
//! | `schema` | no | `core::query::Query::schema`: the JSON Schema of queries |
//! | `tracing` | no | events of an engine, spans of a store |
//!
//! Features only add; none changes a result.
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Facts, log, folds, projections, reports: pure.
pub use tenure_core as core;
pub use tenure_core::{Customer, CustomerEvent, CustomerId, Event, EventId, Money, Policy, Timestamp};
#[cfg(feature = "ingest")]
/// Files to facts.
pub use tenure_ingest as ingest;
#[cfg(feature = "postgres")]
/// Many logs in one PostgreSQL database.
pub use tenure_postgres as postgres;
#[cfg(feature = "sqlite")]
/// One file, one log.
pub use tenure_sqlite as sqlite;
/// Models of repeat purchase, survival, calibration, metrics.
pub use tenure_stats as stats;

pub use tenure_store::{
    Advanced, Change, ChangeCause, Checkpoint, CustomerView, Engine, EngineError, Notice, Recorded,
    SegmentChanged, StageChanged,
};

/// Opens a SQLite file, or makes it, and folds everything in it under a policy: the engine for embedding. With options, or on
/// another store: [`Engine::open`].
///
/// # Errors
/// [`EngineError::Policy`] for a policy without stages; [`EngineError::Store`] for a file that is no store, or cannot be
/// opened or read.
///
/// # Example
/// ```
/// use tenure::{EngineError, Policy};
/// # pollster::block_on(async {
/// let directory = tempfile::tempdir()?;
/// let engine = tenure::open(directory.path().join("shop.db"), Policy::preset("b2b").ok_or("no such preset")?).await?;
/// assert_eq!(engine.checkpoint().position.0, 0);
///
/// let letter = directory.path().join("letter.txt");
/// std::fs::write(&letter, "Dear Ann")?;
/// let refused = tenure::open(&letter, Policy::preset("b2b").ok_or("no such preset")?).await;
/// assert!(matches!(refused, Err(EngineError::Store(_))));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[cfg(feature = "sqlite")]
pub async fn open(
    path: impl AsRef<std::path::Path>,
    policy: Policy,
) -> Result<Engine<tenure_sqlite::SqliteStore>, EngineError> {
    let store = tenure_sqlite::SqliteStore::open(path, tenure_sqlite::Options::new())?;
    Engine::open(store, policy).await
}

/// The store contract, the store in memory, replay, the engine.
pub mod store {
    pub use tenure_core::fold::States;
    pub use tenure_core::log::KnownAt;
    pub use tenure_store::*;
}

/// The guide, so that every block of it is run.
#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../../../docs/guides/embedding.md")]
mod guide {}

/// The same of the guide to queries.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/queries.md")]
mod queries {}

/// The same of the guide to value.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/value.md")]
mod value {}

/// The same of the guide to warnings.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/warnings.md")]
mod warnings {}
