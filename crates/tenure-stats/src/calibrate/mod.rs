//! Scores to probabilities, learnt on a slice of the data that the score was not trained on.

mod isotonic;
mod platt;

pub use isotonic::Isotonic;
pub use platt::Platt;
