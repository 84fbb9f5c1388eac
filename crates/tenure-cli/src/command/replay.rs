//! `tenure replay`: folds the whole log again and tells how long it took. What engines keep is rebuilt by `rebuild.rs`.

use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;
use tenure::core::Timestamp;
use tenure::core::fold::Projection;

use crate::args;
use crate::command::{Talk, rebuild};
use crate::error::CliError;
use crate::question::Question;
use crate::table::Table;

/// Runs the command. The digest is over every customer's view in the order of the names shown: two logs with one
/// digest say the same of everybody, whatever the order of arrival, the store and the number of threads.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Replay, talk: Talk) -> Result<ExitCode, CliError> {
    if args.rebuild || args.switch || args.rollback {
        return rebuild::run(args, talk);
    }
    let question = Question::open(&args.question)?;
    let machine = question.stages()?;
    let rfm = question.policy.rfm().map_err(CliError::input)?;
    let begun = Instant::now();
    let states = question.fold(&(&machine, &rfm), talk)?;
    let as_of = question.as_of(&states);
    let at = as_of.unwrap_or(Timestamp::MIN);
    let mut lines: Vec<String> = states
        .iter()
        .map(|(id, folded)| {
            let (stage, values) = states.projection().view(&folded.state, at);
            let stage = stage.map(|view| (machine.policy().code(view.stage), view.since));
            let raw = values.values.map(|raw| (raw.recency_days, raw.frequency, values.monetary()));
            json!([states.shown(id), stage, raw]).to_string()
        })
        .collect();
    lines.sort();
    let mut digest = blake3::Hasher::new();
    for line in &lines {
        digest.update(line.as_bytes()).update(b"\n");
    }
    let digest = digest.finalize().to_hex().to_string();
    let seconds = begun.elapsed().as_secs_f64();
    let facts = question.source.head()?.position.0;
    let body = json!({"facts": facts, "customers": states.len(), "seconds": seconds, "digest": digest});
    let query = json!({"command": "replay", "threads": args.question.source.threads});
    let w = talk.words();
    let mut answer = question.answer(query, as_of, body, w.replay, talk);
    let columns =
        [("facts", w.facts), ("customers", w.customers), ("seconds", w.seconds), ("digest", w.digest)];
    let mut table = Table::new("", &columns);
    table.push(vec![facts.into(), states.len().into(), format!("{seconds:.3}").into(), digest.into()]);
    answer.tables.push(table);
    answer.print(args.question.format)?;
    Ok(ExitCode::SUCCESS)
}
