//! Where each customer stands: facts in an append-only log, folded by pure projections.

/// Facts, log, folds, projections, reports: pure.
pub use tenure_core as core;
#[cfg(feature = "ingest")]
/// Files to facts.
pub use tenure_ingest as ingest;
#[cfg(feature = "sqlite")]
/// One file, one log.
pub use tenure_sqlite as sqlite;
/// The store contract, the store in memory, replay.
pub use tenure_store as store;
