//! Strategies, laws, oracles and the conformance kit for stores.

pub mod oracle;
pub mod stage_strategies;
