//! What people type.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, value_parser};
use tenure::core::policy::check::Code;

use crate::answer::Format;
use crate::lang::Lang;

/// Where each customer stands: lifecycle stages and RFM segments from an append-only log of customer facts.
#[derive(Debug, Parser)]
#[command(name = "tenure", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Language of tables, labels and reasons. Default: en.
    #[arg(long, global = true, value_enum)]
    pub lang: Option<Lang>,

    /// No progress and no talk on stderr; errors are still told.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import a bundled data set of real purchases and show what tenure makes of it.
    Demo(Demo),
    /// Read a file of facts into a store.
    Import(Import),
    /// Print every fact in log order, as interchange JSON lines.
    Log(Log),
    /// Show one customer: stage, RFM values, profile, identities, tags, owner, consents, timeline with reasons.
    Customer(Customer),
    /// Count customers per lifecycle stage.
    Stages(Stages),
    /// Score and segment customers by recency, frequency and monetary value.
    Rfm(Rfm),
    /// Who is likely to leave, why, what they are worth, and what to do: the churn score by the policy's signals.
    Churn(Churn),
    /// One page: stages, movements, segments, who is about to be lost, data quality.
    Report(Report),
    /// Fold the whole log again, with progress, and print a digest of all views; or rebuild what engines keep.
    Replay(Replay),
    /// Check every stored fact against its checksums and the hash chain.
    Verify(Verify),
    /// Copy a store to a new file, also while it is in use.
    Backup(Backup),
    /// Take back one fact, or a whole import.
    Void(Void),
    /// Show the rows that an import could not take, and why.
    Quarantine(Quarantine),
    /// Erase a person: destroy the keys of the personal data, for good; everything else stays.
    Erase(Erase),
    /// Orders, refunds and revenue per calendar month.
    Revenue(Revenue),
    /// Fit a model of repeat purchase to everybody's history, and write it to a file.
    Fit(Fit),
    /// Compare two policies: who would change stage, segment or risk band, and why.
    Diff(Diff),
    /// Judge scores on the past: what they would have said at each cut, and what came.
    Backtest(Backtest),
    /// What customers have brought: one by one, by cohort, by channel, by campaign.
    Clv(Clv),
    /// What it costs to win customers, by channel and campaign, and when they have paid it back.
    Acquisition(Acquisition),
    /// Monthly recurring revenue of subscriptions, how it moves, and how much of it stays.
    Mrr(Mrr),
    /// How long subscriptions last, and who is likely to end theirs.
    Survival(Survival),
    /// Ask about behaviour: funnel, retention, lifecycle, paths, stickiness, transitions, repurchase, by a JSON file.
    Query(Query),
    /// How many customers go through steps in order, where they stop, and how long it takes.
    Funnel(Funnel),
    /// Of those who started in a month, how many come back in the months after it.
    Retention(Retention),
    /// Who is new, returning, resurrecting or dormant, month by month.
    Lifecycle(Lifecycle),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Make up customers with realistic histories, into a store or as interchange JSON lines.
    Simulate(Simulate),
    /// Find what a policy gets wrong by itself: rules that never fire, stages never entered, changes that flap.
    Check(Check),
    /// Show a policy with every default, start one from a preset, list the currencies.
    Policy(Policy),
    /// Look at the program, its surroundings and a store, and say what to do where something is wrong.
    Doctor(Doctor),
    /// What the data are like: missing fields, contacts that cannot be read, suspected duplicates, late facts.
    Quality(Quality),
}

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

/// `tenure customer`
#[derive(Args, Debug)]
pub struct Customer {
    /// Who: namespace:value, a UUID, or a plain value of --namespace.
    pub customer: String,

    /// The question.
    #[command(flatten)]
    pub question: Question,
}

/// `tenure stages`
#[derive(Args, Debug)]
pub struct Stages {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// Show the movements from this instant to --as-of, too.
    #[arg(long, value_name = "INSTANT|DATE")]
    pub since: Option<String>,

    /// Show who enters at_risk within this time if nothing happens, such as 30d.
    #[arg(long, value_name = "DURATION")]
    pub within: Option<String>,

    /// Show how long customers stay in each stage.
    #[arg(long)]
    pub dwell: bool,

