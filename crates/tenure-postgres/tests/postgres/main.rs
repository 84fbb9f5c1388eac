//! A log in PostgreSQL, on a private cluster that all of these tests share.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod append_in;
mod committed;
mod common;
mod concurrent;
mod conformance;
mod crash;
mod differential;
mod engine;
mod erase;
mod faults;
mod open;
mod plans;
mod verify;
