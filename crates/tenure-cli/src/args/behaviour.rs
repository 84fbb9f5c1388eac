//! Commands that ask how customers behave.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Question;

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
const PERIODS: [&str; 6] = ["hour", "day", "week", "month", "quarter", "year"];
