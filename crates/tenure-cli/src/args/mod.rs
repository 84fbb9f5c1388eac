//! What people type.

mod behaviour;
mod log;
mod policy;
mod quality;
mod question;
mod risk;
mod standing;
mod store;
mod value;

use clap::{Parser, Subcommand};

pub use behaviour::{Funnel, Lifecycle, Query, Range, Retention};
pub use log::{Demo, Erase, Import, Log, Quarantine, Simulate, Void};
pub use policy::{Check, Policy, PolicyCommand};
pub use quality::{Doctor, Quality};
pub use question::{Question, Source};
pub use risk::{Backtest, Churn, Diff, Fit};
pub use standing::{Customer, Report, Rfm, Stages};
#[cfg(test)]
pub use standing::{MAPS, SCORINGS};
pub use store::{Backup, Replay, Verify};
pub use value::{Acquisition, Clv, Mrr, Revenue, Survival, ValueBy};

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
