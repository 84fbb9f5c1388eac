//! Per-customer projections, one concept per folder.

pub mod stage;
