//! `tenure report`: one page about everybody.

mod page;
mod shown;

use std::process::ExitCode;

use serde_json::json;

use crate::args;
use crate::command::Talk;
use crate::error::CliError;
use crate::question::Question;

/// Runs the command: one pass over the log for the instant and the quality of facts, then one fold for all else.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Report, talk: Talk) -> Result<ExitCode, CliError> {
    let question = Question::open(&args.question)?;
    let since = args.since.as_deref().map(|text| question.instant("--since", text)).transpose()?;
    let page = page::read(&question, since, talk)?;
    let query = json!({
        "command": "report",
        "since": page.since,
        "zone": question.policy.zone,
        "rfm": question.policy.rfm,
        "quality": question.policy.quality,
    });
    let mut answer = question.answer(query, page.as_of, json!(page), talk.words().report, talk);
    shown::show(&mut answer, &page, &question, &args.question.source, talk)?;
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}
