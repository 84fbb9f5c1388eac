//! Commands about money, and how long it comes.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum, value_parser};

use super::Question;

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
