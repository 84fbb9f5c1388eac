//! Strategies, laws, oracles, the conformance kit and faults for stores, and simulated customers: public, for your own
//! projections, rules and stores.
//!
//! The oracle and the simulated customers are always there; the conformance kit is there with the feature `conformance`,
//! strategies and laws with `proptest`, faults with `fault`, and with `postgres` a private PostgreSQL cluster for tests, on
//! Unix.

#[cfg(feature = "proptest")]
pub mod churn_laws;
pub mod churn_oracle;
#[cfg(feature = "proptest")]
pub mod churn_strategies;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "proptest")]
pub mod engine;
mod everything;
#[cfg(feature = "fault")]
pub mod fault;
#[cfg(feature = "proptest")]
pub mod laws;
pub mod oracle;
#[cfg(all(unix, feature = "postgres"))]
pub mod postgres;
pub mod query_oracle;
#[cfg(feature = "proptest")]
pub mod query_strategies;
pub mod simulate;
#[cfg(feature = "proptest")]
mod segment_oracle;
#[cfg(feature = "proptest")]
pub mod segment_strategies;
#[cfg(feature = "proptest")]
pub mod stage_strategies;
#[cfg(feature = "proptest")]
pub mod strategies;

pub use everything::{Everybody, Everything};

/// How a rule was broken, in words.
pub type Failure = Box<dyn core::error::Error + Send + Sync>;
