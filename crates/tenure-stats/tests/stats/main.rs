//! Published figures, laws, and comparison with slow or exact versions.
#![expect(
    clippy::unreadable_literal,
    clippy::inconsistent_digit_grouping,
    reason = "figures as they are printed"
)]

mod anchors;
mod data;
mod laws;
mod reference;
mod scores;
