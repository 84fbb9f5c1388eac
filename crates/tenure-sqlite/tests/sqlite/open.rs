//! What is opened and what is refused, and that nothing foreign is touched.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tenure_core::log::{Append, Read};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
use tenure_sqlite::{Durability, Options, SqliteStore};
use tenure_store::{EventStore, StoreError};

fn fact(n: u8, customer: &str) -> Event {
    let at = Timestamp::from_micros(i64::from(n) * 1_000_000).unwrap();
    let customer = Customer::parse(customer, "shop").unwrap();
    Event::new(EventId::from_bytes([n; 16]), customer, at, CustomerEvent::SignedUp {}).unwrap()
}

fn append(store: &SqliteStore, n: u8) -> Result<(), StoreError> {
    pollster::block_on(store.append(Append::new(vec![fact(n, "ann")]))).map(drop)
}

fn store_of(path: &Path, facts: u8) {
    let store = SqliteStore::open(path, Options::new()).unwrap();
    (0..facts).for_each(|n| append(&store, n).unwrap());
}

fn refusal(path: &Path) -> StoreError {
    SqliteStore::open(path, Options::new()).unwrap_err()
}

/// The error names the file and says what to do, and the file is as it was.
fn refused_untouched(path: &Path, is: fn(&StoreError) -> bool) {
    let before = fs::read(path).unwrap();
    let error = refusal(path);
    assert!(is(&error), "{error:?}");
    assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
    assert!(error.hint().is_some(), "{error}");
    assert_eq!(fs::read(path).unwrap(), before, "the file was changed");
    let beside: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 1, "something was left beside it: {beside:?}");
}

#[test]
fn a_file_of_something_else_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let not_a_store = |error: &StoreError| matches!(error, StoreError::NotAStore { .. });
    for content in [&b"x"[..], b"SQLite format 3", b"Dear Ann,\n", &[0; 5000]] {
        fs::write(&path, content).unwrap();
        refused_untouched(&path, not_a_store);
    }
    fs::remove_file(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE note (a); INSERT INTO note VALUES (1)").unwrap();
    drop(other);
    refused_untouched(&path, not_a_store);
}

#[test]
fn a_file_of_another_format_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    store_of(&path, 3);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
    refused_untouched(&path, |error| matches!(error, StoreError::Format { format: 7, known: 1, .. }));
}

#[test]
fn what_is_not_there_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("no/such/a.db");
    let error = refusal(&path);
    assert!(
        matches!(&error, StoreError::Unreachable { what, .. } if what.contains("no directory")),
        "{error}"
    );
    let path = directory.path().join("a.db");
    let error = SqliteStore::open(&path, Options::new().existing()).expect_err("it was opened");
    assert!(
        matches!(&error, StoreError::Unreachable { what, .. } if what.contains("no such file")),
        "{error}"
    );
    assert!(!path.exists(), "it was created");
    let error = refusal(directory.path());
    assert!(matches!(&error, StoreError::Unreachable { what, .. } if what.contains("directory")), "{error}");
}

#[test]
fn an_empty_file_is_a_new_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    fs::write(&path, "").unwrap();
    assert!(SqliteStore::open(&path, Options::new().existing()).is_err());
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    append(&store, 1).unwrap();
}

#[test]
fn head_and_tail_that_disagree_are_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    for damage in [
        "DELETE FROM fact WHERE position = 5",
        "UPDATE head SET facts = 4",
        "UPDATE head SET link = zeroblob(32)",
        "UPDATE fact SET subject = 'x' WHERE position = 5",
        "UPDATE fact SET data = '{\"a\":1}' WHERE position = 5",
        "DELETE FROM head",
        "DROP TABLE stream; DROP TABLE fact; CREATE TABLE fact (position)",
    ] {
        let _ = fs::remove_file(&path);
        store_of(&path, 5);
        let raw = Connection::open(&path).unwrap();
        raw.execute_batch("DROP TRIGGER fact_is_never_changed; DROP TRIGGER fact_is_never_deleted").unwrap();
        raw.execute_batch(damage).unwrap();
        drop(raw);
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Damaged { .. }), "{damage}: {error:?}");
    }
}