    /// Show the changes of stage per calendar month, from --since or the last twelve months.
    #[arg(long)]
    pub flows: bool,
}

/// `tenure query`
#[derive(Args, Debug)]
pub struct Query {
    /// The query: a JSON file, or - for stdin.
    #[arg(long, value_name = "FILE|-", required_unless_present = "schema")]
    pub spec: Option<PathBuf>,

    /// Print the JSON Schema of queries and of their answers, and nothing else.
    // In the group of sources, for it needs none.
    #[arg(long, group = "facts", conflicts_with = "spec")]
    pub schema: bool,

    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// Of a funnel: list who converted, is pending, or dropped (dropped:2 after step 2), and since when.
    #[arg(long, value_name = "converted|pending|dropped[:STEP]")]
    pub list: Option<String>,
}

/// `tenure funnel`
#[derive(Args, Debug)]
pub struct Funnel {
    /// The steps in order: kinds of facts, or names of tracked ones, with commas between.
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', required = true)]
    pub steps: Vec<String>,

    /// How long after its entry a step counts.
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    pub window: String,

    /// ordered: other facts may lie between; strict: none may; unordered: in any order.
    #[arg(long, default_value = "ordered", value_parser = PossibleValuesParser::new(["ordered", "strict", "unordered"]))]
    pub order: String,

    /// Break the answer down by a property of the facts, such as channel.
    #[arg(long, value_name = "PROPERTY")]
    pub by: Option<String>,

    /// List who converted, is pending, or dropped (dropped:2 after step 2), and since when.
    #[arg(long, value_name = "converted|pending|dropped[:STEP]")]
    pub list: Option<String>,

    /// What lies in range.
    #[command(flatten)]
    pub range: Range,

    /// The question.
    #[command(flatten)]
    pub question: Question,
}

/// `tenure retention`
#[derive(Args, Debug)]
pub struct Retention {
    /// How long a bucket is.
    #[arg(long, default_value = "month", value_parser = PossibleValuesParser::new(PERIODS))]
    pub period: String,

    /// What starts. Default: any fact by the customer.
    #[arg(long, value_name = "NAME")]
    pub start: Option<String>,

    /// What is a return. Default: as --start.
    #[arg(long = "return", value_name = "NAME")]
    pub returning: Option<String>,

    /// Break the answer down by a property of the start facts, such as channel.
    #[arg(long, value_name = "PROPERTY")]
    pub by: Option<String>,

    /// What lies in range.
    #[command(flatten)]
    pub range: Range,

    /// The question.
    #[command(flatten)]
    pub question: Question,
}

/// `tenure lifecycle`
#[derive(Args, Debug)]
pub struct Lifecycle {
    /// How long a bucket is.
    #[arg(long, default_value = "month", value_parser = PossibleValuesParser::new(PERIODS))]
    pub period: String,

    /// What makes a customer active. Default: any fact by the customer.
    #[arg(long, value_name = "NAME")]
    pub activity: Option<String>,

    /// Break the answer down by a property of the facts, such as channel.
    #[arg(long, value_name = "PROPERTY")]
    pub by: Option<String>,

    /// What lies in range.
    #[command(flatten)]
    pub range: Range,

    /// The question.
    #[command(flatten)]
    pub question: Question,
}

/// Bounds in the policy's zone.
#[derive(Args, Debug)]
pub struct Range {
    /// The first day in range, or its local time. Default: from the first fact on.
    #[arg(long, value_name = "DATE|TIME")]
    pub from: Option<String>,

    /// The first day behind the range, or its local time. Default: up to --as-of.
    #[arg(long, value_name = "DATE|TIME")]
    pub to: Option<String>,
}

/// Every `--period`.
pub const PERIODS: [&str; 6] = ["hour", "day", "week", "month", "quarter", "year"];

/// Every `--scoring`.
pub const SCORINGS: [&str; 7] = ["value", "rank", "ntile", "rank_average", "nested", "r_package", "fixed"];

/// Every `--map` of `rfm`.
pub const MAPS: [&str; 5] = ["segments_11", "segments_r_package_10", "segments_cn_8", "tiers_abc", "own"];

