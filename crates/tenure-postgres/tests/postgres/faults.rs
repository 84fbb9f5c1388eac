//! Connections that are cut and clients that are killed at every message of a workload, and a server that is stopped at
//! random: nothing acknowledged is lost, nothing is stored twice, and the history is a prefix of what was sent.
//!
//! ```console
//! $ TENURE_FAULTS=long cargo test --release -p tenure-postgres --test postgres faults -- --nocapture
//! ```
use std::env;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow::Continue;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tenure_core::log::Append;
use tenure_core::{Event, Position};
use tenure_postgres::{Options, PostgresStore};
use tenure_store::{Commit, EntryKey, EventStore, StoreError};
use tenure_testkit::postgres::Cluster;

use crate::common::{Passage, Proxy, cluster, database, fact, new_log, open};

/// Connection string and log of a child.
const VARIABLE: &str = "TENURE_POSTGRES_CLIENT";

fn is_long() -> bool {
    env::var("TENURE_FAULTS").is_ok_and(|form| form == "long")
}

/// How many appends a workload has.
fn appends() -> u64 {
    if is_long() { 50 } else { 6 }
}

/// The facts of one append: few by INSERT, many by COPY, over one stream and two.
fn batch(number: u64) -> Vec<Event> {
    let size = [1, 1, 3, 80, 2][usize::try_from(number % 5).unwrap()];
    (0..size).map(|n| fact(number * 1_000 + n, if n % 3 == 2 { "bob" } else { "ann" })).collect()
}

fn all(appends: u64) -> Vec<Event> {
    (0..appends).flat_map(batch).collect()
}

fn at() -> EntryKey {
    EntryKey::new("workload", *b"at")
}

/// Writes an append of the workload with a checkpoint beside it, as often as it takes.
fn write(store: &PostgresStore, number: u64) -> Vec<Position> {
    for _ in 0..50 {
        let commit = Commit::from(Append::new(batch(number))).put(at(), number.to_be_bytes());
        match pollster::block_on(store.commit(commit)) {
            Ok(done) => return done.unwrap().facts.iter().map(|fact| fact.position).collect(),
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
        thread::sleep(Duration::from_millis(2));
    }
    panic!("append {number} was refused fifty times");
}

/// What a log must be after some appends of the workload: they, whole, in order, and nothing else.
fn is_prefix(log: &str, acknowledged: &[Vec<Position>]) -> u64 {
    let store = open(database(), Options::new().log(log));
    let verified = pollster::block_on(store.verify(|_, _| Continue(()))).unwrap();
    let mut facts = 0;
    let whole = (0..=appends()).find(|number| {
        let whole = facts == verified.facts;
        facts += batch(*number).len() as u64;
        whole
    });
    let whole = whole.unwrap_or_else(|| panic!("{} facts are no whole appends", verified.facts));
    assert!(whole >= acknowledged.len() as u64, "{} acknowledged, {whole} stored", acknowledged.len());
    let ids: Vec<_> = all(whole).iter().map(Event::id).collect();
    let known = pollster::block_on(store.known(&ids)).unwrap();
    assert!(known.iter().zip(1..).all(|(known, position)| *known == Some(Position(position))), "{known:?}");
    let told: Vec<_> = acknowledged.iter().flatten().copied().map(Some).collect();
    assert_eq!(told, known[..told.len()]);
    let entry = pollster::block_on(store.entries(&[at()])).unwrap().remove(0);
    assert_eq!(
        entry,
        whole.checked_sub(1).map(|last| last.to_be_bytes().to_vec()),
        "facts without their entry"
    );
    whole
}

fn through(proxy: &Proxy, log: &str) -> Result<PostgresStore, StoreError> {
    let (server, way) = (cluster().socket().display().to_string(), proxy.directory().display().to_string());
    let options = Options::new().log(log).without_notifications().lock_timeout(Duration::from_secs(5));
    pollster::block_on(PostgresStore::open(&database().replace(&server, &way), options))
}

/// How many messages a workload takes when nothing happens to it.
fn messages() -> u64 {
    let proxy = Proxy::new(cluster().socket());
    let log = new_log();
    let store = through(&proxy, &log).unwrap();
    let opened = proxy.passed();
    let acknowledged: Vec<_> = (0..appends()).map(|number| write(&store, number)).collect();
    assert_eq!(is_prefix(&log, &acknowledged), appends());
    proxy.passed() - opened
}

#[test]
fn a_connection_cut_at_every_message_loses_nothing() {
    let messages = messages();
    for k in 1..=messages {
        for passage in [Passage::Lost, Passage::Delivered] {
            let proxy = Proxy::new(cluster().socket());
            let log = new_log();
            let store = through(&proxy, &log).unwrap();
            proxy.cut_at(k, passage);
            let acknowledged: Vec<_> = (0..appends()).map(|number| write(&store, number)).collect();
            assert_eq!(is_prefix(&log, &acknowledged), appends(), "message {k} of {messages}, {passage:?}");
        }
    }
    eprintln!("connections cut: {}", 2 * messages);
}

/// Not a test of its own: the client that is killed.
#[test]
fn client() {
    let Ok(told) = env::var(VARIABLE) else { return };
    let (config, log) = told.split_once('\n').unwrap();
    let options = Options::new().log(log).without_notifications();
    let store = pollster::block_on(PostgresStore::open(config, options)).unwrap();
    println!("\nopened");
    for number in 0..appends() {
        let positions: Vec<_> = write(&store, number).iter().map(|position| position.0.to_string()).collect();
        println!("\nacknowledged {}", positions.join(" "));
    }
}

#[test]
fn a_client_killed_at_every_message_leaves_whole_appends() {
    let messages = messages();
    let mut stored = 0;
    for k in 1..=messages {
        let proxy = Proxy::new(cluster().socket());
        let log = new_log();
        let (server, way) =
            (cluster().socket().display().to_string(), proxy.directory().display().to_string());
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "faults::client", "--nocapture"])
            .env(VARIABLE, format!("{}\n{log}", database().replace(&server, &way)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut acknowledged = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if line == "opened" {
                proxy.stall_at(k);
                // From here on the client waits for a message that does not come, and dies of it.
                let pid = child.id();
                let proxy = proxy.clone();
                thread::spawn(move || {
                    while !proxy.is_stalled() {
                        if proxy.is_over() {
                            return;
                        }
                        thread::sleep(Duration::from_micros(200));
                    }
                    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
                });
            }
            if let Some(positions) = line.strip_prefix("acknowledged ") {
                acknowledged.push(positions.split(' ').map(|n| Position(n.parse().unwrap())).collect());
            }
        }
        child.wait().unwrap();
        proxy.end();
        stored += is_prefix(&log, &acknowledged);
        // Whoever comes next sends what is missing, and what was not acknowledged.
        let store = open(database(), Options::new().log(&log));
        let rest: Vec<_> = (0..appends()).map(|number| write(&store, number)).collect();
        assert_eq!(is_prefix(&log, &rest), appends(), "message {k}");
    }
    eprintln!("clients killed: {messages}, appends stored before: {stored}");
}

