//! `tenure import`: a file of facts into a store.

mod batch;
mod form;
mod load;
mod quarantine;
mod summary;

pub use batch::batches;
pub use form::Form;
pub use load::{Input, import};
pub use quarantine::QuarantineAt;

use std::path::Path;
use std::process::ExitCode;

use tenure::core::Duration;
use tenure::ingest::{Guess, Options};
use tenure::store::{Clock, SystemClock};

use crate::answer::print;
use crate::args;
use crate::command::Talk;
use crate::error::{CliError, chain};
use crate::source;

use self::form::{builtin_names, delimiter, form};
use self::summary::show;

/// How far ahead of this machine's clock a fact may lie before it is taken for an error.
const SKEW: Duration = Duration::days(1);

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Import, talk: Talk) -> Result<ExitCode, CliError> {
    if args.guess {
        return guess(args, talk);
    }
    // The arguments ask for one of the two.
    let Some(store) = &args.store else { return Err(CliError::input("name the store: --store FILE.db")) };
    let form = form(args)?;
    if form.is_none() {
        return Err(CliError::input(format!(
            "{} is not named .jsonl, so it needs a mapping",
            args.file.display()
        ))
        .hint(format!(
            "--map NAME or --map FILE.toml; built in: {}; --guess proposes one",
            builtin_names()
        )));
    }
    let form = form.unwrap_or(Form::Jsonl);
    let backfill = args.backfill.as_deref().map(str::parse).transpose().map_err(|error| {
        CliError::input(format!("--backfill: {error}")).hint("give a duration such as 1d or 12h")
    })?;
    let options = Options {
        namespace: args.namespace.clone(),
        batch: args.batch.clone(),
        backfill,
        latest: SystemClock.now().checked_add(SKEW),
        encoding: args
            .encoding
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error| CliError::input(format!("--encoding: {error}")))?,
        delimiter: args.delimiter.as_deref().map(delimiter).transpose()?,
        zone: args.zone.as_deref().map(str::parse).transpose().map_err(|error| {
            CliError::input(format!("--zone: {error}"))
                .hint("name it as the IANA does, such as Asia/Shanghai")
        })?,
    };
    let input = source::open_file(&args.file)?;
    let quarantine = match &args.quarantine {
        Some(path) => QuarantineAt::Exactly(path.clone()),
        None => QuarantineAt::Beside(store.clone()),
    };
    let (strict, dry_run, plain) = (args.strict, args.dry_run, &args.plain);
    let file = Input { path: &args.file, quarantine, strict, dry_run, plain };
    if !args.strict && !args.dry_run {
        file.quarantine.check()?;
    }
    let summary = import(&file, input, &form, &options, store, talk)?;
    show(&summary, args, store, talk)?;
    Ok(if summary.bad + summary.further[2] > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Proposes a mapping for a file.
fn guess(args: &args::Import, talk: Talk) -> Result<ExitCode, CliError> {
    let guess = Guess::of(source::open_file(&args.file)?, &name_of(&args.file)).map_err(|error| {
        let told = CliError::input(format!("{}: {}", args.file.display(), chain(&error)));
        match error.hint() {
            Some(hint) => told.hint(hint),
            None => told,
        }
    })?;
    print(&guess.to_toml())?;
    for note in guess.notes() {
        talk.say(&format!("check: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of a file without its ends, as a name for a mapping.
fn name_of(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| "file".into(), |name| name.to_string_lossy());
    let name = name.split('.').find(|part| !part.is_empty()).unwrap_or("file");
    name.chars().filter(|c| !c.is_control()).take(16).collect()
}
