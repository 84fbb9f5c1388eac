//! Published figures, laws, and comparison with slow or exact versions.

mod anchors;
mod data;
