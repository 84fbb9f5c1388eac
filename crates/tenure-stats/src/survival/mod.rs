//! How long customers stay, where they say when they leave: contracts and subscriptions.

mod hazard;
mod kaplan_meier;
mod sbg;

pub use hazard::{DiscreteHazard, Spell};
pub use kaplan_meier::{KaplanMeier, Lifetime, SurvivalStep};
pub use sbg::Sbg;
