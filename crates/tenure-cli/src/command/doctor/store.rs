//! A store: whether it opens, how it is kept, whether it is whole, and whether there is room for more.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{BinaryBytes, HumanCount};
use serde_json::json;
use tenure::sqlite::{Durability, Health, Options, SqliteStore};
use tenure::store::{Clock, StoreError, SystemClock};

use super::{Line, Mark, Part};
use crate::command::{Talk, verify};
use crate::error::chain;
use crate::lang::{Words, fill};
use crate::table::day_or_instant;

/// How long the doctor waits for a store that another program holds: to say so is its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A write-ahead log that is longer was not copied into the file for a long time: it is copied every 16 MB, and 64 MiB
/// of it are kept.
const LONG_LOG: u64 = 128 << 20;

/// With less room on the disk the next import may fail: the write-ahead log alone may take as much.
const LEAST_ROOM: u64 = 64 << 20;

/// Everything about a store.
pub fn look(path: &Path, chain: bool, talk: Talk, w: &Words) -> Vec<Line> {
    let mut lines = Vec::new();
    match open(path, w) {
        Ok((store, file)) => {
            lines.push(file);
            match store.health() {
                Ok(health) => lines.extend(settings(&health, chain, w)),
                Err(error) => lines.push(refused("integrity", w.doctor_integrity, path, &error, w)),
            }
            if chain {
                lines.push(checksums(&store, talk, w));
            }
        }
        Err(line) => lines.push(*line),
    }
    if path.is_file() {
        lines.extend(room(path, w));
    }
    lines
}

fn line(check: &'static str, label: &'static str, says: String, values: serde_json::Value) -> Line {
    Line::new(Part::Store, (check, label), says, values)
}

fn open(path: &Path, w: &Words) -> Result<(SqliteStore, Line), Box<Line>> {
    let name = path.display().to_string();
    let values = json!({"file": name});
    let wrong = |phrase: &str, advice: &str| {
        let says = fill(phrase, &[&name]);
        Err(Box::new(line("file", w.doctor_file, says, values.clone()).but(Mark::Wrong, advice)))
    };
    if path.is_dir() {
        return wrong(w.doctor_is_directory, w.doctor_name_file);
    }
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => return wrong(w.doctor_no_file, w.doctor_make_store),
        Err(error) => {
            let what = error.to_string().into();
            let error = StoreError::Unreachable { location: path.into(), what };
            return Err(Box::new(refused("file", w.doctor_file, path, &error, w)));
        }
    }
    match SqliteStore::open(path, Options::new().existing().lock_timeout(PATIENCE)) {
        Ok(store) => Ok((store, line("file", w.doctor_file, fill(w.doctor_is_store, &[&name]), values))),
        Err(error) => Err(Box::new(refused("file", w.doctor_file, path, &error, w))),
    }
}

/// What a store's error says, and what to do about it. What SQLite or the system says is quoted as it is.
fn refused(check: &'static str, label: &'static str, path: &Path, error: &StoreError, w: &Words) -> Line {
    let name = path.display();
    let (says, advice) = match error {
        StoreError::NotAStore { what, .. } => {
            (fill(w.doctor_not_a_store, &[&name, what]), w.doctor_name_store)
        }
        StoreError::Format { format, known, .. } => {
            (fill(w.doctor_other_format, &[&name, format, known]), w.doctor_other_build)
        }
        StoreError::Damaged { what, .. } => (fill(w.doctor_damaged, &[&name, what]), w.doctor_restore),
        StoreError::Locked { .. } => (fill(w.doctor_locked, &[&name]), w.doctor_wait),
        StoreError::Unreachable { what, .. } => {
            (fill(w.doctor_unreachable, &[&name, what]), w.doctor_permissions)
        }
        StoreError::Unsafe { what, .. } => (fill(w.doctor_unsafe, &[&name, what]), w.doctor_local_disk),
        other => (fill(w.doctor_failed, &[&name, &chain(other)]), w.doctor_restore),
    };
    line(check, label, says, json!({"file": name.to_string()})).but(Mark::Wrong, advice)
}

