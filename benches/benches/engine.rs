//! What does the engine add to an append, a look-up, a tick of time, and how much memory does it keep a customer?
//!
//! One more fact of each of 10,000 customers with 30 facts, on the store in memory, in order and late; the floor of both is
//! the append alone. Then every customer is asked about, and time passes for those who are due.
//!
//! And time passes for 1,000,000 customers of whom 1,000 are due: that may take as long as folding those 1,000, and 50 ms.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench engine
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints and may fail loudly")]

use core::ops::ControlFlow;
use std::alloc::System;
use std::collections::BTreeMap;
use std::hint::black_box;

use pollster::block_on;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tenure_benches::{Fact, SEED, by_time, events, facts, key, median, seconds, standard, verdict};
use tenure_core::log::{Append, Cut};
use tenure_core::{CustomerId, Duration, Event, EventId, Kind, Policy, Timestamp};
use tenure_store::{Engine, EventStore, MemoryStore, replay_serial};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CUSTOMERS: u64 = 10_000;
const RUNS: usize = 5;

/// Of so many customers so many are due, but for those of them who never bought.
const POPULATION: u64 = 1_000_000;
const DUE: u64 = 1_000;
/// Milliseconds that an advance may take beside folding who is due.
const GATE: f64 = 50.0;

fn main() {
    let mut history: BTreeMap<CustomerId, Vec<Event>> = BTreeMap::new();
    for event in events(&by_time(facts(CUSTOMERS, 31))) {
        history.entry(event.customer().id()).or_default().push(event);
    }
    println!("{CUSTOMERS} customers of 30 facts, seed {SEED}, {RUNS} runs, medians");
    for late in [false, true] {
        let runs: Vec<Run> = (0..RUNS).map(|_| run(&history, late)).collect();
        let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let (append, record) = (of(|run| run.append), of(|run| run.record));
        let order = if late { "late" } else { "in order" };
        println!("{order}: record {record:.0} ns a fact, append alone {append:.0} ns");
        if !late {
            println!("ask for the present: {:.0} ns a customer", of(|run| run.ask));
            println!(
                "advance: {:.0} ns a customer visited, {:.0} of {CUSTOMERS} visited",
                of(|run| run.advance),
                of(|run| run.visited)
            );
            println!("memory: {:.0} bytes a customer", of(|run| run.bytes));
        }
    }
    few_of_many();
}

/// A population that bought yesterday, but for a few who have been silent for more than a year.
fn few_of_many() {
    let silent = events(&by_time(facts(DUE, 30)));
    let last = silent.iter().map(Event::occurred_at).max().unwrap();
    let bought = last.checked_add(Duration::days(400)).unwrap();
    let order = |customer| Fact {
        customer,
        id: EventId::from_instant(bought, *key(customer).id().as_bytes().first_chunk().unwrap()),
        occurred_at: bought,
        kind: Kind::OrderPlaced,
        minor: 1_000,
    };
    let rest = events(&(DUE..POPULATION).map(order).collect::<Vec<_>>());
    let few = MemoryStore::new();
    block_on(few.append(Append::new(silent.clone()))).unwrap();
    let projection = standard();
    let fold = |_| {
        seconds(|| {
            block_on(replay_serial(&few, &projection, Cut::default(), |_| ControlFlow::Continue(()))).unwrap()
        })
    };
    let fold = median((0..RUNS).map(fold).collect()) * 1e3;
    let store = MemoryStore::new();
    for events in [silent, rest] {
        block_on(store.append(Append::new(events))).unwrap();
    }
    let engine = block_on(Engine::open(store, Policy::preset("retail").unwrap())).unwrap();
    let now = bought.checked_add(Duration::days(1)).unwrap();
    let mut advanced = None;
    let advance = seconds(|| advanced = Some(block_on(engine.advance(now)).unwrap())) * 1e3;
    let advanced = advanced.unwrap();
    println!(
        "advance of {POPULATION} customers of whom {} are due: {advance:.1} ms, {} changes; folding those alone {fold:.1} ms \
         (gate {GATE} ms more: {})",
        advanced.visited,
        advanced.notices.len(),
        verdict(advance, GATE + fold)
    );
}

struct Run {
    append: f64,
    record: f64,
    ask: f64,
    advance: f64,
    visited: f64,
    bytes: f64,
}

/// Nanoseconds for each thing that is done once a customer.
fn run(history: &BTreeMap<CustomerId, Vec<Event>>, late: bool) -> Run {
    let n = f64::from(u32::try_from(history.len()).unwrap());
    let (mut before, mut more) = (Vec::new(), Vec::new());
    for events in history.values() {
        let mut rest = events.clone();
        more.push(rest.remove(if late { 0 } else { events.len() - 1 }));
        before.extend(rest);
    }
    before.sort_by_key(|event| (event.occurred_at(), event.id()));
    more.sort_by_key(|event| (event.occurred_at(), event.id()));
    let store = || {
        let store = MemoryStore::new();
        block_on(store.append(Append::new(before.clone()))).unwrap();
        store
    };
    let alone = store();
    let appends: Vec<Append> = more.iter().map(|event| Append::new(vec![event.clone()])).collect();
    let append = seconds(|| {
        for append in appends.clone() {
            black_box(block_on(alone.append(append)).unwrap());
        }
    });
    let kept = store();
    let region = Region::new(ALLOCATOR);
    let engine = block_on(Engine::open(kept, Policy::preset("retail").unwrap())).unwrap();
    let change = region.change();
    let bytes = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
    let record = seconds(|| {
        for append in appends.clone() {
            black_box(block_on(engine.record(append)).unwrap());
        }
    });
    let ask = seconds(|| {
        for customer in history.keys() {
            black_box(block_on(engine.customer(*customer).into_future()).unwrap());
        }
    });
    // A day after the last fact of all.
    let last = more.iter().chain(&before).map(Event::occurred_at).max().unwrap_or(Timestamp::MIN);
    let now = last.checked_add(Duration::days(1)).unwrap();
    let mut visited = 0;
    let advance = seconds(|| visited = block_on(engine.advance(now)).unwrap().visited);
    let visited = f64::from(u32::try_from(visited).unwrap());
    Run {
        append: append * 1e9 / n,
        record: record * 1e9 / n,
        ask: ask * 1e9 / n,
        advance: advance * 1e9 / visited.max(1.0),
        visited,
        bytes: f64::from(u32::try_from(bytes).unwrap()) / n,
    }
}
