//! Commands about the facts themselves.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::Source;
use crate::answer::Format;

/// `tenure demo`
#[derive(Args, Debug)]
pub struct Demo {
    /// The store to keep the demo in.
    #[arg(long, default_value = "tenure-demo.db", value_name = "FILE")]
    pub store: PathBuf,
}

/// `tenure import`
#[derive(Args, Debug)]
pub struct Import {
    /// The file: .jsonl is interchange JSON, anything else is CSV and needs --map.
    pub file: PathBuf,

    /// The store to write; made if it does not exist.
    #[arg(long, value_name = "FILE", required_unless_present = "guess")]
    pub store: Option<PathBuf>,

    /// How columns become facts: a built-in mapping (cdnow, generic_orders, shopify_orders, uci_online_retail) or a
    /// TOML file; segment_jsonl: Segment messages, one a line; jsonl: interchange JSON, whatever the file's name.
    #[arg(long, value_name = "NAME|FILE.toml")]
    pub map: Option<String>,

    /// Namespace of plain customers of JSON lines.
    #[arg(long)]
    pub namespace: Option<String>,

    /// Key of this import, under which its rows get their ids and can be taken back. Default: the namespace.
    #[arg(long)]
    pub batch: Option<String>,

    /// Refuse the whole file for one bad row; then nothing is written.
    #[arg(long)]
    pub strict: bool,

    /// Read and report, write nothing.
    #[arg(long)]
    pub dry_run: bool,

    /// How long after they happened the facts were known, such as 1d, where that is not when they are imported.
    #[arg(long, value_name = "LAG")]
    pub backfill: Option<String>,

    /// An attribute of profiles that is no personal data, such as tier: it is kept readable, and stays when its customer
    /// is erased. May be given several times.
    #[arg(long, value_name = "ATTRIBUTE")]
    pub plain: Vec<String>,

    /// Where bad rows go; a file that does not exist yet. Default: FILE.quarantine.jsonl beside the store, with a
    /// number if there is one already.
    #[arg(long, value_name = "FILE")]
    pub quarantine: Option<PathBuf>,

    /// How to print the summary.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// How the characters of the file are written: utf8 or gb18030 (also gbk, gb2312). Default: as the mapping says.
    #[arg(long)]
    pub encoding: Option<String>,

    /// What stands between cells: one character, or tab. Default: as the mapping says.
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<String>,

    /// The zone of times without an offset, such as Asia/Shanghai. Default: as the mapping says.
    #[arg(long)]
    pub zone: Option<String>,

    /// Propose a mapping for the file, with comments, on stdout; nothing is imported.
    #[arg(long, conflicts_with_all = ["store", "map", "strict", "dry_run", "quarantine"])]
    pub guess: bool,
}

/// `tenure simulate`
#[derive(Args, Debug)]
pub struct Simulate {
    /// How many customers.
    #[arg(long, value_name = "N")]
    pub customers: u64,

    /// Decides everything that chance decides; equal seeds give equal facts.
    #[arg(long, value_name = "S")]
    pub seed: u64,

    /// When the first customer may come: RFC 3339, or a date (then its first instant, UTC).
    #[arg(long, value_name = "INSTANT|DATE", default_value = "2023-01-01")]
    pub start: String,

    /// Before when everything happens: RFC 3339, or a date (then its first instant, UTC).
    #[arg(long, value_name = "INSTANT|DATE", default_value = "2025-01-01")]
    pub end: String,

    /// The kinds of customers: retail, saas, b2b, or a mix of them.
    #[arg(long, value_name = "KIND|MIX", default_value = "retail=6,saas=3,b2b=1")]
    pub kind: String,

    /// The share of facts that arrive late, by hours to weeks.
    #[arg(long, value_name = "SHARE", default_value = "0.02")]
    pub late: String,

    /// The share of facts that arrive once more.
    #[arg(long, value_name = "SHARE", default_value = "0.01")]
    pub duplicates: String,

    /// The store to write; made if it does not exist. Without one the facts go to stdout.
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,

    /// Append facts one by one and print "TRY id" before and "ACK id" after each durable append.
    #[arg(long, requires = "store")]
    pub ack: bool,

    /// Write when each customer really came and left to this CSV file; a file that does not exist yet.
    #[arg(long, value_name = "FILE.csv")]
    pub truth: Option<PathBuf>,
}

/// `tenure log`
#[derive(Args, Debug)]
pub struct Log {
    /// Where the facts are.
    #[command(flatten)]
    pub source: Source,

    /// Only the ids, one a line.
    #[arg(long)]
    pub ids: bool,
}

/// `tenure void`
#[derive(Args, Debug)]
#[group(skip)]
#[command(group = ArgGroup::new("target").required(true))]
pub struct Void {
    /// The store to write.
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,

    /// Take back one fact.
    #[arg(long, value_name = "ID", group = "target")]
    pub event: Option<String>,

    /// Take back everything that was imported under this key.
    #[arg(long, value_name = "KEY", group = "target")]
    pub batch: Option<String>,

    /// Why; kept with the fact.
    #[arg(long)]
    pub why: Option<String>,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure quarantine`
#[derive(Args, Debug)]
pub struct Quarantine {
    /// The file in which an import left its bad rows.
    pub file: PathBuf,

    /// The store that was imported into, to open the rows that are sealed because they hold personal data.
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,

    /// How to print the rows.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure erase`
#[derive(Args, Debug)]
pub struct Erase {
    /// The store to write.
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,

    /// Who: namespace:value, a UUID, or a plain value of --namespace. Everybody merged with this customer is erased, too.
    pub customer: String,

    /// Namespace of a plain customer.
    #[arg(long, default_value = "default")]
    pub namespace: String,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}
