//! A backup is the store as it was at one instant, whatever goes on meanwhile, or nothing at all.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::ops::ControlFlow::{self, Break, Continue};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tenure_core::log::{Append, FactBlock, Read};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Position, Timestamp};
use tenure_sqlite::{BackupError, Options, SqliteStore};
use tenure_store::{EventStore, StoreError};

fn fact(n: u64) -> Event {
    let mut id = [0x80; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    let at = Timestamp::from_micros(i64::try_from(n).unwrap()).unwrap();
    let fact = CustomerEvent::TagAdded { tag: "x".repeat(2_000) };
    let customer = Customer::parse(&format!("c{}", n % 5), "shop").unwrap();
    Event::new(EventId::from_bytes(id), customer, at, fact).unwrap()
}

fn append(store: &SqliteStore, n: u64) {
    pollster::block_on(store.append(Append::new(vec![fact(n)]))).unwrap();
}

fn read(store: &SqliteStore) -> FactBlock {
    let page = pollster::block_on(store.read(&Read::all().limit(1 << 16))).unwrap();
    assert_eq!(page.scanned_to, page.head);
    page.facts
}

fn on(_: u64, _: u64) -> ControlFlow<()> {
    Continue(())
}

fn names(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

struct Ended<'a>(&'a AtomicBool);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_copy_is_one_instant_of_a_store_that_is_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    pollster::block_on(store.append(Append::new((0..3_000).map(fact).collect()))).unwrap();
    let done = AtomicBool::new(false);
    let backed_up = thread::scope(|scope| {
        // The writer ends also where something here fails.
        let ended = Ended(&done);
        let writer = scope.spawn(|| {
            let mut n = 3_000;
            while !done.load(Ordering::SeqCst) {
                append(&store, n);
                n += 1;
            }
            n
        });
        let mut backed_up = Vec::new();
        for copy in 0..3 {
            let other = SqliteStore::open(&path, Options::new().existing()).unwrap();
            let mut told = Vec::new();
            let copy_done = other.backup(copies.path().join(format!("{copy}.db")), |at, of| {
                // The writer gets on while the pages are copied.
                let before = pollster::block_on(store.head()).unwrap().position;
                while pollster::block_on(store.head()).unwrap().position == before {
                    thread::yield_now();
                }
                told.push((at, of));
                // A copy that begins anew with every commit would never end.
                if told.len() > 1_000 { Break(()) } else { Continue(()) }
            });
            assert!(
                told.len() > 1 && told.is_sorted() && told.last().is_some_and(|(at, of)| at == of),
                "{told:?}"
            );
            backed_up.push(copy_done.unwrap());
        }
        drop(ended);
        assert!(writer.join().unwrap() > 3_003);
        backed_up
    });
    assert_eq!(names(copies.path()), ["0.db", "1.db", "2.db"]);
    let original = read(&store);
    for (copy, backed_up) in backed_up.iter().enumerate() {
        let file = copies.path().join(format!("{copy}.db"));
        assert_eq!(fs::metadata(&file).unwrap().len(), backed_up.bytes);
        // Nobody uses it: the file alone is the store.
        let copy = SqliteStore::open(&file, Options::new().existing()).unwrap();
        let verified = copy.verify(|_, _| Continue(())).unwrap();
        assert_eq!((verified.facts, verified.head_hash), (backed_up.position.0, backed_up.head_hash));
        let facts = read(&copy);
        assert!(facts.len() >= 3_000 && facts.iter().eq(original.iter().take(facts.len())));
        append(&copy, 1 << 40);
    }
    let positions: Vec<Position> = backed_up.iter().map(|copy| copy.position).collect();
    assert!(positions.is_sorted() && positions[0] < positions[2], "{positions:?}");
}

#[test]
fn a_backup_writes_over_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let store = SqliteStore::open(at("shop.db"), Options::new()).unwrap();
    append(&store, 1);
    fs::write(at("letter.txt"), "Dear Ann").unwrap();
    fs::write(at("new.db-part"), "somebody else's").unwrap();
    let before = names(directory.path());
    for (to, named) in
        [("shop.db", "shop.db"), ("letter.txt", "letter.txt"), ("new.db", "new.db-part"), (".", ".")]
    {
        let error = store.backup(at(to), on).unwrap_err();
        assert!(matches!(&error, BackupError::Exists { file } if *file == at(named)), "{to}: {error:?}");
    }
    let error = store.backup(at("nowhere/copy.db"), on).unwrap_err();
    assert!(
        matches!(&error, BackupError::Unwritable { file, .. } if *file == at("nowhere/copy.db")),
        "{error:?}"
    );
    assert_eq!(names(directory.path()), before);
    assert_eq!(fs::read(at("letter.txt")).unwrap(), b"Dear Ann");
    assert_eq!(fs::read(at("new.db-part")).unwrap(), b"somebody else's");
    // A file that was made while the pages were copied.
    let error = store.backup(at("late.db"), |_, _| {
        fs::write(at("late.db"), "first").unwrap();
        Continue(())
    });
    assert!(matches!(error.unwrap_err(), BackupError::Exists { file } if file == at("late.db")));
    assert_eq!(fs::read(at("late.db")).unwrap(), b"first");
    assert!(!at("late.db-part").exists());
}

#[test]
fn a_backup_that_is_stopped_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("shop.db"), Options::new()).unwrap();
    append(&store, 1);
    let before = names(directory.path());
    let error = store.backup(directory.path().join("copy.db"), |_, _| Break(())).unwrap_err();
    assert!(matches!(error, BackupError::Stopped), "{error:?}");
    assert_eq!(names(directory.path()), before);
    // The store goes on, and a log in memory can be copied to a file, too.
    append(&store, 2);
    let memory = SqliteStore::open_in_memory(Options::new()).unwrap();
    append(&memory, 7);
    memory.backup(directory.path().join("copy.db"), on).unwrap();
    let copy = SqliteStore::open(directory.path().join("copy.db"), Options::new().existing()).unwrap();
    assert!(read(&copy).iter().eq(read(&memory).iter()));
}

/// A copy of a store whose last fact rotted would be refused when it is needed.
#[test]
fn a_copy_that_would_not_open_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop.db");
    let store = SqliteStore::open(&path, Options::new()).unwrap();
    append(&store, 1);
    let raw = rusqlite::Connection::open(&path).unwrap();
    raw.execute_batch("UPDATE head SET facts = 2").unwrap();
    let error = store.backup(directory.path().join("copy.db"), on).unwrap_err();
    assert!(matches!(error, BackupError::Store(StoreError::Damaged { .. })), "{error:?}");
    assert!(!directory.path().join("copy.db").exists() && !directory.path().join("copy.db-part").exists());
}
