//! What does the SQLite store cost beside SQLite itself?
//!
//! - Replay of 1,000,000 facts (read, check, fold stage and RFM, one thread) beside a bare scan of the same columns
//!   with the same two checksums a row.
//! - Bulk import in commits of 1,000 facts beside raw prepared inserts of the same rows, keys and durability.
//! - One fact a commit beside the same inserts in transactions of one, and the same from eight tasks at once.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench sqlite [-- FACTS]
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints and may fail loudly")]

use core::num::NonZeroUsize;
use core::ops::ControlFlow;
use std::hint::black_box;
use std::path::Path;
use std::thread::available_parallelism;

use pollster::block_on;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};
use tenure_benches::{SEED, by_time, events, facts, in_turns, seconds, standard, verdict};
use tenure_core::Event;
use tenure_core::log::{Append, Cut};
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::{EventStore, replay};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const COMMIT: usize = 1_000;
const RUNS: usize = 3;

fn main() {
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000_u64);
    let history = events(&by_time(facts(count / 50, 50)));
    let count = history.len();
    println!("{count} facts, {} customers, seed {SEED}, {RUNS} runs in turns, medians", count / 50);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    import(&path, appends(&history));
    replay_beside_scan(&path, count);
    import_beside_inserts(directory.path(), &path, &history);
    one_fact_a_commit(directory.path(), &path, &history);
}

fn appends(history: &[Event]) -> Vec<Append> {
    history.chunks(COMMIT).map(|chunk| Append::new(chunk.to_vec())).collect()
}

fn import(path: &Path, appends: Vec<Append>) {
    let store = SqliteStore::open(path, Options::new()).unwrap();
    for append in appends {
        block_on(store.append(append)).unwrap();
    }
}

fn replay_beside_scan(path: &Path, count: usize) {
    let store = SqliteStore::open(path, Options::new()).unwrap();
    let connection = Connection::open(path).unwrap();
    let projection = standard();
    let scan = || seconds(|| black_box(scan(&connection)));
    let fold = |threads| {
        seconds(|| {
            let states = replay(&store, &projection, Cut::default(), threads, |_| ControlFlow::Continue(()));
            assert_eq!(states.unwrap().len(), count / 50);
        })
    };
    let (floor, figure) = in_turns(RUNS, scan, || fold(NonZeroUsize::MIN));
    let per = |seconds: f64| seconds * 1e9 / f64::from(u32::try_from(count).unwrap());
    println!(
        "replay: scan {:.0} ns a fact, replay {:.0} ns, ratio {:.2} (gate 1.80: {}), {:.2} of its rate (gate 0.60: {})",
        per(floor),
        per(figure),
        figure / floor,
        verdict(figure / floor, 1.8),
        floor / figure,
        verdict(figure / floor, 1.0 / 0.6)
    );
    let threads = available_parallelism().unwrap();
    let (floor, figure) = in_turns(RUNS, scan, || fold(threads));
    println!(
        "replay on {threads} threads, as the command line does it: {:.0} ns, ratio {:.2}",
        per(figure),
        figure / floor
    );
}

/// Every column that a replay reads, and two checksums of as many bytes as the store's.
fn scan(connection: &Connection) -> i64 {
    let mut statement = connection
        .prepare(
            "SELECT position, version, previous, id, customer, customer_key, occurred_at, recorded_at, kind, schema,
                    subject, minor, currency, number, channel, actor, data, context, header_sum, body_sum
             FROM fact ORDER BY position",
        )
        .unwrap();
    let mut rows = statement.query(()).unwrap();
    let mut sum = 0_i64;
    let mut header = Vec::new();
    let mut body = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        header.clear();
        body.clear();
        for column in 0..20 {
            let bytes = if column == 16 || column == 17 { &mut body } else { &mut header };
            match row.get_ref(column).unwrap() {
                ValueRef::Integer(number) => {
                    sum = sum.wrapping_add(number);
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
                ValueRef::Text(text) | ValueRef::Blob(text) => bytes.extend_from_slice(text),
                _ => {}
            }
        }
        let checksum = xxh3_64_with_seed(&header, 0) ^ xxh3_64(&body);
        sum = sum.wrapping_add(checksum.cast_signed());
    }
    sum
}

