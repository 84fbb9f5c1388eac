//! Published figures, laws, and comparison with slow or exact versions.
#![expect(
    clippy::unreadable_literal,
    clippy::inconsistent_digit_grouping,
    reason = "figures as they are printed"
)]

#[cfg(test)]
mod anchors;
#[cfg(test)]
mod data;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod fits;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod scores;
