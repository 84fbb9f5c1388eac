//! What does one more fact cost, in memory, to a customer with 50 facts?
//!
//! A fact is appended to the log (ids and versions checked) and stage and RFM are brought up to date: in order, and late.
//! The floor of a late fact is appending it, reading that customer's history from the log, putting it in order and folding
//! it: what anybody has to do who keeps no more than a log.
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
use tenure_core::{CustomerId, Event, EventView, Timestamp};

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
        "late: {late:.0} ns a fact, appending it and folding that customer's 51 facts in order is {refold:.0} ns, ratio {:.2}",
        late / refold
    );
}

/// A log of all facts but one of each customer, in the order of time, and an append for each of those that are left: the
/// last one of a customer, or the first.
fn all_but_one(history: &BTreeMap<CustomerId, Vec<Event>>, late: bool) -> (Log, Vec<Append>) {
    let (mut before, mut more) = (Vec::new(), Vec::new());
    for events in history.values() {
        let mut rest = events.clone();
        more.push(Append::new(vec![rest.remove(if late { 0 } else { rest.len() - 1 })]));
        before.append(&mut rest);
    }
    before.sort_by_key(|event| (event.occurred_at(), event.id()));
    let mut log = Log::new();
    log.append(&Append::new(before), Timestamp::MAX).unwrap();
    (log, more)
}

/// Seconds for one more fact of every customer.
fn run(history: &BTreeMap<CustomerId, Vec<Event>>, late: bool) -> f64 {
    let (mut log, more) = all_but_one(history, late);
    let mut states = States::of_log(standard(), Cut::default(), &log);
    seconds(|| {
        for append in &more {
            log.append(append, Timestamp::MAX).unwrap();
            black_box(states.catch_up(&log));
        }
    })
}

/// Seconds for appending a late fact of every customer, and reading, ordering and folding that customer's facts.
fn refold(history: &BTreeMap<CustomerId, Vec<Event>>) -> f64 {
    let (mut log, more) = all_but_one(history, true);
    let projection = standard();
    seconds(|| {
        for (append, customer) in more.iter().zip(history.keys()) {
            log.append(append, Timestamp::MAX).unwrap();
            let mut facts: Vec<EventView<'_>> = log.stream(*customer).map(|fact| fact.event).collect();
            facts.sort_by_key(EventView::key);
            black_box(fold(&projection, facts));
        }
    })
}
