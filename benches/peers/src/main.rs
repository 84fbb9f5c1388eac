//! How fast do tenure and its peers append and replay on one PostgreSQL server?
//!
//! The server is a private cluster with every durability setting as PostgreSQL has it. All contenders take turns, several
//! rounds of them, each round begun by another; medians are printed. What is compared and why so: README.md.
//!
//! ```console
//! $ cargo run --release --locked --manifest-path benches/peers/Cargo.toml [-- FACTS [SECONDS [ROUNDS]]]
//! ```

mod contender;
mod cqrs;
mod disintegrates;
mod esrs;
mod facts;
mod raw;
mod tenure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use contender::{History, Log, Seen, WRITERS, connect};
use facts::{Fact, orders};
use tenure_benches::{SEED, median};
use tenure_testkit::postgres::Cluster;
use tokio::sync::Barrier;

/// Customers of one writer, who get their facts in turns.
const CUSTOMERS: u64 = 100;
/// Facts of one customer in a replay.
const PER_CUSTOMER: u64 = 50;
const PEERS: [&str; 5] = ["cqrs-es", "postgres-es", "esrs", "disintegrate", "disintegrate-postgres"];

/// One line of a table.
struct Entry<T: ?Sized> {
    library: &'static str,
    how: &'static str,
    what: Box<T>,
}

#[tokio::main]
async fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let of = |n: usize, default| arguments.get(n).copied().unwrap_or(default);
    let (count, seconds, rounds) = (of(0, 200_000), of(1, 2), of(2, 5));
    let cluster = Cluster::start(&["max_wal_size = '4GB'", "shared_buffers = '256MB'"]).unwrap();
    introduce(&cluster).await;

    let logs = logs(&cluster).await;
    println!("\nappend, one fact a commit, {rounds} rounds of {seconds} s each, medians\n");
    let appends = append(&logs, Duration::from_secs(seconds), rounds).await;

    let facts: Vec<Fact> = orders(0, count / PER_CUSTOMER).take(usize::try_from(count).unwrap()).collect();
    let histories = histories(&cluster, &facts).await;
    println!("\nreplay of {count} facts of {} customers, {rounds} rounds, medians\n", count / PER_CUSTOMER);
    let replays = replay(&histories, &facts, rounds).await;

    println!();
    for (writers, rates) in [("1 writer", &appends[0]), ("8 writers", &appends[1])] {
        let own = rate(&logs, rates, "tenure");
        let best = logs.iter().zip(rates).filter(|(log, _)| PEERS.contains(&log.library));
        let (best, peer) = best.max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        gate(&format!("append, {writers}, beside {} {}", best.library, best.how), own / peer, 1.0);
    }
    let peer = rate(&histories, &replays, "cqrs-es");
    for (entry, own) in histories.iter().zip(&replays).filter(|(entry, _)| entry.library == "tenure") {
        gate(&format!("replay, {}, beside cqrs-es", entry.how), own / peer, 5.0);
    }
}

async fn introduce(cluster: &Cluster) {
    let client = connect(&cluster.database().unwrap()).await;
    let mut settings = Vec::new();
    for name in ["server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method"] {
        let value: String = client.query_one(&format!("SHOW {name}"), &[]).await.unwrap().get(0);
        settings.push(format!("{name} {value}"));
    }
    println!("PostgreSQL: {}", settings.join(", "));
    let versions: Vec<_> = PEERS.map(|name| format!("{name} {}", version(name))).into();
    println!("peers: {}, all on sqlx {}; seed {SEED}", versions.join(", "), version("sqlx"));
}

/// The version of a dependency that this was built with.
fn version(name: &str) -> &'static str {
    let named = format!("\nname = \"{name}\"\nversion = \"");
    let (_, from) = include_str!("../Cargo.lock").split_once(&named).unwrap();
    from.split_once('"').unwrap().0
}

async fn logs(cluster: &Cluster) -> Vec<Entry<dyn Log>> {
    let database = || cluster.database().unwrap();
    let (commits, commands) = cqrs::open(&database()).await;
    let (persists, managed) = esrs::open(&database()).await;
    let (appends, unchecked, decisions) = disintegrates::open(&database()).await;
    let entry = |library, how, what| Entry { library, how, what };
    vec![
        entry("raw", "INSERT in a transaction", Box::new(raw::Raw::open(&database()).await) as Box<dyn Log>),
        entry("tenure", "append", Box::new(tenure::Tenure::open(&database()).await)),
        entry("cqrs-es", "commit", Box::new(commits)),
        entry("cqrs-es", "execute (loads)", Box::new(commands)),
        entry("esrs", "persist", Box::new(persists)),
        entry("esrs", "handle_command (loads)", Box::new(managed)),
        entry("disintegrate", "append", Box::new(appends)),
        entry("disintegrate", "append_without_validation", Box::new(unchecked)),
        entry("disintegrate", "make (loads)", Box::new(decisions)),
    ]
}

