//! `tenure policy`: a policy in full, a file to start from, the table of currencies.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pollster::block_on;
use tenure::core::{Currency, Policy};
use tenure::store::{KeptError, kept_policy};

use crate::answer::{Answer, Format, print};
use crate::args::{self, PolicyCommand};
use crate::command::Talk;
use crate::error::CliError;
use crate::lang::fill;
use crate::question::read_policy;
use crate::source::open_existing;
use crate::table::Table;

/// Runs the command.
///
/// # Errors
/// Wrong usage or input; a file that exists already or cannot be written.
pub fn run(args: &args::Policy, talk: Talk) -> Result<ExitCode, CliError> {
    match &args.command {
        PolicyCommand::Show { policy, store, name } => {
            let policy = match store {
                Some(store) => kept(store, name)?,
                None => read_policy("--policy ", policy)?.0,
            };
            print(&policy.to_commented(talk.language()))?;
        }
        PolicyCommand::Init { preset, file } => {
            let file = file.clone().unwrap_or_else(|| PathBuf::from(format!("{preset}.toml")));
            // The names of presets are all that clap lets in.
            let text = Policy::preset_commented(preset, talk.language()).unwrap_or_default();
            write_new(&file, &text)?;
            talk.say(&fill(talk.words().policy_written, &[&file.display(), &file.display()]));
        }
        PolicyCommand::Currencies { format } => currencies(*format, talk)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The policy that is kept with what is live in a store.
fn kept(store: &Path, name: &str) -> Result<Policy, CliError> {
    let name = name.parse()?;
    let store = open_existing(store)?;
    let policy = block_on(kept_policy(&store, &name))?;
    policy.ok_or_else(|| KeptError::NothingKept { name }.into())
}

fn write_new(file: &Path, text: &str) -> Result<(), CliError> {
    let mut open = OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| {
        let refused = CliError::input(format!("cannot write {}: {error}", file.display()));
        match error.kind() {
            ErrorKind::AlreadyExists => refused.hint("name another file; none is written over"),
            ErrorKind::NotFound => refused.hint("make the directory first"),
            _ => refused,
        }
    })?;
    open.write_all(text.as_bytes())
        .map_err(|error| CliError::input(format!("cannot write {}: {error}", file.display())))
}

fn currencies(format: Format, talk: Talk) -> Result<(), CliError> {
    let w = talk.words();
    let columns = [("code", w.code), ("decimals", w.decimals), ("name", w.name)];
    let mut table = Table::new(w.currencies, &columns);
    for (currency, name) in Currency::table() {
        table.push(vec![currency.code().into(), u64::from(currency.decimals()).into(), name.into()]);
    }
    // A list without a question has no envelope.
    let format = if format == Format::Json { Format::Jsonl } else { format };
    Answer::of_table(table).print(format)
}
