//! Value, acquisition and recurring revenue against their definitions, over all facts at once.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside the test functions: a test that cannot go on has failed"
)]
#![expect(
    clippy::float_cmp,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the same sums of few small numbers, so the same bits"
)]

mod acquisition;
mod facts;
mod laws;
mod predicted;
mod recurring;
mod value;
mod worked;