#[test]
fn a_truncated_file_is_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    store_of(&path, 200);
    let whole = fs::read(&path).unwrap();
    for pages in 1..whole.len() / 4096 {
        fs::write(&path, &whole[..pages * 4096]).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Damaged { .. }), "{pages} pages: {error:?}");
    }
    fs::write(&path, &whole[..90]).unwrap();
    assert!(matches!(refusal(&path), StoreError::Damaged { .. } | StoreError::NotAStore { .. }));
    fs::write(&path, &whole).unwrap();
    assert!(SqliteStore::open(&path, Options::new()).is_ok());
}

#[test]
fn the_database_itself_refuses_to_change_facts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    store_of(&path, 2);
    let raw = Connection::open(&path).unwrap();
    for change in ["UPDATE fact SET number = 1", "DELETE FROM fact WHERE position = 2"] {
        let error = raw.execute(change, ()).unwrap_err().to_string();
        assert!(error.contains("a fact is never"), "{error}");
    }
    let shown: (i64, String, String) = raw
        .query_row("SELECT position, kind, occurred_at FROM facts WHERE position = 2", (), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(shown, (2, "signed_up".into(), "1970-01-01T00:00:01Z".into()));
}

#[test]
fn the_bundled_library_is_new_enough() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

#[test]
fn less_durability_is_taken_only_when_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let options = Options::new().durability(Durability::MayLoseLastCommitsOnPowerLoss);
    let store = SqliteStore::open(&path, options).unwrap();
    append(&store, 1).unwrap();
}

/// Two handles, as two processes would: each has a writer of its own and its own memory of the log.
#[test]
fn two_handles_write_to_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let (one, other) = std::thread::scope(|scope| {
        // Created at the same time.
        let open = || SqliteStore::open(&path, Options::new()).unwrap();
        let (one, other) = (scope.spawn(open), scope.spawn(open));
        (one.join().unwrap(), other.join().unwrap())
    });
    for n in (0..40).step_by(2) {
        append(&one, n).unwrap();
        append(&other, n + 1).unwrap();
    }
    std::thread::scope(|scope| {
        for (store, from) in [(&one, 100), (&other, 150)] {
            scope.spawn(move || (from..from + 50).for_each(|n| append(store, n).unwrap()));
        }
    });
    let page = pollster::block_on(one.read(&Read::all())).unwrap();
    assert_eq!(page.facts.len(), 140);
    assert!(page.facts.iter().zip(1..).all(|(fact, n)| fact.position.0 == n && fact.version.0 == n));
    assert_eq!(one.verify(|_, _| std::ops::ControlFlow::Continue(())).unwrap().facts, 140);
}

#[test]
fn a_writer_that_holds_the_lock_is_told_and_not_a_raw_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let options = Options::new().lock_timeout(std::time::Duration::from_millis(20));
    let store = SqliteStore::open(&path, options).unwrap();
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = append(&store, 1).unwrap_err();
    assert!(
        matches!(&error, StoreError::Locked { location } if *location == path.as_path().into()),
        "{error:?}"
    );
    assert!(error.is_retryable() && error.hint().is_some());
    // A reader does not wait for a writer.
    assert!(pollster::block_on(store.read(&Read::all())).unwrap().facts.is_empty());
    raw.execute_batch("COMMIT").unwrap();
    append(&store, 1).unwrap();
}

