//! Strategies, laws, oracles and the conformance kit for stores: public, for your own projections, rules and stores.

pub mod conformance;
pub mod engine;
mod everything;
pub mod laws;
pub mod oracle;
pub mod stage_strategies;
pub mod strategies;

pub use everything::{Everybody, Everything};