fn import_beside_inserts(directory: &Path, full: &Path, history: &[Event]) {
    let fact_rows = rows(full, "fact");
    let stream_rows = rows(full, "stream");
    let mut run = 0;
    let mut fresh = || {
        run += 1;
        directory.join(format!("{run}.db"))
    };
    let raw_path: Vec<_> = (0..RUNS).map(|_| fresh()).collect();
    let own_path: Vec<_> = (0..RUNS).map(|_| fresh()).collect();
    // The same empty store: tables, index, triggers.
    for path in &raw_path {
        drop(SqliteStore::open(path, Options::new()).unwrap());
    }
    let (mut raw_paths, mut own_paths) = (raw_path.iter(), own_path.iter());
    let raw = || {
        let path = raw_paths.next().unwrap();
        seconds(|| insert(path, &fact_rows, &stream_rows, COMMIT))
    };
    let own = || {
        let path = own_paths.next().unwrap();
        // Made beforehand, as the rows of the floor are.
        let appends = appends(history);
        seconds(|| import(path, appends))
    };
    let (floor, figure) = in_turns(RUNS, raw, own);
    let rate = |seconds: f64| f64::from(u32::try_from(history.len()).unwrap()) / seconds / 1e3;
    println!(
        "import: raw inserts {:.0} k/s, import {:.0} k/s, {:.2} of raw (gates 0.50: {}, 0.60: {})",
        rate(floor),
        rate(figure),
        floor / figure,
        verdict(figure / floor, 2.0),
        verdict(figure / floor, 1.0 / 0.6)
    );
}

/// How many facts are committed one by one: each waits for the disk.
const ALONE: usize = 2_000;
const TASKS: usize = 8;

fn one_fact_a_commit(directory: &Path, full: &Path, history: &[Event]) {
    let (fact_rows, stream_rows) = (rows(full, "fact"), rows(full, "stream"));
    let fact_rows = fact_rows.get(..ALONE.min(fact_rows.len())).unwrap();
    let history = history.get(..fact_rows.len()).unwrap();
    let fresh = |name: &str| -> Vec<_> {
        let paths: Vec<_> = (0..RUNS).map(|run| directory.join(format!("{name}-{run}.db"))).collect();
        for path in &paths {
            drop(SqliteStore::open(path, Options::new()).unwrap());
        }
        paths
    };
    let each = |tasks: usize, path: &Path| {
        let store = SqliteStore::open(path, Options::new()).unwrap();
        let share = history.len().div_ceil(tasks);
        seconds(|| {
            std::thread::scope(|scope| {
                for part in history.chunks(share) {
                    let store = &store;
                    scope.spawn(move || {
                        for event in part {
                            block_on(store.append(Append::new(vec![event.clone()]))).unwrap();
                        }
                    });
                }
            });
        })
    };
    let (raw_paths, own_paths, task_paths) = (fresh("raw"), fresh("own"), fresh("tasks"));
    let mut raw_paths = raw_paths.iter();
    let mut own_paths = own_paths.iter();
    let raw = || {
        let path = raw_paths.next().unwrap();
        seconds(|| insert(path, fact_rows, &stream_rows, 1))
    };
    let (floor, figure) = in_turns(RUNS, raw, || each(1, own_paths.next().unwrap()));
    let rate = |seconds: f64| f64::from(u32::try_from(history.len()).unwrap()) / seconds;
    println!(
        "one fact a commit: raw {:.0}/s, store {:.0}/s, {:.2} times the time (gate 1.20: {})",
        rate(floor),
        rate(figure),
        figure / floor,
        verdict(figure / floor, 1.2)
    );
    let again_paths = fresh("again");
    let (mut again_paths, mut task_paths) = (again_paths.iter(), task_paths.iter());
    let (alone, together) =
        in_turns(RUNS, || each(1, again_paths.next().unwrap()), || each(TASKS, task_paths.next().unwrap()));
    println!(
        "the same from {TASKS} tasks: {:.0}/s, {:.1} times that of one (gate 5.0: {})",
        rate(together),
        alone / together,
        verdict(together / alone, 1.0 / 5.0)
    );
}

fn rows(path: &Path, table: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = statement.column_count();
    let read = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get::<_, Value>(column)).collect();
    statement.query_map((), read).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The same rows of facts, keys and durability, and the rows of streams that each commit touches.
fn insert(path: &Path, facts: &[Vec<Value>], streams: &[Vec<Value>], commit: usize) {
    let mut connection = Connection::open(path).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
    connection.pragma_update(None, "synchronous", "EXTRA").unwrap();
    let marks = |count: usize| vec!["?"; count].join(", ");
    let fact = format!("INSERT INTO fact VALUES ({})", marks(facts.first().unwrap().len()));
    let stream = format!("INSERT OR REPLACE INTO stream VALUES ({})", marks(3));
    let mut streams = streams.iter().cycle();
    for chunk in facts.chunks(commit) {
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        {
            let mut fact = transaction.prepare_cached(&fact).unwrap();
            let mut stream = transaction.prepare_cached(&stream).unwrap();
            for row in chunk {
                fact.execute(params_from_iter(row)).unwrap();
            }
            // A commit of 1,000 facts touches nearly as many customers.
            for row in streams.by_ref().take(chunk.len()) {
                stream.execute(params_from_iter(row)).unwrap();
            }
            transaction
                .execute("UPDATE head SET facts = facts + ?1", [i64::try_from(chunk.len()).unwrap()])
                .unwrap();
        }
        transaction.commit().unwrap();
    }
}
