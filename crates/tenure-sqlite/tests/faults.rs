//! Kills, errors of the disk, power loss and rot, with `tenure_testkit::fault`.
//!
//! The short form runs with all other tests. The long form, and another seed:
//!
//! ```console
//! $ TENURE_FAULTS=long cargo test --release -p tenure-sqlite --test faults -- --nocapture
//! $ TENURE_FAULTS_SEED=42 cargo test -p tenure-sqlite --test faults
//! ```
//! A failure names its seed and its case; the same seed shows it again.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside the test functions"
)]

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use tenure_core::log::Append;
use tenure_sqlite::{Durability, Options, SqliteStore};
use tenure_store::{EventStore, StoreError};
use tenure_testkit::conformance::Failure;
use tenure_testkit::fault::{
    self, Asked, Chance, Child, Damage, Damaged, Disk, Fault, Kill, Lost, Operation, Seen, Shim, Subject,
    Told, Trace, What, Workload,
};

const FILE: &str = "shop.db";
const PAGE: u64 = 4096;

/// How much is done: the short form in every run of the tests, the long one by command.
fn scaled(short: u64, long: u64) -> u64 {
    if env::var("TENURE_FAULTS").is_ok_and(|form| form == "long") { long } else { short }
}

fn seed() -> u64 {
    env::var("TENURE_FAULTS_SEED").map_or(1, |seed| seed.parse().unwrap())
}

/// A directory in memory where there is one: to whom is killed, what a sync costs is the same as what it does.
fn room() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

struct Sqlite(Durability);

const FULL: Sqlite = Sqlite(Durability::Full);
const FAST: Sqlite = Sqlite(Durability::MayLoseLastCommitsOnPowerLoss);

impl Subject for Sqlite {
    type Store = SqliteStore;

    fn open(&self, directory: &Path) -> Result<SqliteStore, StoreError> {
        let options = Options::new().durability(self.0).lock_timeout(Duration::from_secs(2));
        SqliteStore::open(directory.join(FILE), options)
    }

    fn verify(&self, store: &SqliteStore) -> Result<(), Failure> {
        Ok(store.verify(|_, _| ControlFlow::Continue(())).map(drop)?)
    }

    /// A checkpoint by another connection, as another process makes one; every other time the log begins anew.
    fn tidy(&self, directory: &Path) -> Result<(), Failure> {
        let path = directory.join(FILE);
        let anew = (fs::metadata(&path)?.len() / PAGE).is_multiple_of(2);
        let kind = if anew { "RESTART" } else { "PASSIVE" };
        let work = || {
            let raw = Connection::open(&path)?;
            raw.query_row(&format!("PRAGMA wal_checkpoint({kind})"), (), |_| Ok(()))
        };
        work().map_err(|error: rusqlite::Error| format!("{}: {error}", path.display()).into())
    }

    fn is_volatile(&self, file: &Path) -> bool {
        file.to_string_lossy().ends_with("-shm")
    }
}

#[test]
fn child() -> Result<(), Failure> {
    Asked::by_the_parent()?.map_or(Ok(()), |asked| asked.run(&FULL))
}

#[test]
fn child_that_may_lose() -> Result<(), Failure> {
    Asked::by_the_parent()?.map_or(Ok(()), |asked| asked.run(&FAST))
}

/// Checks a store and leaves what is needed to look at it where it fails.
fn held(case: &str, directory: TempDir, workload: &Workload, told: &Told) -> u64 {
    match fault::check(&FULL, directory.path(), workload, told) {
        Ok(checked) => checked.batches,
        Err(error) => panic!("{case}: {error}\nkept in {}\n{told:#?}", directory.keep().display()),
    }
}

#[test]
fn what_was_acknowledged_survives_random_kills() {
    let (mut killed, mut batches) = (0, 0);
    for n in 0..scaled(40, 1_000) {
        let directory = room();
        let workload = Workload::new(seed() + n, 60);
        let mut told = Told::default();
        // The second child goes on with what the first one left.
        for life in 0..2 {
            let child = Child::again("child", directory.path(), &workload).unwrap();
            let run = child.run(Some(&Kill::at_random(2 * (seed() + n) + life, 30))).unwrap();
            killed += u64::from(!run.status.success());
            told.join(run.told);
        }
        batches += held(&format!("kill {n} of seed {}", seed()), directory, &workload, &told);
    }
    eprintln!("{killed} kills at random, {batches} batches kept");
    assert!(killed >= scaled(60, 1_900), "{killed}");
}

