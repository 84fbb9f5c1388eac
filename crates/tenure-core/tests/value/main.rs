//! Value, acquisition and recurring revenue against their definitions, over all facts at once.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside the test functions: a test that cannot go on has failed"
)]

mod acquisition;
mod facts;
mod laws;
mod predicted;
mod recurring;
mod value;
mod worked;