/// The last commits of an open store stand in its `-wal` file: a copy without it is older, and nothing would show.
#[test]
fn a_copy_without_its_write_ahead_log_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("a.db"), directory.path().join("copy.db"));
    let (log, copied_log) = (directory.path().join("a.db-wal"), directory.path().join("copy.db-wal"));
    store_of(&path, 3);
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    (3..6).for_each(|n| append(&store, n).unwrap());
    fs::copy(&path, &copy).unwrap();
    let error = refusal(&copy);
    assert!(matches!(&error, StoreError::Damaged { what, .. } if what.contains("-wal")), "{error}");
    let accepted = SqliteStore::open(&copy, Options::new().accept_missing_wal()).unwrap();
    drop(accepted);
    // A log that does not fit is kept as it is, and so is the file.
    fs::copy(&path, &copy).unwrap();
    fs::copy(&log, &copied_log).unwrap();
    let raw = Connection::open(&copy).unwrap();
    raw.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE head SET facts = 99").unwrap();
    let (before, log_before) = (fs::read(&copy).unwrap(), fs::read(&copied_log).unwrap());
    drop(raw);
    fs::write(&copy, &before).unwrap();
    fs::write(&copied_log, &log_before).unwrap();
    assert!(matches!(refusal(&copy), StoreError::Damaged { .. }));
    assert_eq!((fs::read(&copy).unwrap(), fs::read(&copied_log).unwrap()), (before, log_before));
    // With its log it is what a killed process leaves: everything is there, and the mark goes with the next close.
    fs::copy(&path, &copy).unwrap();
    fs::copy(&log, &copied_log).unwrap();
    for _ in 0..2 {
        let opened = SqliteStore::open(&copy, Options::new()).unwrap();
        assert_eq!(pollster::block_on(opened.head()).unwrap(), pollster::block_on(store.head()).unwrap());
        opened.verify(|_, _| std::ops::ControlFlow::Continue(())).unwrap();
    }
    assert!(!copied_log.exists(), "the log is copied into the file when the last handle closes");
    // Two handles: the one that goes takes the mark away, the one that stays sets it again.
    let second = SqliteStore::open(&path, Options::new()).unwrap();
    append(&second, 6).unwrap();
    drop(store);
    append(&second, 7).unwrap();
    fs::copy(&path, &copy).unwrap();
    assert!(matches!(refusal(&copy), StoreError::Damaged { .. }));
    drop(second);
    assert_eq!(
        pollster::block_on(SqliteStore::open(&path, Options::new()).unwrap().head()).unwrap().position.0,
        8
    );
}

/// A log that belongs to another state of the file must not be taken for the newest commits.
#[test]
fn a_stale_write_ahead_log_is_refused_or_ignored() {
    let directory = tempfile::tempdir().unwrap();
    let (path, log) = (directory.path().join("a.db"), directory.path().join("a.db-wal"));
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    (0..3).for_each(|n| append(&store, n).unwrap());
    let stale = fs::read(&log).unwrap();
    drop(store);
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    (3..200).for_each(|n| append(&store, n).unwrap());
    drop(store);
    let whole = fs::read(&path).unwrap();
    fs::write(&log, &stale).unwrap();
    match SqliteStore::open(&path, Options::new()) {
        Err(error) => assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}"),
        Ok(store) => {
            assert_eq!(pollster::block_on(store.head()).unwrap().position.0, 200);
            store.verify(|_, _| std::ops::ControlFlow::Continue(())).unwrap();
        }
    }
    let _ = fs::remove_file(&log);
    fs::write(&path, whole).unwrap();
    assert!(SqliteStore::open(&path, Options::new()).is_ok());
}

