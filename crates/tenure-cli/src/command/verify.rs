//! `tenure verify`: every stored fact against its checksums and the hash chain.

use core::ops::ControlFlow;
use std::process::ExitCode;

use serde_json::json;
use tenure::sqlite::VerifyError;

use crate::answer::{Answer, Format, print};
use crate::args;
use crate::command::Talk;
use crate::error::{CliError, chain};
use crate::progress::Progress;
use crate::source;
use crate::table::Table;

/// Runs the command. A bad position is a finding: exit code 1.
///
/// # Errors
/// Wrong usage, or a failing store.
pub fn run(args: &args::Verify, talk: &Talk) -> Result<ExitCode, CliError> {
    let store = source::open_existing(&args.store)?;
    let bar = Progress::new("verifying", 1, talk.quiet);
    let checked = store.verify(|at, head| {
        bar.of(head.0.max(1));
        bar.at(at.0);
        ControlFlow::Continue(())
    });
    drop(bar);
    let w = talk.words();
    match checked {
        Ok(verified) => {
            let hash = verified.head_hash.to_string();
            let answer = json!({"facts": verified.facts, "head_hash": hash});
            if matches!(args.format, Format::Json | Format::Jsonl) {
                print(&format!("{answer}\n")).map_err(CliError::input)?;
                return Ok(ExitCode::SUCCESS);
            }
            let mut table = Table::new("", &[("facts", w.verified), ("head_hash", w.head_hash)]);
            table.push(vec![verified.facts.into(), hash.into()]);
            Answer::of_table(table).print(args.format).map_err(CliError::input)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(VerifyError::Store(error)) => Err(error.into()),
        Err(finding) => {
            talk.warn(&format!("{}: {}", args.store.display(), chain(&finding)));
            Ok(ExitCode::from(1))
        }
    }
}