/// How the file is kept, and what SQLite finds in it.
fn settings(health: &Health, chain: bool, w: &Words) -> Vec<Line> {
    let mut lines = Vec::new();
    let values = json!({"facts": health.facts, "last_recorded_at": health.last_recorded_at});
    let count = HumanCount(health.facts);
    let says = match health.last_recorded_at {
        Some(at) => fill(w.doctor_facts_are, &[&count, &day_or_instant(at)]),
        None => w.doctor_no_facts.to_owned(),
    };
    let facts = line("facts", w.doctor_facts, says, values);
    let ahead = health.last_recorded_at.is_some_and(|at| at > SystemClock.now());
    lines.push(if ahead { facts.but(Mark::Look, w.doctor_set_clock) } else { facts });

    let (durability, phrase) = match health.durability {
        Durability::Full => ("full", w.doctor_durability_full),
        _ => ("may_lose_last_commits_on_power_loss", w.doctor_durability_less),
    };
    let values = json!({
        "format": health.format, "journal_mode": health.journal_mode, "durability": durability,
        "page_size": health.page_size, "pages": health.pages, "free_pages": health.free_pages,
    });
    let (pages, free) = (HumanCount(health.pages), HumanCount(health.free_pages));
    let (journal, size) = (&health.journal_mode, HumanCount(health.page_size));
    let says = fill(w.doctor_settings_are, &[&health.format, journal, &phrase, &pages, &size, &free]);
    lines.push(line("settings", w.doctor_settings, says, values));

    let values = json!({"damage": health.damage});
    lines.push(if health.damage.is_empty() {
        let says = if chain { w.doctor_whole } else { w.doctor_pages_whole };
        line("integrity", w.doctor_integrity, says.to_owned(), values)
    } else {
        let says = fill(w.doctor_pages_damaged, &[&health.damage.join("\n")]);
        line("integrity", w.doctor_integrity, says, values).but(Mark::Wrong, w.doctor_restore)
    });
    lines
}

/// Every fact, against its checksums and the chain.
fn checksums(store: &SqliteStore, talk: Talk, w: &Words) -> Line {
    match verify::follow(store, talk) {
        Ok(verified) => {
            let hash = verified.head_hash.to_string();
            let says =
                fill(w.doctor_chain_whole, &[&HumanCount(verified.facts), &hash.get(..12).unwrap_or(&hash)]);
            line("checksums", w.doctor_checksums, says, json!({"facts": verified.facts, "head_hash": hash}))
        }
        Err(finding) => {
            let what = chain(&finding);
            let position = verify::bad_position(&finding).map(|position| position.0);
            let values = json!({"bad_position": position, "finding": what});
            line("checksums", w.doctor_checksums, fill(w.doctor_chain_broken, &[&what]), values)
                .but(Mark::Wrong, w.doctor_restore)
        }
    }
}

/// How large the files are and how much room there is.
fn room(path: &Path, w: &Words) -> Vec<Line> {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let (main, log) = (bytes(path), bytes(&PathBuf::from(log)));
    let says = fill(w.doctor_size_is, &[&BinaryBytes(main), &BinaryBytes(log)]);
    let size = line("size", w.doctor_size, says, json!({"main_bytes": main, "wal_bytes": log}));
    let size = if log > LONG_LOG { size.but(Mark::Look, w.doctor_long_log) } else { size };
    vec![size, disk(fs4::statvfs(path).map(|disk| (disk.available_space(), disk.total_space())), main, w)]
}

fn disk(space: std::io::Result<(u64, u64)>, main: u64, w: &Words) -> Line {
    let (free, all) = match space {
        Ok(space) => space,
        Err(error) => {
            let says = fill(w.doctor_disk_unknown, &[&error]);
            return line("disk", w.doctor_disk, says, json!({})).but(Mark::Look, w.doctor_look_at_disk);
        }
    };
    let values = json!({"free_bytes": free, "all_bytes": all});
    let says = fill(w.doctor_disk_is, &[&BinaryBytes(free), &BinaryBytes(all)]);
    let line = line("disk", w.doctor_disk, says, values);
    if free < LEAST_ROOM {
        line.but(Mark::Wrong, w.doctor_make_room)
    } else if free < main {
        line.but(Mark::Look, w.doctor_no_copy)
    } else {
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_disk_is_full_before_the_next_import_and_short_before_the_next_copy() {
        let w = Lang::En.words();
        let mark = |free, main| disk(Ok((free, 1 << 40)), main, w).mark;
        assert_eq!(mark(64 * MIB - 1, MIB), Mark::Wrong);
        assert_eq!(mark(64 * MIB, MIB), Mark::Ok);
        assert_eq!(mark(300 * MIB, 300 * MIB), Mark::Ok);
        assert_eq!(mark(300 * MIB, 300 * MIB + 1), Mark::Look);
        assert_eq!(disk(Err(std::io::Error::other("no")), 0, w).mark, Mark::Look);
    }
}