/// `tenure rfm`
#[derive(Args, Debug)]
pub struct Rfm {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// How values become scores. Default: the policy's.
    #[arg(long, value_parser = PossibleValuesParser::new(SCORINGS))]
    pub scoring: Option<String>,

    /// How scores become segments; own: as the policy says. Default: the policy's.
    #[arg(long, value_parser = PossibleValuesParser::new(MAPS))]
    pub map: Option<String>,

    /// Show who moved between segments from this instant to --as-of; both are scored with its edges.
    #[arg(long, value_name = "INSTANT|DATE")]
    pub since: Option<String>,
}

/// Every `--band`.
pub const BANDS: [&str; 4] = ["low", "medium", "high", "critical"];

/// `tenure churn`
#[derive(Args, Debug)]
pub struct Churn {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// How many customers are named, the highest score first, of equal ones the most valuable.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(1..))]
    pub top: u32,

    /// Only customers in this stage of the policy, such as active.
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,

    /// Name only customers of this band. May be given several times. Default: all.
    #[arg(long, value_parser = PossibleValuesParser::new(BANDS))]
    pub band: Vec<String>,

    /// A model file of tenure fit: also show how likely each is to buy nothing within --horizon.
    #[arg(long, value_name = "FILE.json")]
    pub model: Option<PathBuf>,

    /// How far ahead is looked, by the model and for the ends of subscriptions. Default: the horizon that the model's score
    /// was learnt for, else 90d.
    #[arg(long, value_name = "DURATION")]
    pub horizon: Option<String>,
}

/// What a backtest foretells.
const TARGETS: [&str; 2] = ["purchases", "subscriptions"];

/// The models of repeat purchase.
const METHODS: [&str; 4] = ["pareto_nbd", "bg_nbd", "mbg_nbd", "nbd"];

/// The same and the choice among them.
const METHODS_OR_BEST: [&str; 5] = ["pareto_nbd", "bg_nbd", "mbg_nbd", "nbd", "best"];

/// `tenure fit`
#[derive(Args, Debug)]
pub struct Fit {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// Which model; best: the most likely of those with drop-out.
    #[arg(long, value_parser = PossibleValuesParser::new(METHODS_OR_BEST), default_value = "pareto_nbd")]
    pub model: String,

    /// The unit of the model's times: weeks, days.
    #[arg(long, value_parser = PossibleValuesParser::new(["weeks", "days"]), default_value = "weeks")]
    pub unit: String,

    /// Also learn a score, at the instant this time before --as-of: the probability that nothing is bought within it.
    #[arg(long, value_name = "DURATION")]
    pub horizon: Option<String>,

    /// What was known at that instant: by when facts were recorded, or, of a log that was imported afterwards, by when
    /// they happened.
    #[arg(long, value_parser = PossibleValuesParser::new(["recorded", "as_occurred"]), default_value = "recorded", requires = "horizon")]
    pub knowledge: String,

    /// The model file to write.
    #[arg(long, value_name = "FILE.json")]
    pub out: Option<PathBuf>,
}

/// `tenure diff`
#[derive(Args, Debug)]
pub struct Diff {
    /// Where the facts are.
    #[command(flatten)]
    pub source: Source,

    /// The instant to compare at: RFC 3339, or a date (then the last microsecond of that local day of the first policy).
    /// Default: the log's latest fact.
    #[arg(long, value_name = "INSTANT|DATE")]
    pub as_of: Option<String>,

    /// A preset (retail, saas, b2b) or a TOML file; twice: the one that rules, and the other.
    #[arg(long, value_name = "PRESET|FILE.toml", required = true)]
    pub policy: Vec<String>,

    /// How many customers of each change are named.
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub examples: usize,

    /// How to print the answer.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure backtest`
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("cuts").args(["from", "train"]).required(true)))]
pub struct Backtest {
    /// The question; --as-of: where the log counts as complete.
    #[command(flatten)]
    pub question: Question,

    /// Cuts at equal steps from this one on: the earlier third trains, later ones are judged.
    #[arg(long, value_name = "INSTANT|DATE", conflicts_with_all = ["train", "test"])]
    pub from: Option<String>,

    /// From one cut to the next.
    #[arg(long, default_value = "30d", value_name = "DURATION", requires = "from")]
    pub step: String,

