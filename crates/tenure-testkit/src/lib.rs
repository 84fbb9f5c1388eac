//! Strategies, laws, oracles and the conformance kit for stores.

pub mod conformance;
