//! Many writers of one file, in several processes, and somebody who follows.
//!
//! ```console
//! $ TENURE_FAULTS=long cargo test --release -p tenure-sqlite --test writers -- --nocapture
//! ```
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::env;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tenure_core::log::{Append, Read};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Position, Timestamp};
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::EventStore;
use tenure_testkit::fault::Chance;

const PROCESSES: u64 = 4;
const THREADS: u64 = 2;
const CUSTOMERS: u64 = 25;
/// The process of a child, its share of facts and the file.
const VARIABLE: &str = "TENURE_WRITER";

fn facts() -> u64 {
    if env::var("TENURE_FAULTS").is_ok_and(|form| form == "long") { 1_000_000 } else { 20_000 }
}

/// Fact number `n` of a writer: its actor, so that who follows can tell them apart.
fn fact(writer: u64, n: u64, chance: &mut Chance) -> Event {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&chance.bits().to_be_bytes());
    id[8..].copy_from_slice(&(writer << 32 | n).to_be_bytes());
    let customer = Customer::parse(&format!("c{}", chance.below(CUSTOMERS)), "shop").unwrap();
    let at = Timestamp::from_micros(i64::try_from(n).unwrap()).unwrap();
    let fact = CustomerEvent::Tracked {
        name: format!("{writer}"),
        properties: [("n".to_owned(), n.into())].into_iter().collect(),
    };
    Event::new(EventId::from_bytes(id), customer, at, fact).unwrap()
}

/// Appends facts in small batches with pauses in between.
fn write(store: &SqliteStore, writer: u64, facts: u64) {
    let mut chance = Chance::of(1, writer, "writer");
    let mut n = 0;
    while n < facts {
        let batch = (1 + chance.below(20)).min(facts - n);
        let events = (n..n + batch).map(|n| fact(writer, n, &mut chance)).collect();
        let begun = Instant::now();
        let appended = pollster::block_on(store.append(Append::new(events)));
        assert!(appended.is_ok(), "after {:?}: {appended:?}", begun.elapsed());
        n += batch;
        if chance.chance(100) {
            thread::sleep(Duration::from_micros(chance.below(3_000)));
        }
    }
}

/// A process of writers; nothing unless the other test asks for it.
#[test]
fn child() {
    let Ok(asked) = env::var(VARIABLE) else { return };
    let mut parts = asked.splitn(3, ' ');
    let mut number = || parts.next().unwrap().parse::<u64>().unwrap();
    let (process, facts) = (number(), number());
    let store = SqliteStore::open(Path::new(parts.next().unwrap()), Options::new()).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &store;
            scope.spawn(move || write(store, process * THREADS + thread, facts));
        }
    });
}

fn process(process: u64, facts: u64, path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["child", "--exact"])
        .env(VARIABLE, format!("{process} {facts} {}", path.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn writers_of_several_processes_lose_nothing_and_a_follower_sees_it_in_order() {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap();
    let path = place.path().join("shop.db");
    let each = facts() / PROCESSES / THREADS;
    let begun = Instant::now();
    // None of them makes it: the four of them and this one may all be first.
    let mut children: Vec<Child> = (0..PROCESSES).map(|n| process(n, each, &path)).collect();
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    let (mut read, mut pages, mut waits) = (Read::all().limit(1_000), 0_u64, 0_u64);
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut versions: BTreeMap<_, u64> = BTreeMap::new();
    let mut ended = false;
    loop {
        let page = pollster::block_on(store.read(&read)).unwrap();
        for (fact, position) in page.facts.iter().zip(read.from.0 + 1..) {
            assert_eq!(fact.position, Position(position), "a position was skipped");
            // A writer's facts come in its own order, so they do within each customer.
            let next = seen.entry(fact.event.subject.unwrap().to_owned()).or_default();
            assert_eq!(fact.event.data, format!("{{\"n\":{next}}}"));
            *next += 1;
            let version = versions.entry(fact.event.customer).or_default();
            *version += 1;
            assert_eq!(fact.version.0, *version);
        }
        let last = page.is_last(&read);
        read.from = page.scanned_to;
        pages += 1;
        if last && ended {
            break;
        }
        if last {
            waits += 1;
            // Looked at before the next page: what is stored by now will be in it.
            ended = children.iter_mut().all(|child| child.try_wait().unwrap().is_some());
            thread::yield_now();
        }
    }
    for child in &mut children {
        assert!(child.wait().unwrap().success(), "a writer failed");
    }
    let writers = usize::try_from(PROCESSES * THREADS).unwrap();
    assert_eq!((seen.len(), seen.values().all(|facts| *facts == each)), (writers, true), "{seen:?}");
    let verified = store.verify(|_, _| ControlFlow::Continue(())).unwrap();
    assert_eq!(verified.facts, each * PROCESSES * THREADS);
    eprintln!(
        "{} facts of {writers} writers in {PROCESSES} processes in {:.1} s, followed in {pages} pages with {waits} waits",
        verified.facts,
        begun.elapsed().as_secs_f64()
    );
}
