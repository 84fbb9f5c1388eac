//! What does the PostgreSQL store cost beside PostgreSQL itself?
//!
//! - One fact a commit beside the same statements by hand: lock the head, insert the fact, put the stream, move the
//!   head, commit, with as few round trips. Eight tasks of one handle beside the same statements on eight connections,
//!   and eight handles.
//! - Bulk import in commits of 10,000 facts beside a raw binary COPY of the same rows into the same table, and what
//!   smaller commits make of it.
//! - Replay of all facts (read, check, fold stage and RFM, one thread) beside a bare scan of the same columns in
//!   binary form, and beside the same bytes by COPY.
//!
//! The server is a private cluster with PostgreSQL's own settings.
//!
//! ```console
//! $ cargo bench -p tenure-benches --bench postgres [-- FACTS]
//! ```
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints and may fail loudly")]

use core::num::NonZeroUsize;
use core::ops::ControlFlow;
use std::hint::black_box;
use std::pin::pin;
use std::thread;

use bytes::Bytes;
use futures_util::future::{try_join, try_join4};
use futures_util::{SinkExt, TryStreamExt};
use pollster::block_on;
use tenure_benches::{SEED, by_time, events, facts, in_turns, seconds, standard, verdict};
use tenure_core::Event;
use tenure_core::log::{Append, Cut};
use tenure_postgres::{Options, PostgresStore};
use tenure_store::{EventStore, replay};
use tenure_testkit::postgres::Cluster;
use tokio::runtime::Runtime;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Config, NoTls};

const RUNS: usize = 3;
const SINGLE: usize = 1_000;

const COLUMNS: &str = "position, version, previous, id, customer, customer_key, occurred_at, recorded_at, kind, schema, \
     subject, minor, currency, number, channel, actor, data, context, header_sum, body_sum";

fn main() {
    let count = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(500_000_u64);
    let history = events(&by_time(facts(count / 50, 50)));
    let count = history.len();
    println!("{count} facts, {} customers, seed {SEED}, {RUNS} runs in turns, medians", count / 50);
    let cluster = Cluster::start(&["max_wal_size = '4GB'", "shared_buffers = '256MB'"]).unwrap();
    let database = cluster.database().unwrap();
    let raw = Raw::connect(&database);
    one_fact_a_commit(&database, &raw, &history);
    bulk(&database, &raw, &history);
    scans(&database, &raw, count);
}

struct Raw {
    runtime: Runtime,
    client: Client,
}

impl Raw {
    fn connect(database: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = database.parse::<Config>().unwrap().connect(NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }
}

fn open(database: &str, log: &str) -> PostgresStore {
    block_on(PostgresStore::open(database, Options::new().log(log))).unwrap()
}

fn per_second(count: usize, seconds: f64) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / seconds
}

fn one_fact_a_commit(database: &str, raw: &Raw, history: &[Event]) {
    let history = history.get(..SINGLE.min(history.len())).unwrap();
    let own = open(database, "single");
    let told =
        block_on(PostgresStore::open(database, Options::new().log("quiet").without_notifications())).unwrap();
    drop(open(database, "by hand"));
    let by_hand = raw.runtime.block_on(ByHand::prepare(&raw.client, "by hand"));
    let hand = || seconds(|| raw.runtime.block_on(by_hand.append(&raw.client, history)));
    let mut fresh = Fresh(0);
    let (floor, figure) = in_turns(RUNS, hand, || fresh.append(&own, history, 1));
    let quiet = fresh.append(&told, history, 1);
    println!(
        "one fact a commit: by hand {:.0}/s, store {:.0}/s, {:.2} of the time (gate 1.30: {}); without notifications {:.0}/s",
        per_second(history.len(), floor),
        per_second(history.len(), figure),
        figure / floor,
        verdict(figure / floor, 1.3),
        per_second(history.len(), quiet),
    );
    eight_tasks(database, raw, &own, &mut fresh, history);
}

/// Tasks, and connections beside which they are measured.
const TASKS: usize = 8;

