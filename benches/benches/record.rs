//! What does one more fact cost, in memory, to a customer with 50 facts?
//!
//! A fact is appended to the log (ids and versions checked) and stage and RFM are brought up to date: in order, and late.
//! The floor of a late fact is reading that customer's history from the log and folding it once more.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench record
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints and may fail loudly")]

use std::collections::BTreeMap;
use std::hint::black_box;

use tenure_benches::{SEED, by_time, events, facts, median, seconds, standard, verdict};
use tenure_core::fold::{States, fold};
use tenure_core::log::{Append, Cut, Log};
use tenure_core::{CustomerId, Event, Timestamp};

const CUSTOMERS: u64 = 1_000;
const RUNS: usize = 9;

fn main() {
    let mut history: BTreeMap<CustomerId, Vec<Event>> = BTreeMap::new();
    for event in events(&by_time(facts(CUSTOMERS, 51))) {
        history.entry(event.customer().id()).or_default().push(event);
    }
    println!("{CUSTOMERS} customers of 50 facts, seed {SEED}, {RUNS} runs, medians");
    let n = f64::from(u32::try_from(CUSTOMERS).unwrap());
    // The last fact of each customer comes last, or the first one does.
    let record = |late: bool| {
        let figures = (0..RUNS).map(|_| run(&history, late) * 1e9 / n).collect();
        median(figures)
    };
    let in_order = record(false);
    println!("in order: {in_order:.0} ns a fact (gate 1000: {})", verdict(in_order, 1000.0));
    let refold = median((0..RUNS).map(|_| refold(&history) * 1e9 / n).collect());
    let late = record(true);
    println!(
        "late: {late:.0} ns a fact, reading the customer's 51 facts and folding them is {refold:.0} ns, ratio {:.2}",
        late / refold
    );
}

/// Seconds for one more fact of every customer.
fn run(history: &BTreeMap<CustomerId, Vec<Event>>, late: bool) -> f64 {
    let split = |events: &Vec<Event>| {
        let mut rest = events.clone();
        let one_more = rest.remove(if late { 0 } else { rest.len() - 1 });
        (one_more, rest)
    };
    let mut log = Log::new();
    let mut before: Vec<Event> = history.values().flat_map(|events| split(events).1).collect();
    before.sort_by_key(|event| (event.occurred_at(), event.id()));
    let now = Timestamp::MAX;
    log.append(&Append::new(before), now).unwrap();
    let mut states = States::of_log(standard(), Cut::default(), &log);
    // A fact that is recorded was made a moment ago.
    let more: Vec<Append> = history.values().map(|events| Append::new(vec![split(events).0])).collect();
    seconds(|| {
        for append in &more {
            log.append(append, now).unwrap();
            black_box(states.catch_up(&log));
        }
    })
}

/// Seconds for reading every customer's facts from the log and folding them from the start.
fn refold(history: &BTreeMap<CustomerId, Vec<Event>>) -> f64 {
    let mut all: Vec<Event> = history.values().flatten().cloned().collect();
    all.sort_by_key(|event| (event.occurred_at(), event.id()));
    let mut log = Log::new();
    log.append(&Append::new(all), Timestamp::MAX).unwrap();
    let projection = standard();
    seconds(|| {
        for customer in history.keys() {
            black_box(fold(&projection, log.stream(*customer).map(|fact| fact.event)));
        }
    })
}
