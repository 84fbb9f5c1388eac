//! Keeping the write-ahead log short although somebody always reads.
//!
//! SQLite begins the log anew when all of it was copied into the file and nobody reads from it. With readers that come one
//! over the other there is never such a moment, and the log grows without end, though each of them is short (as ours
//! are: a page each). So a writer whose log got long stops for a moment: all is copied, new readers need the log no more,
//! and the old ones are waited for. A reader that never ends cannot be waited for; then the log grows, is tried again
//! only when it got longer by as much again, and [`Health`](crate::Health) tells its length.
//!
//! How far it goes before it is copied is a matter of what is written. Where it grows, each commit waits for the file's
//! new length too, and takes up to twice as long as where it is written over. So it is short while commits are small. A large
//! commit writes many pages and the next one most of them again, and waits for the disk seldom: then it is longer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::open::beside;

/// Pages of the log after which it is copied into the file while commits are small (4 MB).
pub(crate) const PAGES: i64 = 1_000;

/// The same while they are large (16 MB).
const PAGES_OF_LARGE: i64 = 4_000;

/// Facts and entries from which on a commit is large.
const LARGE: usize = 64;

/// A log of so many bytes is long: half as much again as what is kept of one.
const LONG: u64 = 96 << 20;

/// How long readers are waited for. Appends wait as long, once in 96 MiB.
const PATIENCE: Duration = Duration::from_millis(500);

/// Watches the write-ahead log of one file.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    log: PathBuf,
    long: u64,
    /// At which length the log is to begin anew.
    next: u64,
    /// After how many pages it is copied.
    pages: i64,
    lock_timeout: Duration,
}

impl Checkpoints {
    /// For the store at a path, whose calls wait so long for a lock.
    pub(crate) fn of(path: &Path, lock_timeout: Duration) -> Self {
        Self { log: beside(path, "-wal"), long: LONG, next: LONG, pages: PAGES, lock_timeout }
    }

    /// Sets how far the log goes before it is copied, ahead of a commit of so many facts and entries.
    pub(crate) fn expect(&mut self, connection: &Connection, size: usize) -> rusqlite::Result<()> {
        let pages = if size < LARGE { PAGES } else { PAGES_OF_LARGE };
        if pages != self.pages {
            connection.pragma_update(None, "wal_autocheckpoint", pages)?;
            self.pages = pages;
        }
        Ok(())
    }