/// Eight tasks of one handle, beside eight connections that issue the statements by hand.
fn eight_tasks(database: &str, raw: &Raw, own: &PostgresStore, fresh: &mut Fresh, history: &[Event]) {
    let names: Vec<String> = (0..TASKS).map(|task| format!("by hand {task}")).collect();
    for name in &names {
        drop(open(database, name));
    }
    // Each on a log of its own, whose head nobody else waits for; and all on one.
    let alone: Vec<_> = names.iter().map(|name| Hand::connect(database, name)).collect();
    let crowd: Vec<_> = names.iter().map(|_| Hand::connect(database, "by hand")).collect();
    // As eight processes would have them.
    let handles: Vec<_> = (0..TASKS).map(|_| open(database, "handles")).collect();
    let share = history.len().div_ceil(TASKS);
    let by_hand = |hands: &[Hand]| {
        seconds(|| {
            thread::scope(|scope| {
                for (hand, part) in hands.iter().zip(history.chunks(share)) {
                    scope.spawn(|| raw.runtime.block_on(hand.statements.append(&hand.client, part)));
                }
            });
        })
    };
    let mut fresh = |stores: &[&PostgresStore]| {
        let parts: Vec<Vec<Event>> = fresh.next(history).chunks(share).map(<[_]>::to_vec).collect();
        seconds(|| {
            thread::scope(|scope| {
                for (store, part) in stores.iter().zip(parts) {
                    scope.spawn(move || {
                        for event in part {
                            block_on(store.append(Append::new(vec![event]))).unwrap();
                        }
                    });
                }
            });
        })
    };
    let (floor, figure) = in_turns(RUNS, || by_hand(&alone), || fresh(&[own; TASKS]));
    println!(
        "the same from {TASKS} tasks of one handle: {:.0}/s; by hand on {TASKS} connections with a head each {:.0}/s, \
         {:.2} of the time (gate 1.30: {})",
        per_second(history.len(), figure),
        per_second(history.len(), floor),
        figure / floor,
        verdict(figure / floor, 1.3)
    );
    let handles: Vec<&PostgresStore> = handles.iter().collect();
    let (floor, figure) = in_turns(RUNS, || by_hand(&crowd), || fresh(&handles));
    println!(
        "{TASKS} handles on one log, as of {TASKS} processes: {:.0}/s; by hand with one head for all {:.0}/s, {:.2} of the time",
        per_second(history.len(), figure),
        per_second(history.len(), floor),
        figure / floor
    );
}

/// A connection of somebody's who writes the statements by hand.
struct Hand {
    _runtime: Runtime,
    client: Client,
    statements: ByHand,
}

impl Hand {
    fn connect(database: &str, log: &str) -> Self {
        let Raw { runtime, client } = Raw::connect(database);
        let statements = runtime.block_on(ByHand::prepare(&client, log));
        Self { _runtime: runtime, client, statements }
    }
}

/// The statements of an append of one fact, as somebody would write them who knows that nothing is to be checked.
struct ByHand {
    lock: tokio_postgres::Statement,
    insert: tokio_postgres::Statement,
    stream: tokio_postgres::Statement,
    head: tokio_postgres::Statement,
    log: i32,
}

impl ByHand {
    async fn prepare(client: &Client, log: &str) -> Self {
        let find = "SELECT log FROM tenure.log WHERE name = $1";
        let log = client.query_one(find, &[&log]).await.unwrap().get(0);
        let marks: Vec<String> = (1..=22).map(|n| format!("${n}")).collect();
        let insert = format!(
            "INSERT INTO tenure.fact (log, {COLUMNS}, link) VALUES ({})",
            marks.join(", ").replace("$8, $9", "to_timestamp($8::float8), to_timestamp($9::float8)")
        );
        let prepare = async |text: &str| client.prepare(text).await.unwrap();
        Self {
            lock: prepare("SELECT position, link FROM tenure.log WHERE log = $1 FOR NO KEY UPDATE").await,
            insert: prepare(&insert).await,
            stream: prepare(
                "INSERT INTO tenure.stream VALUES ($1, $2, $3, $4)
                 ON CONFLICT (log, customer) DO UPDATE SET version = excluded.version, last = excluded.last",
            )
            .await,
            head: prepare(
                "UPDATE tenure.log SET position = $2, link = $3, recorded_at = now() WHERE log = $1",
            )
            .await,
            log,
        }
    }