/// SQLite takes the first frame that is not whole for the end of its log, so all that is behind it would be gone in
/// silence. The file beside it knows better.
#[test]
fn a_write_ahead_log_that_lost_its_end_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    store_of(&at("a.db"), 3);
    let store = SqliteStore::open(at("a.db"), Options::new()).unwrap();
    (3..6).for_each(|n| append(&store, n).unwrap());
    let older = fs::read(at("a.db-wal")).unwrap();
    (6..9).for_each(|n| append(&store, n).unwrap());
    let (main, log, head) = (
        fs::read(at("a.db")).unwrap(),
        fs::read(at("a.db-wal")).unwrap(),
        fs::read(at("a.db-head")).unwrap(),
    );
    let with = |log: &[u8], head: &[u8]| {
        fs::write(at("copy.db"), &main).unwrap();
        fs::write(at("copy.db-wal"), log).unwrap();
        fs::write(at("copy.db-head"), head).unwrap();
    };
    let mut flipped = log.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut headless = log.clone();
    headless[3] ^= 1;
    for (what, log) in [
        ("older", older.as_slice()),
        ("cut off", &log[..log.len() - 1]),
        ("empty", &[]),
        ("flipped in its last frame", &flipped),
        ("without its header", &headless),
    ] {
        with(log, &head);
        let error = refusal(&at("copy.db"));
        assert!(
            matches!(&error, StoreError::Damaged { what, .. } if what.contains("9 were acknowledged")),
            "{what}: {error}"
        );
        assert_eq!(
            (fs::read(at("copy.db")).unwrap(), fs::read(at("copy.db-wal")).unwrap()),
            (main.clone(), log.to_vec())
        );
    }
    // Who wants what there is, gets it, and the store goes on.
    let accepted = SqliteStore::open(at("copy.db"), Options::new().accept_missing_wal()).unwrap();
    append(&accepted, 100).unwrap();
    drop(accepted);
    assert!(SqliteStore::open(at("copy.db"), Options::new()).is_ok() && !at("copy.db-head").exists());
    // A claim of another log fits no fact.
    let mut other = head.clone();
    other[20] ^= 1;
    let sum = xxhash_rust::xxh3::xxh3_64(&other[..49]).to_le_bytes();
    other[49..].copy_from_slice(&sum);
    with(&log, &other);
    let error = refusal(&at("copy.db"));
    assert!(
        matches!(&error, StoreError::Damaged { what, .. } if what.contains("position 9 is not the one")),
        "{error}"
    );
    with(&log, &head);
    assert_eq!(
        pollster::block_on(SqliteStore::open(at("copy.db"), Options::new()).unwrap().head())
            .unwrap()
            .position
            .0,
        9
    );
    drop(store);
    assert!(!at("a.db-head").exists(), "the last handle takes it away");
}

/// Another program copied the whole log into the file: nothing is missing, and the file beside them says so.
#[test]
fn a_log_that_was_copied_into_the_file_is_not_missed() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("a.db"), directory.path().join("copy.db"));
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    (0..5).for_each(|n| append(&store, n).unwrap());
    let raw = Connection::open(&path).unwrap();
    raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).unwrap();
    fs::copy(&path, &copy).unwrap();
    assert!(matches!(refusal(&copy), StoreError::Damaged { .. }), "without the file beside it nobody knows");
    fs::copy(directory.path().join("a.db-head"), directory.path().join("copy.db-head")).unwrap();
    let opened = SqliteStore::open(&copy, Options::new()).unwrap();
    assert_eq!(pollster::block_on(opened.head()).unwrap(), pollster::block_on(store.head()).unwrap());
}

#[test]
fn a_log_whose_file_is_gone_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    append(&store, 1).unwrap();
    let log = fs::read(directory.path().join("a.db-wal")).unwrap();
    drop(store);
    let gone = directory.path().join("gone.db");
    for content in [None, Some("")] {
        fs::write(directory.path().join("gone.db-wal"), &log).unwrap();
        if let Some(content) = content {
            fs::write(&gone, content).unwrap();
        }
        let error = refusal(&gone);
        assert!(
            matches!(&error, StoreError::Damaged { what, .. } if what.contains("missing or empty")),
            "{error}"
        );
        assert_eq!(fs::read(directory.path().join("gone.db-wal")).unwrap(), log);
    }
}

/// Somebody began to make a store and was killed: the journal beside it takes back what there is, and it is made anew.
#[test]
fn a_store_whose_making_was_not_finished_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    // As it is when the power goes after the pages and before the first of them.
    let journal =
        [&[0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7][..], &[0; 12], &[0, 0, 2, 0, 0, 0, 16, 0]]
            .concat();
    let unfinished = |header: &[u8]| {
        fs::write(&path, [header, &vec![0; 4096 * 5 - header.len()]].concat()).unwrap();
        fs::write(directory.path().join("a.db-journal"), [&journal[..], &[0; 512 - 28]].concat()).unwrap();
    };
    unfinished(&[]);
    let error = SqliteStore::open(&path, Options::new().existing()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error:?}");
    append(&SqliteStore::open(&path, Options::new()).unwrap(), 1).unwrap();
    // Without the journal it is a file of zeros, which is not ours.
    fs::write(&path, [0; 8192]).unwrap();
    assert!(matches!(refusal(&path), StoreError::NotAStore { .. }));
}
