//! Per-customer projections, one concept per folder or file.

pub mod acquisition;
pub mod consent;
pub mod exchange;
pub mod identities;
pub mod owner;
pub mod profile;
pub mod recurring;
pub mod revenue;
pub mod rfm;
mod said;
pub mod stage;
pub mod tags;
pub mod value;
