//! Where each customer stands: facts in an append-only log, folded by pure projections into lifecycle stages, RFM segments
//! and timelines with reasons.
//!
//! ```
//! # pollster::block_on(async {
//! use tenure::core::fold::Projection;
//! use tenure::core::log::{Append, Cut};
//! use tenure::core::{Customer, CustomerEvent, Event, EventId, Policy, Timestamp};
//! use tenure::store::{EventStore, States, catch_up};
//!
//! # let directory = tempfile::tempdir()?;
//! # std::env::set_current_dir(directory.path())?;
//! let store = tenure::sqlite::SqliteStore::open("shop.db", Default::default())?;
//! let machine = Policy::preset("retail").ok_or("no such preset")?.stages()?;
//! let mut states = States::new(machine.clone(), Cut::default());
//!
//! let ann = Customer::parse("ann", "shop")?;
//! let at = Timestamp::parse("2024-05-01T10:00:00Z")?;
//! let order = CustomerEvent::OrderPlaced { order: Some("o-77".into()), total: None, lines: vec![] };
//! let fact = Event::new(EventId::from_foreign("shop", "o-77"), ann.clone(), at, order)?;
//! store.append(Append::new(vec![fact])).await?; // on disk when this returns; sent twice it is stored once
//!
//! catch_up(&store, &mut states, |_| core::ops::ControlFlow::Continue(())).await?;
//! let state = &states.get(ann.id()).ok_or("nobody")?.state;
//! let now = machine.view(state, at).ok_or("nobody")?;
//! assert_eq!(machine.policy().code(now.stage), "new");
//! assert!(machine.next_change(state, at).is_some()); // when silence alone will move ann
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! # The nouns
//!
//! - [`core`]: facts ([`core::Event`]), the log, the fold ([`core::fold::Projection`]), projections (stage, RFM), reports,
//!   the [`core::Policy`]. Pure: no clock, no I/O.
//! - [`store`]: the contract [`store::EventStore`], the store in memory, replay on several threads.
//! - [`sqlite`]: one file, one log.
//! - [`ingest`]: CSV and JSON lines to facts.
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
//!
//! Features only add; none changes a result.
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Facts, log, folds, projections, reports: pure.
pub use tenure_core as core;
#[cfg(feature = "ingest")]
/// Files to facts.
pub use tenure_ingest as ingest;
#[cfg(feature = "sqlite")]
/// One file, one log.
pub use tenure_sqlite as sqlite;

/// The store contract, the store in memory, replay.
pub mod store {
    pub use tenure_core::fold::States;
    pub use tenure_store::*;
}
