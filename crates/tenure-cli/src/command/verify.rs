//! `tenure verify`: every stored fact against its checksums and the hash chain.

use core::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use tenure::core::Position;
use tenure::sqlite::{Options, SqliteStore, Verified, VerifyError};
use tenure::store::StoreError;

use crate::answer::{Answer, Format, print_json};
use crate::args;
use crate::command::Talk;
use crate::error::{CliError, chain};
use crate::progress::Progress;
use crate::source;
use crate::table::{Cell, Table};

/// Runs the command. A bad position is a finding: exit code 1.
///
/// # Errors
/// Wrong usage, or a failing store.
pub fn run(args: &args::Verify, talk: Talk) -> Result<ExitCode, CliError> {
    source::must_exist(&args.store)?;
    let w = talk.words();
    match check(&args.store, talk) {
        Ok(verified) => {
            let hash = verified.head_hash.to_string();
            let body = json!({"facts": verified.facts, "head_hash": hash});
            let mut table = Table::new("", &[("facts", w.verified), ("head_hash", w.head_hash)]);
            table.push(vec![verified.facts.into(), hash.into()]);
            show(&body, table, args.format)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(VerifyError::Store(error)) if !is_finding(&error) => Err(error.into()),
        Err(finding) => {
            let position = bad_position(&finding).map(|position| position.0);
            let what = chain(&finding);
            let body = json!({"bad_position": position, "finding": what});
            let mut table = Table::new("", &[("bad_position", w.bad_position), ("finding", w.finding)]);
            table.push(vec![position.map_or(Cell::Empty, Cell::from), what.into()]);
            show(&body, table, args.format)?;
            Ok(ExitCode::from(1))
        }
    }
}

fn show(body: &Value, table: Table, format: Format) -> Result<(), CliError> {
    match format {
        Format::Json | Format::Jsonl => print_json(&format!("{body}\n")),
        _ => Answer::of_table(table).print(format),
    }
}

fn check(path: &Path, talk: Talk) -> Result<Verified, VerifyError> {
    // Opening looks at head and tail, so that damage there shows already here.
    let store = SqliteStore::open(path, Options::default().existing())?;
    follow(&store, talk)
}

/// Follows the chain of an opened store, with progress.
///
/// # Errors
/// The first bad position, or a failing store.
pub fn follow(store: &SqliteStore, talk: Talk) -> Result<Verified, VerifyError> {
    let bar = Progress::new(talk.words().verifying, 1, talk.quiet);
    store.verify(|at, head| {
        bar.of(head.0.max(1));
        bar.at(at.0);
        ControlFlow::Continue(())
    })
}

/// Whether a store's error says something about what it holds, and not about reaching it.
const fn is_finding(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { .. } | StoreError::Undecodable { .. })
}

/// The position that a finding is about; none where no single fact is at fault.
pub const fn bad_position(finding: &VerifyError) -> Option<Position> {
    match finding {
        VerifyError::Altered { position, .. }
        | VerifyError::Removed { position }
        | VerifyError::Moved { position, .. }
        | VerifyError::Store(StoreError::Undecodable { position, .. }) => Some(*position),
        _ => None,
    }
}
