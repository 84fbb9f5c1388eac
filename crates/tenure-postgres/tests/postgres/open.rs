//! What is opened, what is refused and how that is said.

use std::thread;

use tenure_core::log::Append;
use tenure_postgres::{Options, PostgresStore};
use tenure_store::{EventStore, StoreError};
use tenure_testkit::postgres::Cluster;

use crate::common::{Raw, cluster, database, fact, new_log, new_store, open};

fn refusal(config: &str, options: Options) -> StoreError {
    let refused = pollster::block_on(PostgresStore::open(config, options));
    let error = refused.unwrap_err();
    assert!(error.hint().is_some(), "{error:?}");
    error
}

fn unreachable(error: &StoreError, says: &str) {
    assert!(matches!(error, StoreError::Unreachable { what, .. } if what.contains(says)), "{error:?}");
}

#[test]
fn a_server_that_cannot_be_reached_is_named() {
    let nowhere = tempfile::tempdir().unwrap();
    let error = refusal(&format!("host={} user=a dbname=shop", nowhere.path().display()), Options::new());
    unreachable(&error, "error connecting");
    let says = error.to_string();
    assert!(
        says.contains("database \"shop\"") && says.contains(&nowhere.path().display().to_string()),
        "{says}"
    );
    unreachable(&refusal("host=127.0.0.1 port=1 user=a dbname=shop", Options::new()), "refused");
    unreachable(&refusal("hots=nowhere", Options::new()), "unknown option");
}

#[test]
fn a_wrong_database_role_or_password_is_told_and_the_password_is_not() {
    let raw = Raw::connect(database());
    raw.run("CREATE ROLE guarded LOGIN PASSWORD 'sesame'; GRANT CREATE ON DATABASE test0 TO guarded");
    let at = |rest: &str| format!("host={} {rest}", cluster().socket().display());
    unreachable(&refusal(&at("user=tenure dbname=nope"), Options::new()), "\"nope\" does not exist");
    unreachable(&refusal(&at("user=nobody_there dbname=test0"), Options::new()), "does not exist");
    unreachable(&refusal(&at("user=guarded dbname=test0"), Options::new()), "password");
    let wrong = refusal(&at("user=guarded password=mellon dbname=test0"), Options::new());
    unreachable(&wrong, "password authentication failed");
    assert!(!format!("{wrong:?} {wrong}").contains("mellon"));
    // The right one, but the tables are somebody else's.
    let right = at("user=guarded password=sesame dbname=test0");
    unreachable(&refusal(&right, Options::new().existing()), "permission denied");
    let own = open(&right, Options::new().schema("guarded_own"));
    pollster::block_on(own.append(Append::new(vec![fact(0, "ann")]))).unwrap();
    assert!(!format!("{own:?}").contains("sesame"));
}

#[test]
fn a_missing_log_is_refused_where_it_must_exist() {
    let missing = refusal(database(), Options::new().existing().log(new_log()));
    unreachable(&missing, "no such log");
    unreachable(&refusal(database(), Options::new().existing().schema("missing")), "no such schema");
    for schema in ["", "A", "7", "a-b", "a\"b", "pg_a", &"a".repeat(41)] {
        unreachable(&refusal(database(), Options::new().schema(schema)), "name of a schema");
    }
    for log in ["", "a\0b", &"a".repeat(201)] {
        unreachable(&refusal(database(), Options::new().log(log)), "name of a log");
    }
    let forever = Options::new().lock_timeout(std::time::Duration::MAX);
    drop(open(database(), forever.schema("a".repeat(40)).log("'; DROP TABLE fact; -- 店")));
}

#[test]
fn a_schema_of_something_else_is_left_alone() {
    let raw = Raw::connect(database());
    raw.run("CREATE SCHEMA elses; CREATE TABLE elses.invoice (n int)");
    let error = refusal(database(), Options::new().schema("elses"));
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    assert_eq!(raw.ask("SELECT count(*) FROM pg_class WHERE relnamespace = 'elses'::regnamespace"), "1");
    // An empty schema that the operator made is not something else.
    raw.run("CREATE SCHEMA made");
    drop(open(database(), Options::new().schema("made")));
}

#[test]
fn a_newer_format_is_refused_with_both_numbers() {
    drop(open(database(), Options::new().schema("newer")));
    let raw = Raw::connect(database());
    raw.run("INSERT INTO newer.migration (format) VALUES (7)");
    let error = refusal(database(), Options::new().schema("newer"));
    assert!(matches!(error, StoreError::Format { format: 7, known: 1, .. }), "{error:?}");
}

#[test]
fn processes_that_make_a_schema_at_once_do_not_collide() {
    for round in 0..5 {
        let schema = format!("at_once_{round}");
        thread::scope(|scope| {
            let openers: Vec<_> =
                (0..6).map(|_| scope.spawn(|| open(database(), Options::new().schema(&schema)))).collect();
            for (n, opener) in (0..).zip(openers) {
                let store = opener.join().unwrap();
                let done = pollster::block_on(store.append(Append::new(vec![fact(n, "ann")]))).unwrap();
                assert_eq!(done.head.0, n + 1, "two logs of one name");
            }
        });
    }
}

#[test]
fn a_server_that_may_forget_is_refused_unless_asked_for() {
    for setting in ["fsync = off", "full_page_writes = off", "synchronous_commit = off"] {
        let cluster = Cluster::start(&[setting]).unwrap();
        let database = cluster.database().unwrap();
        let error = refusal(&database, Options::new());
        let name = setting.split(' ').next().unwrap();
        assert!(matches!(&error, StoreError::Unsafe { what, .. } if what.contains(name)), "{error:?}");
        let store = open(&database, Options::new().accept_loss_when_the_server_crashes());
        pollster::block_on(store.append(Append::new(vec![fact(0, "ann")]))).unwrap();
    }
}

#[test]
fn facts_cannot_be_changed_or_deleted_by_accident() {
    let store = new_store();
    pollster::block_on(store.append(Append::new(vec![fact(0, "ann")]))).unwrap();
    let raw = Raw::connect(database());
    for sql in ["UPDATE tenure.fact SET number = 7", "DELETE FROM tenure.fact", "TRUNCATE tenure.fact"] {
        let error = raw.runtime.block_on(raw.client.batch_execute(sql)).unwrap_err();
        let says = error.as_db_error().unwrap().message();
        assert!(says.contains("never changed or deleted"), "{sql}: {says}");
    }
    let shown = raw.ask(&format!(
        "SELECT concat_ws(' ', kind, customer_key, number, occurred_at AT TIME ZONE 'UTC') \
                                  FROM tenure.facts WHERE log = '{}'",
        store.log()
    ));
    assert_eq!(shown, "points_earned shop:ann 1 1970-01-01 00:00:00");
}

/// A handle can be dropped anywhere, and its futures waited for by anybody.
#[test]
fn a_handle_works_in_a_runtime_that_it_was_given_and_is_dropped_in_a_task() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for options in [Options::new().runtime(runtime.handle().clone()), Options::new()] {
        runtime.block_on(async {
            let store = PostgresStore::open(database(), options.log(new_log())).await.unwrap();
            store.append(Append::new(vec![fact(0, "ann")])).await.unwrap();
            assert_eq!(store.head().await.unwrap().position.0, 1);
            drop(store);
        });
    }
}
