//! What does folding stage and RFM cost beside walking over the facts?
//!
//! Facts in memory, one thread, grouped by customer: the floor walks the same facts and adds up their amounts. Then the
//! same facts in no order: sorting them by customer and time, and folding through that order.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench fold [-- FACTS]
//! ```
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;

use tenure_benches::{SEED, block, facts, in_turns, seconds, shuffled, standard, verdict};
use tenure_core::Timestamp;
use tenure_core::fold::{Projection, fold_sorted};
use tenure_core::log::FactBlock;

const PER_CUSTOMER: u64 = 50;
const RUNS: usize = 5;

fn main() {
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(10_000_000_u64);
    let facts = facts(count / PER_CUSTOMER, PER_CUSTOMER);
    let sorted = block(&facts);
    println!(
        "{} facts, {} customers, seed {SEED}, {RUNS} runs in turns, medians",
        sorted.len(),
        count / PER_CUSTOMER
    );
    let per = |seconds: f64| seconds * 1e9 / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let projection = standard();
    let (floor, figure) =
        in_turns(RUNS, || seconds(|| walk(&sorted)), || seconds(|| fold(&projection, &sorted)));
    println!(
        "fold: walk {:.1} ns a fact, stage + RFM {:.1} ns, ratio {:.2}, above the walk {:.1} ns (gate 40: {})",
        per(floor),
        per(figure),
        figure / floor,
        per(figure - floor),
        verdict(per(figure - floor), 40.0)
    );
    let mut states = Vec::new();
    fold_sorted(&projection, sorted.events(), |_, state| states.push(state));
    let views = seconds(|| {
        for state in &states {
            black_box(projection.view(state, LATE));
        }
    });
    println!("views, years after the last fact: {:.1} ns a fact, once a customer", per(views));
    drop(states);
    println!("memory: {} bytes a fact", sorted.bytes() / sorted.len().max(1));
    drop(sorted);
    let mixed = block(&shuffled(facts));
    let group = seconds(|| mixed.canonical_order());
    let order = mixed.canonical_order();
    let fold = seconds(|| {
        let events = order.iter().filter_map(|index| mixed.get(*index)).map(|fact| fact.event);
        let mut sum = 0;
        fold_sorted(&projection, events, |_, state| {
            sum += usize::from(projection.view(&state, LATE).0.is_some());
        });
        sum
    });
    println!(
        "in no order: sorting {:.1} ns a fact, folding through that order {:.1} ns",
        per(group),
        per(fold)
    );
}

const LATE: Timestamp = Timestamp::MAX;

#[inline(never)]
fn walk(facts: &FactBlock) -> i64 {
    facts.events().filter_map(|fact| fact.amount).fold(0_i64, |sum, money| sum.wrapping_add(money.minor))
}

#[inline(never)]
fn fold(projection: &impl Projection, facts: &FactBlock) {
    fold_sorted(projection, facts.events(), |_, state| {
        black_box(state);
    });
}
