//! The built command line, as people and programs use it: bytes in, bytes and exit code out.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, outside the test functions"
)]

mod answers;
mod backup;
mod churn;
mod chinese;
#[path = "../../../tenure-ingest/tests/hostile/corpus.rs"]
mod corpus;
mod demo;
mod doctor;
mod erase;
mod forecast;
mod hostile;
mod import;
mod page;
mod real_files;
mod simulate;
mod policies;
mod quality;
mod query;
mod rebuild;
mod stores;
mod survival;
mod value;
mod wrong;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory of its own to work in.
struct Place(TempDir);

/// What a run ended with.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place with the demo's store in `cdnow.db`.
    fn with_cdnow() -> Self {
        let place = Self::new();
        place.ok(["demo", "--store", "cdnow.db", "--quiet"]);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of all files, sorted.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenure"));
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        let output = self.command(args).output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs what has to go well, and gives its stdout.
    fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.out
    }

    /// Runs a line of words without quotes that has to go well.
    fn line(&self, line: &str) -> String {
        self.ok(line.split_whitespace())
    }

    /// The same for a line that answers JSON.
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.line(&format!("{line} --format json"))).unwrap()
    }
}

/// An order as an interchange line, with its line end.
fn order(customer: &str, at: &str, minor: i64) -> String {
    format!(
        "{{\"customer\":\"{customer}\",\"occurred_at\":\"{at}\",\"kind\":\"order_placed\",\"subject\":\"o\",\
         \"amount\":{{\"minor\":{minor},\"currency\":\"USD\"}}}}\n"
    )
}

/// A store of three facts in `s.db`.
fn three(place: &Place) {
    let rows: String = ["first", "second", "third"]
        .iter()
        .map(|subject| {
            order("ann", "2024-01-05T00:00:00Z", 100).replace("\"o\"", &format!("\"the-{subject}-order\""))
        })
        .collect();
    place.write("a.jsonl", rows);
    place.line("import a.jsonl --store s.db");
}

/// The digest of all views.
fn digest(place: &Place, source: &str) -> String {
    place.json(&format!("replay {source}"))["answer"]["digest"].as_str().unwrap().to_owned()
}