    async fn append(&self, client: &Client, history: &[Event]) {
        let (log, link) = (self.log, [7_u8; 32].as_slice());
        for event in history {
            let key: [&(dyn ToSql + Sync); 1] = [&log];
            let begin = client.batch_execute("BEGIN");
            let ((), head) = try_join(begin, client.query_one(&self.lock, &key)).await.unwrap();
            let position = head.get::<_, i64>(0) + 1;
            let mut id = *event.id().as_bytes();
            id[..8].copy_from_slice(&position.to_be_bytes());
            let (id, customer) = (Uuid(id), Uuid(*event.customer().id().as_bytes()));
            let view = event.view();
            let at = 1.7e9_f64;
            let minor = view.amount.map(|amount| amount.minor);
            let currency = view.amount.as_ref().map(|amount| amount.currency.code());
            let key = event.customer().key().map(tenure_core::CustomerKey::as_str);
            let none: Option<&str> = None;
            let fact: [&(dyn ToSql + Sync); 22] = [
                &log,
                &position,
                &position,
                &position,
                &id,
                &customer,
                &key,
                &at,
                &at,
                &view.kind_name,
                &1_i32,
                &view.subject,
                &minor,
                &currency,
                &view.number,
                &view.channel,
                &view.actor,
                &none,
                &none,
                &position,
                &position,
                &link,
            ];
            let stream: [&(dyn ToSql + Sync); 4] = [&log, &customer, &position, &position];
            let head: [&(dyn ToSql + Sync); 3] = [&log, &position, &link];
            try_join4(
                client.execute(&self.insert, &fact),
                client.execute(&self.stream, &stream),
                client.execute(&self.head, &head),
                client.batch_execute("COMMIT"),
            )
            .await
            .unwrap();
        }
    }
}

#[derive(Debug)]
struct Uuid([u8; 16]);

impl ToSql for Uuid {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut bytes::BytesMut,
    ) -> Result<tokio_postgres::types::IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(tokio_postgres::types::IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::UUID
    }

    tokio_postgres::types::to_sql_checked!();
}

/// The same facts again under new ids, later than all before.
struct Fresh(u8);

impl Fresh {
    fn next(&mut self, history: &[Event]) -> Vec<Event> {
        self.0 += 1;
        let again = |event: &Event| {
            let mut id = *event.id().as_bytes();
            // The last byte of the time that an id begins with is kept; the first says which round it is.
            id[0] = self.0;
            let view = event.view();
            let (customer, wire) = (event.customer().clone(), event.stored().clone());
            let again =
                Event::from_wire(tenure_core::EventId::from_bytes(id), customer, view.occurred_at, wire);
            again.unwrap().with_channel("web").unwrap()
        };
        history.iter().map(again).collect()
    }

    fn append(&mut self, store: &PostgresStore, history: &[Event], commit: usize) -> f64 {
        let appends: Vec<_> =
            self.next(history).chunks(commit).map(|chunk| Append::new(chunk.to_vec())).collect();
        seconds(|| {
            for append in appends {
                block_on(store.append(append)).unwrap();
            }
        })
    }
}

fn bulk(database: &str, raw: &Raw, history: &[Event]) {
    const COMMIT: usize = 10_000;
    let mut fresh = Fresh(0);
    fresh.append(&open(database, "full"), history, COMMIT);
    let chunks = raw.runtime.block_on(copied(&raw.client, COMMIT, history.len()));
    let (mut raws, mut owns) = (0, 0);
    let floor = || {
        raws += 1;
        let log = 1_000 + raws;
        seconds(|| raw.runtime.block_on(copy(&raw.client, log, &chunks)))
    };
    let own = || {
        owns += 1;
        fresh.append(&open(database, &format!("bulk {owns}")), history, COMMIT)
    };
    let (floor, figure) = in_turns(RUNS, floor, own);
    println!(
        "bulk: raw COPY {:.0} k/s, store {:.0} k/s, {:.2} of raw (gate 0.60: {})",
        per_second(history.len(), floor) / 1e3,
        per_second(history.len(), figure) / 1e3,
        floor / figure,
        verdict(figure / floor, 1.0 / 0.6)
    );
    for commit in [10, 30, 63, 64, 100, 1_000] {
        let some = history.get(..(commit * 200).min(history.len())).unwrap();
        let took = fresh.append(&open(database, &format!("commits of {commit}")), some, commit);
        println!("commits of {commit}: {:.1} k/s", per_second(some.len(), took) / 1e3);
    }
    raw.runtime
        .block_on(raw.client.batch_execute(
            "SET session_replication_role = replica; DELETE FROM tenure.fact WHERE log > 1000",
        ))
        .unwrap();
}

