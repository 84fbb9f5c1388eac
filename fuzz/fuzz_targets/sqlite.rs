//! A SQLite store with bytes changed anywhere in its file, or in the log beside it: read back right, refused or reported,
//! and never a panic and never silently wrong. The model is the list of facts that were appended.
//!
//! The input is edits: a byte for the file and how the byte changes, three for the place.
#![no_main]

use core::ops::ControlFlow;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tenure_core::Event;
use tenure_core::log::Append;
use tenure_sqlite::{Options, SqliteStore};
use tenure_store::{EventStore, StoreError};
use tenure_testkit::Failure;
use tenure_testkit::fault::{Subject, Workload, examine};

const NOTE: (&str, &str) = ("note", "value");
const FILES: [&str; 3] = ["shop.db", "shop.db-wal", "shop.db-head"];

struct Sqlite;

impl Subject for Sqlite {
    type Store = SqliteStore;

    fn open(&self, directory: &Path) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(directory.join(FILES[0]), Options::new())
    }

    fn verify(&self, store: &SqliteStore) -> Result<(), Failure> {
        Ok(store.verify(|_, _| ControlFlow::Continue(())).map(drop)?)
    }
}

/// The files of a store that is in use, and what is in it.
static WHOLE: LazyLock<([Vec<u8>; 3], Vec<Event>)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory");
    let workload = Workload::new(1, 12);
    let store = Sqlite.open(directory.path()).expect("a store");
    let append = |n| {
        let batch = workload.batch(n).expect("a batch");
        pollster::block_on(store.append(Append::new(batch))).expect("it is appended");
    };
    (0..12).for_each(append);
    pollster::block_on(store.put_note(NOTE.0, None, NOTE.1)).expect("a note");
    let files = FILES.map(|file| fs::read(directory.path().join(file)).expect("a file"));
    (files, workload.facts(12).expect("facts"))
});

fuzz_target!(|bytes: &[u8]| {
    let (mut files, facts) = WHOLE.clone();
    for edit in bytes.chunks_exact(5) {
        let file = &mut files[usize::from(edit[0]) % 3];
        let place = usize::from(edit[2]) << 16 | usize::from(edit[3]) << 8 | usize::from(edit[4]);
        let length = file.len();
        file[place % length] ^= edit[1];
    }
    let directory = tempfile::tempdir().expect("a directory");
    for (file, content) in FILES.iter().zip(files) {
        fs::write(directory.path().join(file), content).expect("it is written");
    }
    if let Err(error) = examine(&Sqlite, directory.path(), &facts, NOTE) {
        panic!("{error}");
    }
});
