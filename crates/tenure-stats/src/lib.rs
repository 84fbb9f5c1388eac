//! Numbers only.

mod error;
mod special;
mod linear;
mod optimise;
mod rows;
mod model;

pub use error::StatsError;
pub use model::*;
pub use rows::{PurchaseSummary, Rows};