    /// Cuts to learn at, with commas between them.
    #[arg(long, value_name = "DATE,...", value_delimiter = ',', requires = "test")]
    pub train: Vec<String>,

    /// Cuts to judge, with commas between them: a horizon after the last training cut, or later.
    #[arg(long, value_name = "DATE,...", value_delimiter = ',', requires = "train")]
    pub test: Vec<String>,

    /// What is foretold: purchases (who buys nothing has lapsed), subscriptions (who has nothing due any more has lapsed).
    #[arg(long, value_parser = PossibleValuesParser::new(TARGETS), default_value = "purchases")]
    pub of: String,

    /// Whoever lapses within this time after a cut is to be found.
    #[arg(long, default_value = "90d", value_name = "DURATION")]
    pub horizon: String,

    /// What was known at a cut: by when facts were recorded, or, of a log that was imported afterwards, by when they
    /// happened.
    #[arg(long, value_parser = PossibleValuesParser::new(["recorded", "as_occurred"]), default_value = "recorded")]
    pub knowledge: String,

    /// Which model gives the probability of no purchase. Default: pareto_nbd.
    #[arg(long, value_parser = PossibleValuesParser::new(METHODS))]
    pub model: Option<String>,
}

/// `tenure report`
#[derive(Args, Debug)]
pub struct Report {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// Show the movements from this instant to --as-of. Default: the day one calendar month before.
    #[arg(long, value_name = "INSTANT|DATE")]
    pub since: Option<String>,
}

/// What a rebuild has no use for.
const NOT_REBUILT: [&str; 5] = ["events", "namespace", "known_at", "threads", "as_of"];

/// `tenure replay`
#[derive(Args, Debug)]
#[command(group = ArgGroup::new("kept").multiple(true))]
pub struct Replay {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// Rebuild what engines keep in the store: a new generation under --policy beside the live one, which goes on, and
    /// compare the two. Stopped, it goes on there the next time.
    #[arg(long, group = "kept", requires_all = ["store", "policy"], conflicts_with_all = NOT_REBUILT)]
    pub rebuild: bool,

    /// Rebuild, and put the new generation in the place of the live one, at once.
    #[arg(long, group = "kept", requires_all = ["store", "policy"], conflicts_with_all = NOT_REBUILT)]
    pub switch: bool,

    /// Put the generation that was live before back in its place, under the policy kept with it.
    #[arg(long, group = "kept", requires = "store", conflicts_with_all = NOT_REBUILT)]
    #[arg(conflicts_with_all = ["policy", "rebuild", "switch"])]
    pub rollback: bool,

    /// The name under which engines keep it.
    #[arg(long, requires = "kept", default_value = "lifecycle")]
    pub name: String,

    /// How many customers that differ are shown.
    #[arg(long, requires = "kept", value_name = "N", default_value_t = 10)]
    pub examples: usize,
}

