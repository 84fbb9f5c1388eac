//! Per-customer projections, one concept per folder.

pub mod revenue;
pub mod rfm;
pub mod stage;
