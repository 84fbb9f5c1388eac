//! What does a behavioural query cost beside walking over the facts?
//!
//! Facts in memory, one thread, grouped by customer: the floor walks the same facts and adds up their amounts. The funnel
//! has four steps, a window of seven days and an answer by channel; retention and movement are of orders by month; and all
//! three are folded in one pass. With `--write FILE` the facts are written, for `benches/clickhouse/compare.py`, and how many
//! customers reached which step of the funnel is told.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench query [-- FACTS] [--write FILE]
//! ```
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write as _};

use tenure_benches::{Fact, SEED, block, facts, in_turns, seconds, verdict};
use tenure_core::Timestamp;
use tenure_core::fold::{Projection, fold_sorted};
use tenure_core::log::FactBlock;
use tenure_core::query::{AskedSum, Broken, Query, Terms};
use tenure_core::report::{Report as _, Shown};

const PER_CUSTOMER: u64 = 50;
const RUNS: usize = 5;

const FUNNEL: &str = r#"{
    "kind": "funnel", "window_seconds": 604800, "breakdown": {"property": "channel"},
    "steps": ["session_started", "order_placed", "ticket_opened", "order_refunded"]
}"#;

const RETENTION: &str =
    r#"{"kind": "retention", "period": "month", "start": "order_placed", "return": "order_placed"}"#;
const MOVEMENT: &str = r#"{"kind": "lifecycle", "period": "month", "activity": "order_placed"}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(10_000_000_u64);
    let facts = facts(count / PER_CUSTOMER, PER_CUSTOMER);
    let path = std::env::args().skip_while(|arg| arg != "--write").nth(1);
    if let Some(path) = &path {
        write(&facts, path)?;
    }
    let sorted = block(&facts);
    drop(facts);
    println!(
        "{} facts, {} customers, seed {SEED}, {RUNS} runs in turns, medians",
        sorted.len(),
        count / PER_CUSTOMER
    );
    let funnel = Query::parse(FUNNEL)?.funnel(&Terms::default(), Timestamp::MAX)?.ok_or("a funnel")?;
    let per = |seconds: f64| seconds * 1e9 / f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let terms = Terms::default();
    let retention = Query::parse(RETENTION)?.retention(&terms, Timestamp::MAX)?.ok_or("a retention")?;
    let movement = Query::parse(MOVEMENT)?.lifecycle(&terms, Timestamp::MAX)?.ok_or("a movement")?;
    let measure = |what: &str, fold: &dyn Fn(), gate: f64| {
        let (floor, figure) = in_turns(RUNS, || seconds(|| walk(&sorted)), || seconds(fold));
        let above = per(figure - floor);
        println!(
            "{what}: walk {:.1} ns a fact, fold {:.1} ns, above the walk {above:.1} ns (gate {gate:.0}: {})",
            per(floor),
            per(figure),
            verdict(above, gate)
        );
        above
    };
    if path.is_some() {
        let report = funnel.report(Timestamp::MAX);
        let mut sum = AskedSum::default();
        fold_sorted(&funnel, sorted.events(), |id, state| {
            report.add(&mut sum, Shown { id, name: "" }, &funnel.view(&state, Timestamp::MAX));
        });
        if let Broken::ByValue { by_value } = report.finish(sum) {
            for (channel, answer) in by_value {
                let counts = serde_json::to_value(answer)?.get("counts").cloned().unwrap_or_default();
                let counts: Vec<u64> = serde_json::from_value(counts)?;
                let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
                println!("reached {channel}: {}", counts.join(" "));
            }
        }
    }
    let alone = measure("funnel", &|| fold(&funnel, &sorted), 40.0)
        + measure("retention", &|| fold(&retention, &sorted), 15.0)
        + measure("movement", &|| fold(&movement, &sorted), 15.0);
    let all = (funnel, retention, movement);
    measure("all three in one pass", &|| fold(&all, &sorted), alone);
    Ok(())
}

/// Facts as `ClickHouse` reads rows: numbers with the low byte first, texts with their length before them.
fn write(facts: &[Fact], path: &str) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for fact in facts {
        file.write_all(&u32::try_from(fact.customer).unwrap_or(u32::MAX).to_le_bytes())?;
        file.write_all(&fact.occurred_at.as_micros().to_le_bytes())?;
        for text in [fact.kind.name(), fact.channel()] {
            file.write_all(&[u8::try_from(text.len()).unwrap_or(u8::MAX)])?;
            file.write_all(text.as_bytes())?;
        }
    }
    file.flush()
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
