//! Commands about who is likely to leave.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args, value_parser};

use super::{Question, Source};
use crate::answer::Format;

/// Every `--band`.
const BANDS: [&str; 4] = ["low", "medium", "high", "critical"];

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