/// Facts per second of each log, with one writer and with eight.
async fn append(logs: &[Entry<dyn Log>], length: Duration, rounds: u64) -> [Vec<f64>; 2] {
    let writers = [1, u64::from(WRITERS)];
    let mut first = 0;
    let mut again = vec![0; logs.len()];
    let mut rates = [vec![Vec::new(); logs.len()], vec![Vec::new(); logs.len()]];
    for round in 0..rounds {
        for (writers, rates) in writers.into_iter().zip(&mut rates) {
            for index in turns(logs.len(), round) {
                let (rate, sent_again) = written(&*logs[index].what, writers, first, length).await;
                first += writers * CUSTOMERS;
                rates[index].push(rate);
                again[index] += sent_again;
            }
        }
    }
    let rates = rates.map(|rates| rates.into_iter().map(median).collect::<Vec<_>>());
    println!(
        "{:<41}{:>9}{:>8}{:>12}{:>8}{:>12}",
        "facts/s", "1 writer", "of raw", "8 writers", "of raw", "sent again"
    );
    for (index, Entry { library, how, .. }) in logs.iter().enumerate() {
        let (one, eight) = (rates[0][index], rates[1][index]);
        println!(
            "{library:<13} {how:<27}{one:>9.0}{:>8.2}{eight:>12.0}{:>8.2}{:>12}",
            one / rates[0][0],
            eight / rates[1][0],
            again[index]
        );
    }
    rates
}

/// Facts per second that some writers commit, and how many had to be sent again.
async fn written(log: &dyn Log, writers: u64, first: u64, length: Duration) -> (f64, u64) {
    let together = Arc::new(Barrier::new(usize::try_from(writers).unwrap()));
    let mut tasks = Vec::new();
    for writer in 0..writers {
        let mut facts = orders(first + writer * CUSTOMERS, CUSTOMERS);
        let (mut writer, together) = (log.writer().await, Arc::clone(&together));
        tasks.push(tokio::spawn(async move {
            // What is made at the first use is not measured.
            writer.append(facts.next().unwrap()).await;
            together.wait().await;
            let begun = Instant::now();
            let (mut count, mut again) = (0_u32, 0);
            while begun.elapsed() < length {
                again += writer.append(facts.next().unwrap()).await;
                count += 1;
            }
            (f64::from(count) / begun.elapsed().as_secs_f64(), again)
        }));
    }
    let mut sum = (0.0, 0);
    for task in tasks {
        let (rate, again) = task.await.unwrap();
        sum = (sum.0 + rate, sum.1 + again);
    }
    sum
}

async fn histories(cluster: &Cluster, facts: &[Fact]) -> Vec<Entry<dyn History>> {
    let own = cluster.database().unwrap();
    let tenure = tenure::Tenure::open(&own).await;
    tenure.fill(facts).await;
    let [cqrs, esrs, disintegrate] = [(); 3].map(|()| cluster.database().unwrap());
    let entry = |library, how, what| Entry { library, how, what };
    let entries = vec![
        entry("raw", "binary scan", Box::new(raw::Scan(connect(&own).await)) as Box<dyn History>),
        entry("tenure", "read in pages", Box::new(tenure.clone())),
        entry("tenure", "read, bodies decoded", Box::new(tenure::Typed(tenure))),
        entry("cqrs-es", "replay_all", Box::new(cqrs::Replay::filled(&cqrs, facts).await)),
        entry("esrs", "stream_events", Box::new(esrs::Stream::filled(&esrs, facts).await)),
        entry("disintegrate", "stream", Box::new(disintegrates::Stream::filled(&disintegrate, facts).await)),
    ];
    for database in [own, cqrs, esrs, disintegrate] {
        let client = connect(&database).await;
        client.batch_execute("VACUUM ANALYZE").await.unwrap();
        client.batch_execute("CHECKPOINT").await.unwrap();
    }
    entries
}

/// Facts per second that each history is replayed with.
async fn replay(histories: &[Entry<dyn History>], facts: &[Fact], rounds: u64) -> Vec<f64> {
    let mut all = Seen::default();
    facts.iter().for_each(|fact| all.see(fact.order.minor));
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 facts")]
    let count = facts.len() as f64;
    let mut rates = vec![Vec::new(); histories.len()];
    for round in 0..rounds {
        for index in turns(histories.len(), round) {
            let begun = Instant::now();
            let seen = histories[index].what.replay().await;
            rates[index].push(count / begun.elapsed().as_secs_f64());
            assert_eq!(seen, all, "{} has not given back what it was given", histories[index].library);
        }
    }
    let rates: Vec<_> = rates.into_iter().map(median).collect();
    let cqrs = rate(histories, &rates, "cqrs-es");
    println!("{:<41}{:>9}{:>8}{:>12}", "facts/s", "", "of raw", "of cqrs-es");
    for (Entry { library, how, .. }, rate) in histories.iter().zip(&rates) {
        println!("{library:<13} {how:<27}{rate:>9.0}{:>8.2}{:>12.1}", rate / rates[0], rate / cqrs);
    }
    rates
}

/// Everybody once, begun by another in each round.
fn turns(all: usize, round: u64) -> impl Iterator<Item = usize> {
    let begin = usize::try_from(round).unwrap() % all;
    (begin..all).chain(0..begin)
}

/// The rate of the first entry of a library.
fn rate<T: ?Sized>(entries: &[Entry<T>], rates: &[f64], library: &str) -> f64 {
    rates[entries.iter().position(|entry| entry.library == library).unwrap()]
}

fn gate(what: &str, ratio: f64, at_least: f64) {
    let verdict = if ratio >= at_least { "holds" } else { "MISSED" };
    println!("{what}: {ratio:.2} times, at least {at_least:.0}: {verdict}");
}
