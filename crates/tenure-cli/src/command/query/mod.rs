//! `tenure query` and its shortcuts: questions about behaviour.

mod drawn;
mod spec;

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::Value;
use tenure::core::Timestamp;
use tenure::core::query::{Ask, Asked, Breakdown, BreakdownScope, Course, Query, Terms};
use tenure::core::report::rfm::RfmReport;
use tenure::core::report::{Report, add_all};

use crate::answer::{Answer, print_json};
use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::question::Question;

/// Runs `tenure query`.
///
/// # Errors
/// A spec that is no query, wrong usage, or a failing store.
pub fn run(args: &args::Query, talk: Talk) -> Result<ExitCode, CliError> {
    if args.schema {
        print_json(&format!("{:#}\n", Query::schema()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let query = spec::read(args.spec.as_deref())?;
    ask(query, &args.question, args.list.as_deref(), talk)
}

/// Runs `tenure funnel`.
///
/// # Errors
/// As [`run`].
pub fn funnel(args: &args::Funnel, talk: Talk) -> Result<ExitCode, CliError> {
    ask(spec::funnel(args)?, &args.question, args.list.as_deref(), talk)
}

/// Runs `tenure retention`.
///
/// # Errors
/// As [`run`].
pub fn retention(args: &args::Retention, talk: Talk) -> Result<ExitCode, CliError> {
    ask(spec::retention(args)?, &args.question, None, talk)
}

/// Runs `tenure lifecycle`.
///
/// # Errors
/// As [`run`].
pub fn lifecycle(args: &args::Lifecycle, talk: Talk) -> Result<ExitCode, CliError> {
    ask(spec::lifecycle(args)?, &args.question, None, talk)
}
