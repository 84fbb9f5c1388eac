//! Per-customer projections, one concept per folder.

pub mod rfm;
pub mod stage;
