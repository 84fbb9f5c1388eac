//! `tenure backup`: a copy of a store, also while others write to it.

use core::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use serde_json::json;
use tenure::sqlite::{BackedUp, BackupError};

use crate::answer::{Answer, Format, print_json};
use crate::args;
use crate::command::Talk;
use crate::error::{CliError, chain};
use crate::interrupt::interrupt;
use crate::lang::fill;
use crate::progress::Progress;
use crate::source;
use crate::table::Table;

/// Runs the command.
///
/// # Errors
/// Wrong usage, a place that cannot be written, or a failing store. Nothing is left of the copy then.
pub fn run(args: &args::Backup, talk: Talk) -> Result<ExitCode, CliError> {
    let store = source::open_existing(&args.store)?;
    source::can_be_made(&args.out)?;
    // Before the copy, so that nothing is copied where the keys cannot be.
    let keys = match &args.keys {
        Some(path) => {
            source::can_be_made(path)?;
            store.backup_keys(path)?
        }
        None => false,
    };
    let w = talk.words();
    let stop = interrupt()?;
    let bar = Progress::new(w.copying, 1, talk.quiet);
    let copied = store.backup(&args.out, |at, of| {
        bar.of(of.max(1));
        bar.at(at);
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(bar);
    let BackedUp { position, head_hash, bytes } = copied?;
    let (file, hash) = (args.out.display().to_string(), head_hash.to_string());
    match args.format {
        Format::Json | Format::Jsonl => {
            let body = json!({"file": file, "position": position, "head_hash": hash, "bytes": bytes});
            print_json(&format!("{body}\n"))?;
        }
        format => {
            let columns = [
                ("file", w.backup_file),
                ("position", w.backup_position),
                ("head_hash", w.head_hash),
                ("bytes", w.backup_bytes),
            ];
            let mut table = Table::new("", &columns);
            table.push(vec![file.clone().into(), position.0.into(), hash.into(), bytes.into()]);
            Answer::of_table(table).print(format)?;
        }
    }
    match (store.has_keys(), keys, &args.keys) {
        (true, false, _) => talk.say(w.backup_no_keys),
        (false, _, Some(_)) => talk.say(w.backup_nothing_sealed),
        _ => {}
    }
    talk.say(&fill(w.backup_next, &[&file]));
    Ok(ExitCode::SUCCESS)
}

impl From<BackupError> for CliError {
    fn from(error: BackupError) -> Self {
        let message = chain(&error);
        match error {
            BackupError::Exists { file } if file.to_string_lossy().ends_with("-part") => Self::input(message)
                .hint("another backup is under way there, or was killed: then remove the file"),
            BackupError::Exists { .. } => {
                Self::input(message).hint("a backup writes over nothing: name another file")
            }
            BackupError::Stopped => Self::stopped(message).hint("nothing is left of the copy"),
            BackupError::Unwritable { .. } => Self::store(&error)
                .hint("make room, see to the permissions, or name a place on another disk; nothing is left of the copy"),
            BackupError::Store(error) => error.into(),
            error => Self::store(&error),
        }
    }
}