/// The rows of the log `full` as COPY gives them, by commit.
async fn copied(client: &Client, commit: usize, count: usize) -> Vec<Vec<Bytes>> {
    let mut chunks = Vec::new();
    for from in (0..count).step_by(commit) {
        let rows = client
            .copy_out(&format!(
                "COPY (SELECT {COLUMNS}, link FROM tenure.fact WHERE log = (SELECT log FROM tenure.log WHERE name = 'full')
                 AND position > {from} AND position <= {} ORDER BY position) TO STDOUT BINARY",
                from + commit
            ))
            .await
            .unwrap();
        chunks.push(rows.try_collect().await.unwrap());
    }
    chunks
}

async fn copy(client: &Client, log: i32, chunks: &[Vec<Bytes>]) {
    client.batch_execute(&format!("ALTER TABLE tenure.fact ALTER log SET DEFAULT {log}")).await.unwrap();
    for chunk in chunks {
        let sink =
            client.copy_in(&format!("COPY tenure.fact ({COLUMNS}, link) FROM STDIN BINARY")).await.unwrap();
        let mut sink = pin!(sink);
        for row in chunk {
            sink.feed(row.clone()).await.unwrap();
        }
        sink.finish().await.unwrap();
    }
}

struct Any<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Any<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn scans(database: &str, raw: &Raw, count: usize) {
    let store = open(database, "full");
    raw.runtime.block_on(raw.client.batch_execute("VACUUM ANALYZE tenure.fact")).unwrap();
    let select = format!(
        "SELECT {COLUMNS} FROM tenure.fact WHERE log = (SELECT log FROM tenure.log WHERE name = 'full') ORDER BY position"
    );
    let scan = || {
        seconds(|| {
            raw.runtime.block_on(async {
                let none: [&(dyn ToSql + Sync); 0] = [];
                let mut rows = pin!(raw.client.query_raw(&select, none).await.unwrap());
                let mut bytes = 0;
                while let Some(row) = rows.try_next().await.unwrap() {
                    for column in 0..20 {
                        bytes += row.get::<_, Option<Any<'_>>>(column).map_or(0, |Any(value)| value.len());
                    }
                }
                black_box(bytes)
            })
        })
    };
    let copy = seconds(|| {
        raw.runtime.block_on(async {
            let rows = raw.client.copy_out(&format!("COPY ({select}) TO STDOUT BINARY")).await.unwrap();
            let mut rows = pin!(rows);
            while let Some(row) = rows.try_next().await.unwrap() {
                black_box(row);
            }
        });
    });
    let projection = standard();
    let fold = |threads| {
        seconds(|| {
            let states = replay(&store, &projection, Cut::default(), threads, |_| ControlFlow::Continue(()));
            assert_eq!(states.unwrap().len(), count / 50);
        })
    };
    let (floor, figure) = in_turns(RUNS, scan, || fold(NonZeroUsize::MIN));
    println!(
        "replay: bare scan {:.0} k/s (by COPY {:.0} k/s), replay {:.0} k/s, {:.2} of the scan",
        per_second(count, floor) / 1e3,
        per_second(count, copy) / 1e3,
        per_second(count, figure) / 1e3,
        floor / figure
    );
    let threads = thread::available_parallelism().unwrap();
    println!("replay on {threads} threads: {:.0} k/s", per_second(count, fold(threads)) / 1e3);
}
