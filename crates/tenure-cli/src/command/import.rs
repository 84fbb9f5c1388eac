//! `tenure import`: a file of facts into a store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pollster::block_on;
use serde_json::json;
use tenure::core::Duration;
use tenure::core::log::{Append, AppendError};
use tenure::ingest::{Fact, Mapping, Options, Outcome, Quarantine, Recipe, Row, RowError, Rows, shown};
use tenure::sqlite::SqliteStore;
use tenure::store::{Clock, EventStore, StoreError, SystemClock};

use crate::answer::print;
use crate::args;
use crate::command::Talk;
use crate::error::{CliError, chain};
use crate::progress::Progress;
use crate::source;
use crate::table::Table;

/// Facts a commit.
const CHUNK: usize = 1000;
/// How many bad rows are told one by one.
const TOLD: u64 = 10;
/// How far ahead of this machine's clock a fact may lie before it is taken for an error.
const SKEW: Duration = Duration::days(1);
/// The note that keeps what each batch was imported with.
const BATCHES: &str = "batches";

/// What an import did.
#[derive(Debug, Default)]
pub struct Summary {
    rows: u64,
    /// Facts that were stored.
    pub imported: u64,
    /// Facts that were there already.
    pub known: u64,
    duplicates: u64,
    bad: u64,
    elsewhere: u64,
}

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Import, talk: &Talk) -> Result<ExitCode, CliError> {
    let mapping = args.map.as_deref().map(mapping).transpose()?;
    let is_jsonl = args.file.extension().is_some_and(|end| end == "jsonl" || end == "ndjson");
    if mapping.is_none() && !is_jsonl {
        return Err(CliError::input(format!(
            "{} is not named .jsonl, so it needs a mapping",
            args.file.display()
        ))
        .hint(format!("--map NAME or --map FILE.toml; built in: {}", builtin_names())));
    }
    let backfill = args.backfill.as_deref().map(str::parse).transpose().map_err(|error| {
        CliError::input(format!("--backfill: {error}")).hint("give a duration such as 1d or 12h")
    })?;
    let options = Options {
        namespace: args.namespace.clone(),
        batch: args.batch.clone(),
        backfill,
        latest: SystemClock.now().checked_add(SKEW),
    };
    let input = source::open_file(&args.file)?;
    let quarantine = args.quarantine.clone().unwrap_or_else(|| beside(&args.store, &args.file));
    let file = Input { path: &args.file, quarantine, strict: args.strict, dry_run: args.dry_run };
    let summary = import(&file, input, mapping.as_ref(), &options, &args.store, talk)?;
    let mut table = Table::new(
        args.file.display().to_string(),
        &[("what", talk.words().field), ("count", talk.words().rows)],
    );
    let w = talk.words();
    for (label, count) in [
        (w.rows, summary.rows),
        (w.imported, summary.imported),
        (w.known, summary.known),
        (w.duplicates, summary.duplicates),
        (w.bad_rows, summary.bad),
        (w.elsewhere, summary.elsewhere),
    ] {
        table.push(vec![label.into(), count.into()]);
    }
    print(&(table.to_terminal(None) + "\n")).map_err(CliError::input)?;
    if args.dry_run {
        talk.say(w.dry_run);
    }
    Ok(if summary.bad > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A file to import and what to do with its bad rows.
pub struct Input<'a> {
    /// Its name.
    pub path: &'a Path,
    /// Where its bad rows go.
    pub quarantine: PathBuf,
    /// Whether one bad row refuses the whole file.
    pub strict: bool,
    /// Whether nothing is to be written.
    pub dry_run: bool,
}

/// Reads a file into a store.
///
/// # Errors
/// Wrong input, or a failing store.
pub fn import(
    file: &Input<'_>,
    input: impl BufRead,
    mapping: Option<&Mapping>,
    options: &Options,
    store: &Path,
    talk: &Talk,
) -> Result<Summary, CliError> {
    let unreadable = |error: tenure::ingest::ReadError| {
        CliError::input(format!("{}: {}", file.path.display(), chain(&error)))
    };
    let rows = match mapping {
        Some(mapping) => Rows::csv(input, mapping, options),
        None => Rows::jsonl(input, options),
    }
    .map_err(unreadable)?;
    let (batch, recipe) = (rows.batch().to_owned(), rows.recipe().clone());
    // A dry run leaves no store behind where there was none.
    let store = if file.dry_run && !store.exists() { None } else { Some(source::open(store)?) };
    let others = match &store {
        Some(store) => other_batches(store, &batch, &recipe, file.dry_run)?,
        None => Vec::new(),
    };
    let mut import = Import {
        file,
        store: store.as_ref(),
        others,
        waiting: Vec::new(),
        quarantine: None,
        summary: Summary::default(),
        bar: Progress::new("importing", 0, talk.quiet),
        talk,
    };
    for row in rows {
        import.take(row.map_err(unreadable)?)?;
    }
    import.finish()
}

struct Import<'a> {
    file: &'a Input<'a>,
    store: Option<&'a SqliteStore>,
    others: Vec<String>,
    waiting: Vec<(Row, Fact)>,
    quarantine: Option<Quarantine<BufWriter<File>>>,
    summary: Summary,
    bar: Progress,
    talk: &'a Talk,
}

