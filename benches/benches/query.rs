//! What does a behavioural query cost beside walking over the facts?
//!
//! Facts in memory, one thread, grouped by customer: the floor walks the same facts and adds up their amounts. The funnel
//! has four steps, a window of seven days and an answer by channel.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench query [-- FACTS]
//! ```
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::hint::black_box;

use tenure_benches::{SEED, block, facts, in_turns, seconds, verdict};
use tenure_core::Timestamp;
use tenure_core::fold::{Projection, fold_sorted};
use tenure_core::log::FactBlock;
use tenure_core::query::{Query, Terms};

const PER_CUSTOMER: u64 = 50;
const RUNS: usize = 5;

const FUNNEL: &str = r#"{
    "kind": "funnel", "window_seconds": 604800, "breakdown": {"property": "channel"},
    "steps": ["session_started", "order_placed", "ticket_opened", "order_refunded"]
}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(10_000_000_u64);
    let sorted = block(&facts(count / PER_CUSTOMER, PER_CUSTOMER));
    println!(
        "{} facts, {} customers, seed {SEED}, {RUNS} runs in turns, medians",
        sorted.len(),
        count / PER_CUSTOMER
    );
    let funnel = Query::parse(FUNNEL)?.funnel(&Terms::default(), Timestamp::MAX)?.ok_or("a funnel")?;
    let per = |seconds: f64| seconds * 1e9 / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let (floor, figure) = in_turns(RUNS, || seconds(|| walk(&sorted)), || seconds(|| fold(&funnel, &sorted)));
    println!(
        "funnel: walk {:.1} ns a fact, fold {:.1} ns, above the walk {:.1} ns (gate 40: {})",
        per(floor),
        per(figure),
        per(figure - floor),
        verdict(per(figure - floor), 40.0)
    );
    Ok(())
}

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
