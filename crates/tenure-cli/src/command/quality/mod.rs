//! `tenure quality`: what is missing, doubtful or late in the data, so that somebody can mend it where it comes from.

mod data;
mod shown;

use std::process::ExitCode;

use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::question::Question;

/// Runs the command: exit code 0, and 1 only with `--strict` where a finding counts.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Quality, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let data = data::read(&question, talk)?;
    let counts = data.findings.iter().any(|finding| finding.strict);
    shown::answer(&data, &question, args.strict, talk).print(args.question.format)?;
    Ok(if args.strict && counts { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
