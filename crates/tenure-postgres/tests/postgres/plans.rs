//! What a lookup costs, whatever the planner believes of tables that grow.

use core::time::Duration;
use std::thread;

use tenure_core::log::Append;
use tenure_postgres::Options;
use tenure_store::EventStore;

use crate::common::{Raw, cluster, fact, open};

/// Plans are made while the tables are empty, and nothing is found out about them later. Customers whom the writer does
/// not remember and ids that are not the greatest are looked up all the same, and not looked for in the whole log.
#[test]
fn a_lookup_reads_what_it_asks_for_and_not_the_log() {
    const COMMITS: u64 = 60;
    const SIZE: u64 = 40;
    let database = cluster().database().unwrap();
    drop(open(&database, Options::new()));
    let raw = Raw::connect(&database);
    for table in ["fact", "stream"] {
        raw.run(&format!("ALTER TABLE tenure.{table} SET (autovacuum_enabled = off)"));
    }
    let store = open(&database, Options::new());
    for commit in 0..COMMITS {
        let earlier = |n| fact((COMMITS - commit) * SIZE + n, &format!("c{commit}.{n}"));
        pollster::block_on(store.append(Append::new((0..SIZE).map(earlier).collect()))).unwrap();
    }
    drop(store);
    // What a connection has read is counted by the time it is gone.
    let connected = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'tenure'";
    while raw.ask(connected) != "0" {
        thread::sleep(Duration::from_millis(10));
    }
    let read =
        "SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN ('fact', 'stream'))
        + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname IN ('fact', 'stream'))";
    let read: u64 = raw.ask(read).parse().unwrap();
    assert!(read < 2 * COMMITS * SIZE, "{read} rows read to store {} facts", COMMITS * SIZE);
}
