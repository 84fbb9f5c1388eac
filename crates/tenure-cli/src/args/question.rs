//! What every question is about: where the facts are, and which of them count.

use std::path::PathBuf;

use clap::{ArgGroup, Args, value_parser};

use crate::answer::Format;

/// Where the facts are, and which of them count.
#[derive(Args, Debug, Clone)]
#[group(skip)]
#[command(group = ArgGroup::new("facts").required(true))]
pub struct Source {
    /// The store to read.
    #[arg(long, value_name = "FILE", group = "facts")]
    pub store: Option<PathBuf>,

    /// Read facts straight from a file of interchange JSON lines instead of a store (position = line number).
    #[arg(long, value_name = "FILE.jsonl", group = "facts")]
    pub events: Option<PathBuf>,

    /// Go on where the keys of personal data are not there, as beside a backup: what is sealed reads as missing.
    #[arg(long, requires = "store")]
    pub without_keys: bool,

    /// Namespace of plain customers, in --events and in customers named on the command line.
    #[arg(long, default_value = "default")]
    pub namespace: String,

    /// Only what was known by then: a position of the log, or an instant.
    #[arg(long, value_name = "POSITION|INSTANT")]
    pub known_at: Option<String>,

    /// Threads to fold on; the answer does not depend on it.
    #[arg(long, default_value_t = default_threads(), hide_default_value = true, value_parser = value_parser!(u32).range(1..=MOST_THREADS))]
    pub threads: u32,
}

/// More than any machine that this runs on has use for.
const MOST_THREADS: i64 = 256;

fn default_threads() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1).min(256))
}

/// A question: facts, policy, instant, format.
#[derive(Args, Debug, Clone)]
pub struct Question {
    /// Where the facts are.
    #[command(flatten)]
    pub source: Source,

    /// The instant to answer for: RFC 3339, or a date (then the last microsecond of that local day). Default: the
    /// log's latest fact.
    #[arg(long, value_name = "INSTANT|DATE")]
    pub as_of: Option<String>,

    /// A preset (retail, saas, b2b) or a TOML file.
    #[arg(long, default_value = "retail", value_name = "PRESET|FILE.toml")]
    pub policy: String,

    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}