#[test]
fn a_server_stopped_at_random_loses_nothing_acknowledged() {
    let stops = if is_long() { 200 } else { 4 };
    let cluster = Cluster::start(&[]).unwrap();
    let database = cluster.database().unwrap();
    let store = open(&database, Options::new());
    let (over, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let acks = thread::scope(|scope| {
        let writers: Vec<_> = (0..4_u64)
            .map(|writer| {
                let (store, over, acknowledged) = (&store, &over, &acknowledged);
                scope.spawn(move || {
                    let (mut acks, mut n) = (Vec::new(), writer * 100_000_000);
                    while !over.load(Ordering::SeqCst) {
                        let facts = vec![fact(n, &format!("c{writer}")), fact(n + 1, "all")];
                        match pollster::block_on(store.append(Append::new(facts))) {
                            Ok(done) => {
                                acks.extend(
                                    done.facts.iter().zip([n, n + 1]).map(|(fact, n)| (n, fact.position)),
                                );
                                acknowledged.fetch_add(2, Ordering::SeqCst);
                                n += 2;
                            }
                            Err(error) => assert!(error.is_retryable(), "{error:?}"),
                        }
                    }
                    acks
                })
            })
            .collect();
        let mut seed = 1_u64;
        for _ in 0..stops {
            let goal = acknowledged.load(Ordering::SeqCst) + 20;
            while acknowledged.load(Ordering::SeqCst) < goal {
                thread::sleep(Duration::from_micros(100));
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            thread::sleep(Duration::from_micros((seed >> 33) % 20_000));
            cluster.crash().unwrap();
            cluster.resume().unwrap();
        }
        over.store(true, Ordering::SeqCst);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    let ids: Vec<_> = acks.iter().map(|(n, _)| fact(*n, "any").id()).collect();
    let known = pollster::block_on(store.known(&ids)).unwrap();
    let told: Vec<_> = acks.iter().map(|(_, position)| Some(*position)).collect();
    assert_eq!(known, told);
    let verified = pollster::block_on(store.verify(|_, _| Continue(()))).unwrap();
    assert_eq!(verified.facts, acks.len() as u64, "something is stored that nobody was told of");
    eprintln!("servers stopped: {stops}, facts acknowledged: {}", acks.len());
}