/// `tenure verify`
#[derive(Args, Debug)]
pub struct Verify {
    /// The store to check.
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure backup`
#[derive(Args, Debug)]
pub struct Backup {
    /// The store to copy.
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,

    /// The copy; a file that does not exist yet.
    pub out: PathBuf,

    /// Copy the keys of personal data too, to this file that does not exist yet. Keep it apart from the copy, and not
    /// long: what is erased later can be read with it.
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,

    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
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

/// `tenure revenue`
#[derive(Args, Debug)]
pub struct Revenue {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// The length of a row; calendar months of the policy's zone.
    #[arg(long, default_value = "month", value_parser = PossibleValuesParser::new(["month"]))]
    pub period: String,
}

/// `tenure clv`
#[derive(Args, Debug)]
pub struct Clv {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// What to show beside the total: customers, those who ordered first in one month, or the channel or campaign of the
    /// first touch.
    #[arg(long, value_enum, default_value_t = ValueBy::Customer)]
    pub by: ValueBy,

    /// Only so many customers, those who brought most. Default: all; 20 in tables.
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub top: Option<u64>,

    /// A model file of tenure fit: also predict what they will bring within --horizon.
    #[arg(long, value_name = "FILE.json")]
    pub model: Option<PathBuf>,

    /// How far ahead the model looks.
    #[arg(long, default_value = "365d", value_name = "DURATION", requires = "model")]
    pub horizon: String,

    /// By how much later money counts less, in percent a year.
    #[arg(long, default_value_t = 10.0, value_name = "PERCENT", requires = "model")]
    pub discount: f64,
}

/// `tenure acquisition`
#[derive(Args, Debug)]
pub struct Acquisition {
    /// The question.
    #[command(flatten)]
    pub question: Question,
}

/// `tenure mrr`
#[derive(Args, Debug)]
pub struct Mrr {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// From the calendar month of this instant on.
    #[arg(long, value_name = "INSTANT|DATE", conflicts_with = "months")]
    pub since: Option<String>,

    /// So many calendar months, the one of --as-of the last. Default: 12.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1200))]
    pub months: Option<u32>,
}

/// `tenure survival`
#[derive(Args, Debug)]
pub struct Survival {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// How far ahead it is asked who ends the last subscription.
    #[arg(long, default_value = "90d", value_name = "DURATION")]
    pub horizon: String,

    /// How many customers are named, the likeliest to end first.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(1..))]
    pub top: u32,
}

/// Every `--by` of `clv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ValueBy {
    /// One by one.
    Customer,
    /// By the calendar month of the first order.
    Cohort,
    /// By the channel of the first touch.
    Channel,
    /// By the campaign of the first touch.
    Campaign,
}

impl ValueBy {
    /// As it is typed.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Cohort => "cohort",
            Self::Channel => "channel",
            Self::Campaign => "campaign",
        }
    }
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

/// `tenure check`
#[derive(Args, Debug)]
pub struct Check {
    /// A preset (retail, saas, b2b) or a TOML file.
    #[arg(value_name = "PRESET|FILE.toml")]
    pub policy: String,

    /// Findings of this code are meant: they are told and do not count. More than once for several.
    #[arg(long, value_name = "CODE", value_parser = PossibleValuesParser::new(Code::ALL.iter().map(|code| code.name())), hide_possible_values = true)]
    pub allow: Vec<String>,

    /// How to print the findings.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure policy`
#[derive(Args, Debug)]
pub struct Policy {
    /// What to do.
    #[command(subcommand)]
    pub command: PolicyCommand,
}

/// The commands about policies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print a whole policy as TOML, every default filled in and commented in --lang.
    Show {
        /// A preset (retail, saas, b2b) or a TOML file.
        #[arg(long, visible_alias = "preset", default_value = "retail", value_name = "PRESET|FILE.toml")]
        policy: String,

        /// The policy by which what engines keep in this store is made, instead.
        #[arg(long, value_name = "FILE", conflicts_with = "policy")]
        store: Option<PathBuf>,

        /// The name under which engines keep it.
        #[arg(long, requires = "store", default_value = "lifecycle")]
        name: String,
    },
    /// Write a preset as a commented file to edit; an existing file is not touched.
    Init {
        /// The preset to start from.
        #[arg(long, value_parser = PossibleValuesParser::new(tenure::core::Policy::PRESETS))]
        preset: String,

        /// The file. Default: PRESET.toml.
        file: Option<PathBuf>,
    },
    /// List the currencies of ISO 4217 and how many decimals their amounts have.
    Currencies {
        /// How to print the list.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

/// `tenure doctor`
#[derive(Args, Debug)]
pub struct Doctor {
    /// The store to look at. Without one: the program and its surroundings alone.
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,

    /// Check every stored fact against its checksums and the hash chain, too, as tenure verify does.
    #[arg(long, requires = "store")]
    pub verify: bool,

    /// A policy to look at: a preset (retail, saas, b2b) or a TOML file.
    #[arg(long, value_name = "PRESET|FILE.toml")]
    pub policy: Option<String>,

    /// How to print what was found.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `tenure quality`
#[derive(Args, Debug)]
pub struct Quality {
    /// The question.
    #[command(flatten)]
    pub question: Question,

    /// Exit code 1 where something is found that ought to be mended: required fields missing, contacts that cannot be
    /// read, suspected duplicates, clocks ahead, values out of range. Late facts, unknown kinds, old schemas and
    /// corrections are told and never count.
    #[arg(long)]
    pub strict: bool,
}
