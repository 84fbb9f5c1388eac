//! How many bytes does the standard state of a customer take: retail stage machine and all-history RFM, after 30 facts?
//!
//! Counted by an allocator that keeps a tally, so that the heap is included, and the map that holds the states too. The
//! floor is the size of the state itself, without the heap.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench memory
//! ```
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tenure_benches::{SEED, block, facts, standard, verdict};
use tenure_core::fold::{Projection, fold_sorted};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CUSTOMERS: u64 = 10_000;

fn main() {
    let facts = block(&facts(CUSTOMERS, 30));
    let projection = standard();
    let mut states = Vec::with_capacity(usize::try_from(CUSTOMERS).unwrap_or_default());
    let size = size_of_val(&projection.init());
    let region = Region::new(ALLOCATOR);
    fold_sorted(&projection, facts.iter().map(|fact| fact.event), |_, state| states.push(state));
    let change = region.change();
    let heap = change.bytes_allocated.saturating_sub(change.bytes_deallocated) / states.len().max(1);
    let bytes = size + heap;
    println!("{CUSTOMERS} customers of 30 facts, seed {SEED}");
    println!(
        "standard state: {size} bytes, heap {heap} bytes, together {bytes} bytes a customer (gate 512: {})",
        verdict(f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)), 512.0)
    );
}
