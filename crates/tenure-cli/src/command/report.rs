//! `tenure report`: one page.

use std::process::ExitCode;

use serde_json::json;
use tenure::core::Duration;

use crate::answer::Answer;
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
pub fn run(args: &args::Report, talk: &Talk) -> Result<ExitCode, CliError> {
    let mut question = Question::open(&args.question)?;
    if question.asked().is_none() {
        let first = stages::answer(&question, &stages::Asked::default(), talk)?;
        question.settle(&first.as_of);
    }
    let since = question.asked().and_then(|at| at.checked_sub(MONTH));
    let asked = stages::Asked { since, within: Some(MONTH), ..stages::Asked::default() };
    let stood = stages::answer(&question, &asked, talk)?;
    let segments = rfm::answer(&question, None, talk)?;
    let facts = question.source.head()?.position.0;
    let body = json!({
        "facts": facts,
        "customers": stood.answer["customers"],
        "stages": stood.answer["stages"],
        "macro_stages": stood.answer["macro_stages"],
        "transitions": stood.answer["transitions"],
        "soon_at_risk": stood.answer["soon_at_risk"],
        "rfm": {"edges": segments.answer["edges"], "segments": segments.answer["segments"], "counts": segments.answer["counts"]},
    });
    let query = json!({"command": "report", "since": since, "within": MONTH, "rfm": question.policy.rfm});
    let mut answer: Answer = question.answer(
        query,
        question.asked().unwrap_or(tenure::core::Timestamp::MIN),
        body,
        talk.words().report,
        talk,
    );
    answer.tables.extend(stood.tables);
    answer.tables.extend(segments.tables);
    answer.notes.extend(stood.notes);
    answer.notes.extend(segments.notes);
    answer.print(args.question.format).map_err(CliError::input)?;
    Ok(ExitCode::SUCCESS)
}