    /// Looks after the log, between two transactions.
    pub(crate) fn tend(&mut self, connection: &Connection) {
        let length = fs::metadata(&self.log).map_or(0, |log| log.len());
        if length < self.next {
            return;
        }
        let _ = connection.busy_timeout(PATIENCE);
        let busy = connection.query_row("PRAGMA wal_checkpoint(RESTART)", (), |row| row.get::<_, i64>(0));
        let _ = connection.busy_timeout(self.lock_timeout);
        // What failed is tried again by the next commit's own checkpoint; nothing is lost by it.
        self.next = if busy == Ok(0) { self.long } else { length.saturating_add(self.long) };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::open;
    use crate::options::Options;

    const STOP: u8 = 2;

    /// Writes 4,000 times while two readers of ten milliseconds each overlap, and gives the greatest length of the log.
    fn longest(path: &Path, checkpoints: &mut Checkpoints) -> u64 {
        let writer = open::file(path, &Options::new()).unwrap().connection;
        writer.pragma_update(None, "wal_autocheckpoint", 8).unwrap();
        writer.pragma_update(None, "journal_size_limit", 0).unwrap();
        writer.pragma_update(None, "synchronous", "OFF").unwrap();
        let turn = AtomicU8::new(1);
        thread::scope(|scope| {
            for me in 0..2 {
                let turn = &turn;
                scope.spawn(move || {
                    let reader = Connection::open(path).unwrap();
                    reader.busy_timeout(Duration::from_secs(5)).unwrap();
                    while turn.load(Ordering::SeqCst) != STOP {
                        let begun = Instant::now();
                        reader.execute_batch("BEGIN").unwrap();
                        let _: i64 =
                            reader.query_row("SELECT count(*) FROM meta", (), |row| row.get(0)).unwrap();
                        // Only when the other one reads as well, this one ends.
                        let _ = turn.compare_exchange(1 - me, me, Ordering::SeqCst, Ordering::SeqCst);
                        while turn.load(Ordering::SeqCst) == me || begun.elapsed() < Duration::from_millis(10)
                        {
                            thread::yield_now();
                        }
                        reader.execute_batch("COMMIT").unwrap();
                    }
                });
            }
            let mut longest = 0;
            for n in 0..4_000 {
                writer.execute("INSERT OR REPLACE INTO meta VALUES ('n', ?1)", [n]).unwrap();
                checkpoints.tend(&writer);
                longest = longest.max(fs::metadata(&checkpoints.log).unwrap().len());
            }
            turn.store(STOP, Ordering::SeqCst);
            longest
        })
    }

    #[test]
    fn readers_that_overlap_do_not_let_the_log_grow_without_end() {
        let directory = tempfile::tempdir().unwrap();
        let (tended, untended) = (directory.path().join("a.db"), directory.path().join("b.db"));
        let checkpoints = |path: &Path, long| {
            let mut checkpoints =
                Checkpoints { long, next: long, ..Checkpoints::of(path, Duration::from_secs(5)) };
            longest(path, &mut checkpoints)
        };
        let long = 200 << 10;
        // A page a commit.
        let without = checkpoints(&untended, u64::MAX);
        assert!(without > 10 * long, "readers that do not overlap prove nothing: {without}");
        let with = checkpoints(&tended, long);
        // On a busy machine a reader may outlast the patience now and then.
        assert!(with < 5 * long, "{with}");
    }

    /// The log of small commits begins anew sooner than that of large ones.
    #[test]
    fn the_log_is_short_while_commits_are_small() {
        let directory = tempfile::tempdir().unwrap();
        let longest = |size: usize| {
            let path = directory.path().join(format!("{size}.db"));
            let writer = open::file(&path, &Options::new()).unwrap().connection;
            writer.pragma_update(None, "synchronous", "OFF").unwrap();
            let mut checkpoints = Checkpoints::of(&path, Duration::from_secs(5));
            // A page a commit.
            for n in 0..2 * PAGES {
                checkpoints.expect(&writer, size).unwrap();
                writer.execute("INSERT OR REPLACE INTO meta VALUES ('n', ?1)", [n]).unwrap();
            }
            fs::metadata(&checkpoints.log).unwrap().len()
        };
        let page = 4_096 + 24;
        let (small, large) = (longest(LARGE - 1), longest(LARGE));
        assert!(small < page * (PAGES.unsigned_abs() + 100), "{small}");
        assert!(large > page * (2 * PAGES.unsigned_abs() - 100), "{large}");
    }

    #[test]
    fn a_reader_that_never_ends_is_tried_seldom_and_stops_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let writer = open::file(&path, &Options::new()).unwrap().connection;
        let reader = Connection::open(&path).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM meta").unwrap();
        let _: i64 = reader.query_row("SELECT count(*) FROM meta", (), |row| row.get(0)).unwrap();
        let mut checkpoints =
            Checkpoints { long: 1, next: 1, ..Checkpoints::of(&path, Duration::from_secs(5)) };
        let write = |n: i64| writer.execute("INSERT OR REPLACE INTO meta VALUES ('a', ?1)", [n]).unwrap();
        write(1);
        let length = fs::metadata(&checkpoints.log).unwrap().len();
        checkpoints.tend(&writer);
        assert_eq!(checkpoints.next, length + 1);
        write(2);
        reader.execute_batch("COMMIT").unwrap();
        checkpoints.tend(&writer);
        assert_eq!(checkpoints.next, 1, "the log began anew");
        let timeout: i64 = writer.query_row("PRAGMA busy_timeout", (), |row| row.get(0)).unwrap();
        assert_eq!(timeout, 5_000);
    }
}
