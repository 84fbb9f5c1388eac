//! Per-customer projections, one concept per folder or file.

pub mod acquisition;
pub mod churn;
pub mod consent;
pub mod contact;
pub mod exchange;
pub mod identities;
pub mod owner;
pub mod profile;
pub mod purchases;
pub mod recurring;
pub mod revenue;
pub mod rfm;
mod rhythm;
mod said;
pub mod stage;
pub mod tags;
pub mod value;