impl Import<'_> {
    fn take(&mut self, mut row: Row) -> Result<(), CliError> {
        self.summary.rows += 1;
        self.bar.at(self.summary.rows);
        match core::mem::replace(&mut row.outcome, Outcome::Duplicate { first: 0 }) {
            Outcome::Fact(fact) => {
                // With --strict nothing is written before the last row is read.
                self.waiting.push((row, *fact));
                if self.waiting.len() >= CHUNK && !self.file.strict { self.flush() } else { Ok(()) }
            }
            Outcome::Bad(error) => self.refuse(&row, &error),
            _ => {
                self.summary.duplicates += 1;
                Ok(())
            }
        }
    }

    fn refuse(&mut self, row: &Row, error: &RowError) -> Result<(), CliError> {
        self.summary.bad += 1;
        if self.summary.bad <= TOLD {
            self.talk.warn(&format!(
                "{}:{}: {error}: {}",
                self.file.path.display(),
                row.line,
                shown(&row.bytes)
            ));
        }
        if self.file.strict || self.file.dry_run {
            return Ok(());
        }
        let path = &self.file.quarantine;
        let unwritable = |error| CliError::input(format!("cannot write {}: {error}", path.display()));
        if self.quarantine.is_none() {
            let out = BufWriter::new(File::create(path).map_err(unwritable)?);
            self.quarantine = Some(Quarantine::new(out, &self.file.path.display().to_string()));
        }
        self.quarantine.as_mut().map_or(Ok(()), |quarantine| quarantine.write(row, error)).map_err(unwritable)
    }

    /// Writes what waits, in one commit.
    fn flush(&mut self) -> Result<(), CliError> {
        let mut waiting = core::mem::take(&mut self.waiting);
        let Some(store) = self.store else {
            self.summary.imported += waiting.len() as u64;
            return Ok(());
        };
        for batch in &self.others {
            let ids: Vec<_> = waiting
                .iter()
                .map(|(_, fact)| fact)
                .filter(|fact| !fact.own_id())
                .map(|fact| fact.id_under(batch))
                .collect();
            self.summary.elsewhere += source::known(store, &ids)? as u64;
        }
        while !waiting.is_empty() {
            let events = waiting.iter().map(|(_, fact)| fact.event.clone()).collect();
            if self.file.dry_run {
                let ids: Vec<_> = waiting.iter().map(|(_, fact)| fact.event.id()).collect();
                let known = source::known(store, &ids)?;
                self.summary.known += known as u64;
                self.summary.imported += (waiting.len() - known) as u64;
                return Ok(());
            }
            match block_on(store.append(Append::new(events))) {
                Ok(appended) => {
                    let stored = appended.stored();
                    self.summary.imported += stored as u64;
                    self.summary.known += (waiting.len() - stored) as u64;
                    return Ok(());
                }
                // One row names a stored fact's id with other content: it is bad, the others are not.
                Err(StoreError::Refused(AppendError::IdTaken { id, position })) => {
                    let taken = RowError::Taken { id, position };
                    let (bad, good) = waiting.into_iter().partition(|(_, fact)| fact.event.id() == id);
                    waiting = good;
                    let bad: Vec<(Row, Fact)> = bad;
                    for (row, _) in &bad {
                        self.refuse(row, &taken)?;
                    }
                    if self.file.strict {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Summary, CliError> {
        let w = self.talk.words();
        if !(self.file.strict && self.summary.bad > 0) {
            self.flush()?;
        }
        drop(self.bar);
        if self.summary.bad > TOLD {
            self.talk.warn(&format!("... {} {} in all", self.summary.bad, w.bad_rows));
        }
        if self.file.strict && self.summary.bad > 0 {
            return Err(CliError::input(format!(
                "{}: {} of {} rows are bad; nothing was imported",
                self.file.path.display(),
                self.summary.bad,
                self.summary.rows
            ))
            .hint("correct them, or import without --strict: bad rows go to a quarantine file"));
        }
        if let Some(quarantine) = self.quarantine {
            let path = self.file.quarantine.display();
            quarantine.finish().map_err(|error| CliError::input(format!("cannot write {path}: {error}")))?;
            self.talk.say(&format!("{}: {path}", w.quarantine));
        }
        Ok(self.summary)
    }
}

/// Registers the batch and gives the keys of the others; refuses one that was imported in another way before.
fn other_batches(
    store: &SqliteStore,
    batch: &str,
    recipe: &Recipe,
    dry_run: bool,
) -> Result<Vec<String>, CliError> {
    loop {
        let note = block_on(store.note(BATCHES))?;
        let mut batches: BTreeMap<String, Recipe> =
            note.as_deref().map_or(Ok(BTreeMap::new()), serde_json::from_str).map_err(|error| {
                CliError::input(format!("the store's list of batches cannot be read: {error}"))
            })?;
        if let Some(why) = batches.get(batch).and_then(|earlier| earlier.conflicts_with(recipe)) {
            return Err(CliError::input(format!("batch \"{batch}\": {why}"))
                .hint(format!("tenure void --batch {batch} --store ...; then import with --batch NEW")));
        }
        let others = batches.keys().filter(|key| *key != batch).cloned().collect();
        if dry_run || batches.contains_key(batch) {
            return Ok(others);
        }
        batches.insert(batch.to_owned(), recipe.clone());
        match block_on(store.put_note(BATCHES, note.as_deref(), &json!(batches).to_string())) {
            Ok(()) => return Ok(others),
            // Another import registered its batch meanwhile.
            Err(StoreError::NoteChanged { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn mapping(name: &str) -> Result<Mapping, CliError> {
    if let Some(mapping) = Mapping::builtin(name) {
        return Ok(mapping);
    }
    let text = fs::read_to_string(name).map_err(|error| {
        CliError::input(format!("--map {name}: {error}"))
            .hint(format!("name a TOML file or a built-in mapping: {}", builtin_names()))
    })?;
    Mapping::parse(name, &text).map_err(|error| CliError::input(chain(&error)))
}

fn builtin_names() -> String {
    Mapping::builtin_names().collect::<Vec<_>>().join(", ")
}

/// `FILE.quarantine.jsonl` in the directory of the store.
fn beside(store: &Path, file: &Path) -> PathBuf {
    let name = file.file_name().map_or_else(|| "import".into(), |name| name.to_string_lossy());
    store.with_file_name(format!("{name}.quarantine.jsonl"))
}
