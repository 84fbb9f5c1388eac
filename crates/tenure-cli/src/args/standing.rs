//! Commands that say where customers stand.

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::Question;

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
