//! `tenure report`: one page.

use std::process::ExitCode;

use serde_json::{Value, json};
use tenure::core::Duration;

use crate::args;
use crate::command::{Talk, rfm, stages};
use crate::error::CliError;
use crate::question::Question;

/// How far back the movements go and how far ahead the warning looks.
const MONTH: Duration = Duration::days(30);

/// Runs the command: stages with movements of the last thirty days, who enters `at_risk` in the next thirty, segments.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Report, talk: Talk) -> Result<ExitCode, CliError> {
    let mut question = Question::open(&args.question)?;
    if question.asked().is_none() {
        let first = stages::answer(&question, &stages::Asked::default(), talk)?;
        question.settle(&first.as_of);
    }
    let since = question.asked().and_then(|at| at.checked_sub(MONTH));
    let asked = stages::Asked { since, within: Some(MONTH), ..stages::Asked::default() };
    let stood = stages::answer(&question, &asked, talk)?;
    let segments = rfm::answer(&question, None, talk)?;
    let mut body = stood.body;
    if let (Value::Object(body), Value::Object(mut rfm)) = (&mut body, segments.body) {
        // One page: the customers one by one are an answer of their own.
        rfm.retain(|name, _| matches!(name.as_str(), "edges" | "segments" | "counts"));
        body.insert("rfm".into(), rfm.into());
    }
    let query = json!({"command": "report", "since": since, "within": MONTH, "rfm": question.policy.rfm});
    let mut answer = question.answer(query, question.asked(), body, talk.words().report, talk);
    answer.tables.extend(stood.tables);
    answer.tables.extend(segments.tables);
    answer.notes.extend(stood.notes);
    answer.notes.extend(segments.notes);
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}