/// The shim, or why there is none. Where there can be one there is a compiler, too: SQLite was compiled by it.
fn shim(into: &Path) -> Option<Shim> {
    let can_be = cfg!(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"));
    match Shim::build(into) {
        Ok(shim) => Some(shim),
        Err(why) if can_be => panic!("{why}"),
        Err(why) => {
            eprintln!("skipped: {why}");
            None
        }
    }
}

/// A run under a trace, to its end.
fn traced(shim: &Shim, test: &str, directory: &Path, workload: &Workload) -> Trace {
    let place = room();
    let path = place.path().join("trace");
    let mut child = Child::again(test, directory, workload).unwrap();
    shim.arm(&mut child.command, directory, None).unwrap();
    Shim::trace(&mut child.command, &path);
    let run = child.run(None).unwrap();
    assert!(run.told.ended && run.told.refused.is_empty(), "{run:?}");
    Trace::read(&path).unwrap()
}

#[test]
fn what_was_acknowledged_survives_a_fault_at_any_operation() {
    let tools = room();
    let Some(shim) = shim(tools.path()) else { return };
    let workload = Workload::new(seed(), scaled(20, 50));
    let place = room();
    let trace = traced(&shim, "child", place.path(), &workload);
    let each = scaled(14, u64::MAX);
    for (what, onward) in [
        (What::KillBefore, false),
        (What::KillAfter, false),
        (What::KillWithin, false),
        (What::InputOutput, false),
        (What::InputOutput, true),
        (What::NoSpace, false),
        (What::NoSpace, true),
        (What::NoSpaceWithin, true),
    ] {
        let operations = trace.operations(what.operations());
        let stride = (operations / each).max(1);
        let first = 1 + Chance::of(seed(), what as u64, "fault stride").below(stride);
        let (mut faults, mut refused, mut batches) = (0, 0, 0);
        for at in (first..=operations).step_by(usize::try_from(stride).unwrap()) {
            let fault = Fault { at, what, onward };
            let directory = room();
            let mut child = Child::again("child", directory.path(), &workload).unwrap();
            shim.arm(&mut child.command, directory.path(), Some(&fault)).unwrap();
            let run = child.run(None).unwrap();
            faults += u64::from(!run.told.ended || !run.told.refused.is_empty());
            refused += run.told.refused.len();
            batches += held(&format!("{fault}, seed {}", seed()), directory, &workload, &run.told);
        }
        let onward = if onward { " and onward" } else { "" };
        eprintln!(
            "{what:?}{onward}: every {stride}. of {operations} operations, {faults} faults felt, {refused} refusals, \
             {batches} batches kept"
        );
        assert!(faults > 0);
    }
}

/// Images of the disk as it may be when the power goes at random moments of a run. Gives how many images lost what was
/// acknowledged.
fn power_losses(subject: &Sqlite, test: &str, images: u64) -> (u64, u64) {
    let tools = room();
    let Some(shim) = shim(tools.path()) else { return (0, 0) };
    let (mut made, mut lost) = (0, 0);
    for round in 0..images.div_ceil(30) {
        let place = room();
        let root = fs::canonicalize(place.path()).unwrap();
        let workload = Workload::new(seed() + round, 25);
        let trace = traced(&shim, test, &root, &workload);
        let mut chance = Chance::of(seed(), round, "fault cuts");
        let all = trace.records.len() as u64;
        // A fifth of them while the store is being made.
        let mut cuts: Vec<u64> = (0..30).map(|n| chance.below(if n % 5 == 0 { 80 } else { all })).collect();
        cuts.sort_unstable();
        let mut disk = Disk::default();
        let mut done = 0;
        for cut in cuts {
            let upto = usize::try_from(cut).unwrap();
            trace.records[done..upto].iter().for_each(|record| disk.apply(record));
            done = upto;
            let directory = room();
            let mut chance = Chance::of(seed() + round, cut, "fault image");
            disk.image(&mut chance, &root, |file| subject.is_volatile(file), directory.path()).unwrap();
            made += 1;
            let told = disk.told();
            if let Err(error) = fault::check(subject, directory.path(), &workload, &told) {
                if error.is::<Lost>() {
                    lost += 1;
                } else {
                    let kept = directory.keep();
                    panic!(
                        "power loss at {cut}, seed {}: {error}\nkept in {}",
                        seed() + round,
                        kept.display()
                    );
                }
            }
        }
    }
    (made, lost)
}

#[test]
fn what_was_acknowledged_survives_a_power_loss() {
    let (made, lost) = power_losses(&FULL, "child", scaled(60, 500));
    eprintln!("{made} images of a power loss, {lost} of them lost what was acknowledged");
    assert_eq!(lost, 0);
}

/// A sync fails once, the child opens the store again and goes on, and then the power goes. What the failed sync left out
/// of the disk is still in the memory of the system, where the child reads it: nothing may be built on that.
#[test]
fn what_is_acknowledged_after_a_failed_sync_survives_a_power_loss() {
    let tools = room();
    let Some(shim) = shim(tools.path()) else { return };
    let workload = Workload::new(seed(), 12);
    let syncs = traced(&shim, "child", room().path(), &workload).operations(What::FailedSync.operations());
    let stride = (syncs / scaled(12, u64::MAX)).max(1);
    let first = 1 + Chance::of(seed(), 0, "fault syncs").below(stride);
    let mut made = 0;
    for at in (first..=syncs).step_by(usize::try_from(stride).unwrap()) {
        let place = room();
        let root = fs::canonicalize(place.path()).unwrap();
        let path = tools.path().join(format!("trace {at}"));
        let mut child = Child::again("child", &root, &workload).unwrap();
        shim.arm(&mut child.command, &root, Some(&Fault { at, what: What::FailedSync, onward: false }))
            .unwrap();
        Shim::trace(&mut child.command, &path);
        child.run(None).unwrap();
        let trace = Trace::read(&path).unwrap();
        let failed = trace.records.iter().position(|record| record.operation == Operation::SyncFailed);
        let mut disk = Disk::default();
        for (n, record) in trace.records.iter().enumerate() {
            disk.apply(record);
            let acknowledged =
                matches!(&record.operation, Operation::Say { text } if text.starts_with("ACK"));
            if acknowledged && failed.is_some_and(|failed| n > failed) {
                let directory = room();
                let mut chance = Chance::of(seed() + at, n as u64, "fault image");
                disk.image(&mut chance, &root, |file| FULL.is_volatile(file), directory.path()).unwrap();
                held(&format!("sync {at} failed, power loss at {n}"), directory, &workload, &disk.told());
                made += 1;
            }
        }
    }
    eprintln!(
        "{made} images of a power loss after one of {syncs} syncs failed, none lost what was acknowledged"
    );
    assert!(made > syncs / stride);
}

/// Shows that the images see what they are for, and that the name of the option says what it does: last commits may be
/// lost, and nothing else goes wrong.
#[test]
fn the_fast_mode_loses_commits_with_the_power() {
    let (made, lost) = power_losses(&FAST, "child_that_may_lose", scaled(30, 120));
    eprintln!("{made} images of a power loss in the fast mode, {lost} of them lost what was acknowledged");
    assert!(made == 0 || lost > made / 10, "{lost} of {made}");
}

/// Shows that the checks see a store that acknowledges too early.
#[test]
fn a_lying_acknowledgement_is_caught() {
    let tools = room();
    let Some(shim) = shim(tools.path()) else { return };
    let workload = Workload { lies: true, ..Workload::new(seed(), 6) };
    let place = room();
    let operations = traced(&shim, "child", place.path(), &workload).operations("WTSDCURL");
    let mut caught = 0;
    for at in 1..=operations {
        let directory = room();
        let mut child = Child::again("child", directory.path(), &workload).unwrap();
        let fault = Fault { at, what: What::KillBefore, onward: false };
        shim.arm(&mut child.command, directory.path(), Some(&fault)).unwrap();
        let run = child.run(None).unwrap();
        let checked = fault::check(&FULL, directory.path(), &workload, &run.told);
        caught += u64::from(checked.is_err_and(|error| error.is::<Lost>()));
    }
    eprintln!("{caught} of {operations} kills caught a lie");
    assert!(caught > operations / 4, "{caught} of {operations}");
}

/// A disk that lies about syncs loses commits, and the images see that too.
#[test]
fn a_lying_disk_is_seen() {
    let tools = room();
    let Some(shim) = shim(tools.path()) else { return };
    let place = room();
    let root = fs::canonicalize(place.path()).unwrap();
    let workload = Workload { reopen_every: 0, tidy_every: 0, ..Workload::new(seed(), 12) };
    let path = tools.path().join("trace");
    let mut child = Child::again("child", &root, &workload).unwrap();
    // Past the syncs of a new store all others lie.
    shim.arm(&mut child.command, &root, Some(&Fault { at: 12, what: What::LyingSync, onward: true }))
        .unwrap();
    Shim::trace(&mut child.command, &path);
    assert!(child.run(None).unwrap().told.ended);
    let trace = Trace::read(&path).unwrap();
    let said = trace
        .records
        .iter()
        .rposition(|record| matches!(&record.operation, Operation::Say { text } if text.contains("ACK")));
    let mut disk = Disk::default();
    trace.records[..=said.unwrap()].iter().for_each(|record| disk.apply(record));
    let mut lost = 0;
    for n in 0..20 {
        let directory = room();
        let mut chance = Chance::of(seed(), n, "fault lying disk");
        disk.image(&mut chance, &root, |file| FULL.is_volatile(file), directory.path()).unwrap();
        lost += u64::from(fault::check(&FULL, directory.path(), &workload, &disk.told()).is_err());
    }
    eprintln!("{lost} of 20 images of a lying disk lost what was acknowledged");
    assert!(lost > 0);
}

const NOTE: (&str, &str) = ("import shop", "{\"format\":\"csv\",\"time_format\":\"%F\"}");
const BATCHES: u64 = 40;

/// A store as its files are when it is closed, or while it is in use, with an older state of the same files.
fn whole_store(workload: &Workload, in_use: bool) -> (TempDir, TempDir) {
    let (directory, files, older) = (room(), room(), room());
    let copy = |to: &Path| {
        for file in fs::read_dir(directory.path()).unwrap().map(Result::unwrap) {
            if !FULL.is_volatile(&file.path()) {
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    };
    let append = |store: &SqliteStore, batches: std::ops::Range<u64>| {
        for n in batches {
            pollster::block_on(store.append(Append::new(workload.batch(n).unwrap()))).unwrap();
        }
    };
    let mut store = FULL.open(directory.path()).unwrap();
    append(&store, 0..BATCHES / 2);
    pollster::block_on(store.put_note(NOTE.0, None, NOTE.1)).unwrap();
    if in_use {
        // What stands in the main file, too.
        drop(store);
        store = FULL.open(directory.path()).unwrap();
        append(&store, BATCHES / 2..BATCHES - 6);
        copy(older.path());
        append(&store, BATCHES - 6..BATCHES);
        copy(files.path());
    } else {
        drop(store);
        copy(older.path());
        let store = FULL.open(directory.path()).unwrap();
        append(&store, BATCHES / 2..BATCHES);
        drop(store);
        copy(files.path());
    }
    (files, older)
}

#[test]
fn damage_is_never_silently_wrong() {
    let workload = Workload::new(seed(), BATCHES);
    let facts = workload.facts(BATCHES).unwrap();
    let mut bad = Vec::new();
    for in_use in [false, true] {
        let (whole, older) = whole_store(&workload, in_use);
        let mut files: Vec<(PathBuf, u64)> = fs::read_dir(whole.path())
            .unwrap()
            .map(Result::unwrap)
            .map(|file| (file.file_name().into(), file.metadata().unwrap().len()))
            .collect();
        files.sort();
        let untouched = copy_of(whole.path());
        assert_eq!(fault::examine(&FULL, untouched.path(), &facts, NOTE).unwrap(), Seen::Right);
        for (file, length) in files {
            let cases = scaled(100, 670);
            let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
            for n in 0..cases {
                let damaged = Damaged::draw(seed(), (n, cases), (&file, length), PAGE);
                if !in_use && matches!(damaged.damage, Damage::Older | Damage::Missing) {
                    // A store that was closed is one file: an older one is a backup, and none is no store.
                    continue;
                }
                let directory = copy_of(whole.path());
                damaged.apply(seed(), directory.path(), older.path()).unwrap();
                let before = contents(directory.path());
                let opens = FULL.open(directory.path()).map(drop);
                if opens.is_err() && contents(directory.path()) != before {
                    bad.push(format!("in use: {in_use}, {damaged}: refused and changed: {opens:?}"));
                }
                let directory = copy_of(whole.path());
                damaged.apply(seed(), directory.path(), older.path()).unwrap();
                let what = match fault::examine(&FULL, directory.path(), &facts, NOTE) {
                    Ok(Seen::Right) => "right",
                    Ok(Seen::Reported(_)) => "right and reported",
                    Ok(Seen::Found(_)) => "found by verify",
                    Ok(Seen::Refused(_)) => "refused",
                    Err(error) => {
                        bad.push(format!("in use: {in_use}, case {n} of {cases}, {damaged}: {error}"));
                        "BAD"
                    }
                };
                *seen.entry(what).or_default() += 1;
            }
            eprintln!("{} (in use: {in_use}): {cases} damages: {seen:?}", file.display());
        }
    }
    assert!(bad.is_empty(), "seed {}: {} bad\n{}", seed(), bad.len(), bad.join("\n"));
}

/// What stands in the files of a store.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path());
    let files =
        files.filter(|file| !FULL.is_volatile(file)).map(|file| (file.clone(), fs::read(file).unwrap()));
    // Looking at a store makes an empty log, which says nothing.
    files.filter(|(_, bytes)| !bytes.is_empty()).collect()
}

fn copy_of(whole: &Path) -> TempDir {
    let directory = room();
    for file in fs::read_dir(whole).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
    }
    directory
}
