//! `tenure import`: a file of facts into a store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use pollster::block_on;
use serde_json::{Value, json};
use tenure::core::log::{Append, AppendError, Corrections, FactBlock, Read};
use tenure::core::{Duration, LineError, Position};
use tenure::ingest::{
    Fact, Mapping, Options, Outcome, Quarantine, ReadError, Recipe, Row, RowError, Rows, shown,
};
use tenure::sqlite::SqliteStore;
use tenure::store::{Clock, EventStore, StoreError, SystemClock};

use crate::answer::{Answer, Format, print_json};
use crate::args;
use crate::command::{Talk, warn};
use crate::error::{CliError, chain};
use crate::lang::{Words, fill};
use crate::progress::Progress;
use crate::source;
use crate::table::{Cell, Table};

/// Facts a commit.
const CHUNK: usize = 1000;
/// Stored facts that a dry run reads at once to compare.
const COMPARED: usize = 64;
/// How many bad rows are told one by one.
const TOLD: u64 = 10;
/// How many sorts of bad rows are told apart.
const SORTS: usize = 50;
/// How far ahead of this machine's clock a fact may lie before it is taken for an error.
const SKEW: Duration = Duration::days(1);
/// The note that keeps what each batch was imported with.
const BATCHES: &str = "batches";
/// What `--map` says of a file of interchange JSON that is not named so.
const JSONL: &str = "jsonl";

/// What an import did.
#[derive(Debug, Default)]
pub struct Summary {
    rows: u64,
    /// Facts that were stored.
    pub imported: u64,
    /// Facts that were there already.
    pub known: u64,
    /// Facts among those of the file that were taken back before, and stay so.
    taken_back: u64,
    duplicates: u64,
    bad: u64,
    /// Rows that stand in other batches, too, by the batch.
    elsewhere: BTreeMap<String, u64>,
    /// The bad rows by what is wrong and where.
    problems: BTreeMap<(Sort, String), Problem>,
    batch: String,
    quarantine: Option<PathBuf>,
}

/// What is wrong with a row, without the particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    TooLong,
    Encoding,
    Quotes,
    Cells,
    Cell,
    Json,
    Field,
    Future,
    SameId,
    Other,
}

/// Bad rows of one sort.
#[derive(Debug)]
struct Problem {
    rows: u64,
    first_line: u64,
    /// What is wrong with the first one.
    example: String,
}

impl Sort {
    const fn of(error: &RowError) -> Self {
        match error {
            RowError::TooLong { .. } => Self::TooLong,
            RowError::Encoding { .. } => Self::Encoding,
            RowError::OpenQuote { .. } | RowError::TextAfterQuote { .. } => Self::Quotes,
            RowError::Cells { .. } => Self::Cells,
            RowError::Cell { .. } => Self::Cell,
            RowError::Line(LineError::Json(_) | LineError::Object) => Self::Json,
            RowError::Fact { .. } | RowError::Line(_) => Self::Field,
            RowError::Future { .. } => Self::Future,
            RowError::SameId { .. } | RowError::Taken { .. } => Self::SameId,
            _ => Self::Other,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Encoding => "encoding",
            Self::Quotes => "quotes",
            Self::Cells => "cells",
            Self::Cell => "cell",
            Self::Json => "json",
            Self::Field => "field",
            Self::Future => "future",
            Self::SameId => "same_id",
            Self::Other => "other",
        }
    }

    const fn label(self, w: &'static Words) -> &'static str {
        match self {
            Self::TooLong => w.too_long,
            Self::Encoding => w.not_text,
            Self::Quotes => w.bad_quote,
            Self::Cells => w.cell_count,
            Self::Cell => w.bad_cell,
            Self::Json => w.not_json,
            Self::Field => w.bad_field,
            Self::Future => w.in_future,
            Self::SameId => w.same_id,
            Self::Other => w.other_problem,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Wrong usage or input, or a failing store.
pub fn run(args: &args::Import, talk: Talk) -> Result<ExitCode, CliError> {
    let named = args.map.as_deref();
    let mapping = named.filter(|name| *name != JSONL).map(mapping).transpose()?;
    let is_jsonl = args.file.extension().is_some_and(|end| end == "jsonl" || end == "ndjson");
    if named.is_none() && !is_jsonl {
        return Err(CliError::input(format!(
            "{} is not named .jsonl, so it needs a mapping",
            args.file.display()
        ))
        .hint(format!(
            "--map NAME or --map FILE.toml; built in: {}; --map jsonl for interchange JSON",
            builtin_names()
        )));
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
    let quarantine = match &args.quarantine {
        Some(path) => QuarantineAt::Exactly(path.clone()),
        None => QuarantineAt::Beside(args.store.clone()),
    };
    let file = Input { path: &args.file, quarantine, strict: args.strict, dry_run: args.dry_run };
    if !args.strict && !args.dry_run {
        file.quarantine.check()?;
    }
    let summary = import(&file, input, mapping.as_ref(), &options, &args.store, talk)?;
    show(&summary, args, talk)?;
    Ok(if summary.bad > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn show(summary: &Summary, args: &args::Import, talk: Talk) -> Result<(), CliError> {
    let w = talk.words();
    if summary.taken_back > 0 {
        warn(&fill(w.still_void, &[&summary.taken_back]));
    }
    if !args.dry_run {
        for rows in summary.elsewhere.values() {
            warn(&fill(w.coincide, &[rows, &summary.batch, &args.store.display()]));
        }
    }
    if matches!(args.format, Format::Json | Format::Jsonl) {
        return print_json(&format!("{}\n", summary_json(summary, args)));
    }
    let mut counts = Table::new("", &[("outcome", w.outcome), ("rows", w.rows)]);
    for (code, label, rows) in [
        ("rows", w.read, summary.rows),
        ("imported", w.imported, summary.imported),
        ("known", w.known, summary.known),
        ("taken_back", w.taken_back, summary.taken_back),
        ("duplicates", w.duplicates, summary.duplicates),
        ("bad", w.bad_rows, summary.bad),
        ("elsewhere", w.elsewhere, summary.elsewhere.values().sum()),
    ] {
        counts.push(vec![Cell::Code(code.into(), label.into()), rows.into()]);
    }
    let columns = [
        ("problem", w.problem),
        ("place", w.place),
        ("rows", w.rows),
        ("first_line", w.first_line),
        ("example", w.example),
    ];
    let mut problems = Table::new(w.bad_rows, &columns);
    for ((sort, place), problem) in by_size(summary) {
        problems.push(vec![
            Cell::Code(sort.code().into(), sort.label(w).into()),
            place.as_str().into(),
            problem.rows.into(),
            problem.first_line.into(),
            problem.example.as_str().into(),
        ]);
    }
    let mut answer = Answer::of_table(counts);
    answer.heading = crate::table::safe(&args.file.display().to_string());
    answer.tables.push(problems);
    if let Some(path) = &summary.quarantine {
        answer.notes.push(format!("{}: {}", w.quarantine, crate::table::safe(&path.display().to_string())));
    }
    if args.dry_run {
        answer.notes.push(w.dry_run.into());
    }
    answer.print(args.format)
}

fn summary_json(summary: &Summary, args: &args::Import) -> Value {
    let elsewhere: Vec<Value> =
        summary.elsewhere.iter().map(|(batch, rows)| json!({"batch": batch, "rows": rows})).collect();
    let problems: Vec<Value> = by_size(summary)
        .into_iter()
        .map(|((sort, place), problem)| {
            json!({
                "problem": sort.code(),
                "place": (!place.is_empty()).then_some(place),
                "rows": problem.rows,
                "first_line": problem.first_line,
                "example": problem.example,
            })
        })
        .collect();
    json!({
        "file": args.file.display().to_string(),
        "batch": summary.batch,
        "dry_run": args.dry_run,
        "rows": summary.rows,
        "imported": summary.imported,
        "known": summary.known,
        "taken_back": summary.taken_back,
        "duplicates": summary.duplicates,
        "bad": summary.bad,
        "elsewhere": elsewhere,
        "problems": problems,
        "quarantine": summary.quarantine.as_ref().map(|path| path.display().to_string()),
    })
}

/// The most frequent sort first.
fn by_size(summary: &Summary) -> Vec<(&(Sort, String), &Problem)> {
    let mut problems: Vec<_> = summary.problems.iter().collect();
    problems.sort_by_key(|(key, problem)| (core::cmp::Reverse(problem.rows), *key));
    problems
}

/// Where bad rows go. A quarantine file that is there is never written over: it may hold the only copy of somebody's
/// corrections.
#[derive(Debug)]
pub enum QuarantineAt {
    /// To this file.
    Exactly(PathBuf),
    /// To a file of its own in the directory of this store.
    Beside(PathBuf),
}

impl QuarantineAt {
    /// Refuses, before anything is written, what could not be written later.
    fn check(&self) -> Result<(), CliError> {
        let Self::Exactly(path) = self else { return Ok(()) };
        if path.exists() {
            return Err(CliError::input(format!("--quarantine {}: it exists already", path.display()))
                .hint("name another file; earlier bad rows are not written over"));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        match parent.filter(|parent| !parent.is_dir()) {
            Some(parent) => {
                Err(CliError::input(format!("--quarantine: there is no directory {}", parent.display())))
            }
            None => Ok(()),
        }
    }

    /// Makes the file.
    fn create(&self, file: &Path) -> Result<(PathBuf, File), CliError> {
        let unwritable = |path: &Path, error: &io::Error| {
            CliError::input(format!("cannot write {}: {error}", path.display()))
        };
        let store = match self {
            Self::Exactly(path) => {
                return File::create_new(path)
                    .map(|out| (path.clone(), out))
                    .map_err(|error| unwritable(path, &error));
            }
            Self::Beside(store) => store,
        };
        let name = file.file_name().map_or_else(|| "import".into(), |name| name.to_string_lossy());
        let mut number = 1_u32;
        loop {
            let path = match number {
                1 => store.with_file_name(format!("{name}.quarantine.jsonl")),
                _ => store.with_file_name(format!("{name}.quarantine.{number}.jsonl")),
            };
            match File::create_new(&path) {
                Ok(out) => return Ok((path, out)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => {
                    number += 1;
                }
                Err(error) => return Err(unwritable(&path, &error)),
            }
        }
    }
}

/// A file to import and what to do with its bad rows.
#[derive(Debug)]
pub struct Input<'a> {
    /// Its name.
    pub path: &'a Path,
    /// Where its bad rows go.
    pub quarantine: QuarantineAt,
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
    talk: Talk,
) -> Result<Summary, CliError> {
    let unreadable = |error: &ReadError| {
        let told = CliError::input(format!("{}: {}", file.path.display(), chain(error)));
        match error.hint() {
            Some(hint) => told.hint(hint),
            None => told,
        }
    };
    let rows = match mapping {
        Some(mapping) => Rows::csv(input, mapping, options),
        None => Rows::jsonl(input, options),
    }
    .map_err(|error| unreadable(&error))?;
    let mut import = Import {
        file,
        path: store,
        recipe: rows.recipe().clone(),
        store: None,
        batches: None,
        others: Vec::new(),
        corrections: Corrections::new(),
        waiting: Vec::new(),
        quarantine: None,
        summary: Summary { batch: rows.batch().to_owned(), ..Summary::default() },
        bar: Progress::new(talk.words().importing, 0, talk.quiet),
        talk,
    };
    // With --strict the store is not touched, nor made, before the last row was found good.
    if !file.strict {
        import.open()?;
    }
    for row in rows {
        import.take(row.map_err(|error| unreadable(&error))?)?;
    }
    import.finish()
}

struct Import<'a> {
    file: &'a Input<'a>,
    path: &'a Path,
    recipe: Recipe,
    store: Option<SqliteStore>,
    /// The store's list of batches before and with this one, where it was not in it.
    batches: Option<(Option<String>, String)>,
    others: Vec<String>,
    corrections: Corrections,
    waiting: Vec<(Row, Fact)>,
    quarantine: Option<Quarantine<BufWriter<File>>>,
    summary: Summary,
    bar: Progress,
    talk: Talk,
}

impl Import<'_> {
    /// Opens the store, holds the batch against earlier imports under its key, and registers it.
    fn open(&mut self) -> Result<(), CliError> {
        // A dry run leaves no store behind where there was none.
        if self.file.dry_run && fs::metadata(self.path).map_or(0, |found| found.len()) == 0 {
            return source::can_be_made(self.path);
        }
        let store =
            if self.file.dry_run { source::open_existing(self.path)? } else { source::open(self.path)? };
        let registered = register(&store, &self.summary.batch, &self.recipe, self.file.dry_run)?;
        (self.others, self.batches) = registered;
        self.corrections = source::corrections(&store)?;
        self.store = Some(store);
        Ok(())
    }

    fn take(&mut self, mut row: Row) -> Result<(), CliError> {
        self.summary.rows += 1;
        self.bar.at(self.summary.rows);
        match core::mem::replace(&mut row.outcome, Outcome::Duplicate { first: 0 }) {
            Outcome::Fact(fact) => {
                self.waiting.push((row, *fact));
                // With --strict nothing is written before the last row is read.
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
            let file = self.file.path.display();
            self.bar.aside(|| warn(&format!("{file}:{}: {error}: {}", row.line, shown(&row.bytes))));
        }
        let place = shown(error.column().or_else(|| error.field()).unwrap_or_default().as_bytes());
        let problems = &mut self.summary.problems;
        let mut key = (Sort::of(error), place);
        if problems.len() >= SORTS && !problems.contains_key(&key) {
            key.1.clear();
        }
        let problem = problems.entry(key).or_insert_with(|| Problem {
            rows: 0,
            first_line: row.line,
            example: shown(error.to_string().as_bytes()),
        });
        problem.rows += 1;
        if self.file.strict || self.file.dry_run {
            return Ok(());
        }
        if self.quarantine.is_none() {
            let (path, out) = self.file.quarantine.create(self.file.path)?;
            self.quarantine =
                Some(Quarantine::new(BufWriter::new(out), &self.file.path.display().to_string()));
            self.summary.quarantine = Some(path);
        }
        match &mut self.quarantine {
            Some(quarantine) => quarantine.write(row, error).map_err(|error| self.unwritable(&error)),
            None => Ok(()),
        }
    }

    fn unwritable(&self, error: &io::Error) -> CliError {
        let path = self.summary.quarantine.clone().unwrap_or_default();
        CliError::input(format!("cannot write {}: {error}", path.display()))
    }

    /// Counts rows that stand in other batches, too, and facts that were taken back before.
    fn compare(&mut self, store: &SqliteStore) -> Result<(), CliError> {
        for (_, fact) in &self.waiting {
            let event = &fact.event;
            if self.corrections.is_voided(event.id(), event.customer().id()) {
                self.summary.taken_back += 1;
            }
        }
        // What was taken back, here or there, does not count twice.
        let counts = |id, fact: &Fact| !self.corrections.is_voided(id, fact.event.customer().id());
        let own: Vec<&Fact> = self
            .waiting
            .iter()
            .map(|(_, fact)| fact)
            .filter(|fact| !fact.own_id() && counts(fact.event.id(), fact))
            .collect();
        for batch in &self.others {
            let ids: Vec<_> = own.iter().map(|fact| fact.id_under(batch)).collect();
            let known = source::known(store, &ids)?;
            let both = own.iter().zip(&ids).zip(known);
            let both = both.filter(|((fact, id), known)| *known && counts(**id, fact)).count() as u64;
            if both > 0 {
                *self.summary.elsewhere.entry(batch.clone()).or_default() += both;
            }
        }
        Ok(())
    }

    /// Writes what waits, in one commit.
    fn flush(&mut self) -> Result<(), CliError> {
        let Some(store) = self.store.take() else {
            self.summary.imported += self.waiting.len() as u64;
            self.waiting.clear();
            return Ok(());
        };
        let done = self.compare(&store).and_then(|()| self.append(&store));
        self.store = Some(store);
        done
    }

    fn append(&mut self, store: &SqliteStore) -> Result<(), CliError> {
        let mut waiting = core::mem::take(&mut self.waiting);
        if self.file.dry_run {
            return self.foresee(store, waiting);
        }
        while !waiting.is_empty() {
            let events = waiting.iter().map(|(_, fact)| fact.event.clone()).collect();
            match block_on(store.append(Append::new(events))) {
                Ok(appended) => {
                    let stored = appended.stored();
                    self.summary.imported += stored as u64;
                    self.summary.known += waiting.len().saturating_sub(stored) as u64;
                    return Ok(());
                }
                // One row names a stored fact's id with other content: it is bad, the others are not.
                Err(StoreError::Refused(AppendError::IdTaken { id, position })) => {
                    let taken = RowError::Taken { id, position };
                    let (bad, good): (Vec<_>, Vec<_>) =
                        waiting.into_iter().partition(|(_, fact)| fact.event.id() == id);
                    waiting = good;
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

    /// What an append would do, without one.
    fn foresee(&mut self, store: &SqliteStore, waiting: Vec<(Row, Fact)>) -> Result<(), CliError> {
        let ids: Vec<_> = waiting.iter().map(|(_, fact)| fact.event.id()).collect();
        let places = block_on(store.known(&ids))?;
        let mut known: Vec<(Position, Row, Fact)> = Vec::new();
        for (place, (row, fact)) in places.into_iter().zip(waiting) {
            match place {
                Some(position) => known.push((position, row, fact)),
                None => self.summary.imported += 1,
            }
        }
        // In the order of the log, so that one page serves many.
        known.sort_by_key(|(position, ..)| *position);
        let mut page = FactBlock::default();
        for (position, row, fact) in known {
            if !page.iter().any(|stored| stored.position == position) {
                let before = Position(position.0.saturating_sub(1));
                page = block_on(store.read(&Read::all().from(before).limit(COMPARED)))?.facts;
            }
            let stored = page.iter().find(|stored| stored.position == position);
            if stored.is_none_or(|stored| stored.event.same_content(&fact.event.view())) {
                self.summary.known += 1;
            } else {
                self.refuse(&row, &RowError::Taken { id: fact.event.id(), position: Some(position) })?;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Summary, CliError> {
        let w = self.talk.words();
        if !self.file.strict {
            self.flush()?;
        } else if self.summary.bad == 0 {
            self.open()?;
            self.flush()?;
            if self.summary.bad > 0 {
                self.unregister()?;
            }
        }
        drop(self.bar);
        if self.summary.bad > TOLD {
            warn(&fill(w.bad_in_all, &[&self.summary.bad]));
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
            let path = self.summary.quarantine.clone().unwrap_or_default();
            quarantine
                .finish()
                .map_err(|error| CliError::input(format!("cannot write {}: {error}", path.display())))?;
        }
        Ok(self.summary)
    }

    /// Takes the batch off the store's list again, unless somebody changed the list meanwhile.
    fn unregister(&self) -> Result<(), CliError> {
        let (Some(store), Some((before, with))) = (&self.store, &self.batches) else { return Ok(()) };
        match block_on(store.put_note(BATCHES, Some(with), before.as_deref().unwrap_or("{}"))) {
            Ok(()) | Err(StoreError::NoteChanged { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// The other batches of a store; and its list of batches before and with this one, where it was not in it.
type Registered = (Vec<String>, Option<(Option<String>, String)>);

/// The store's list of batches, as it is written and read.
///
/// # Errors
/// If it cannot be read.
pub fn batches(store: &SqliteStore) -> Result<(Option<String>, BTreeMap<String, Recipe>), CliError> {
    let note = block_on(store.note(BATCHES))?;
    let read = note.as_deref().map_or(Ok(BTreeMap::new()), serde_json::from_str);
    let batches = read
        .map_err(|error| CliError::input(format!("the store's list of batches cannot be read: {error}")))?;
    Ok((note, batches))
}

/// Registers the batch; refuses one that was imported in another way before.
fn register(
    store: &SqliteStore,
    batch: &str,
    recipe: &Recipe,
    dry_run: bool,
) -> Result<Registered, CliError> {
    loop {
        let (note, mut batches) = batches(store)?;
        if let Some(why) = batches.get(batch).and_then(|earlier| earlier.conflicts_with(recipe)) {
            return Err(CliError::input(format!("batch \"{batch}\": {why}"))
                .hint(format!("tenure void --batch {batch} --store ...; then import with --batch NEW")));
        }
        let others = batches.keys().filter(|key| *key != batch).cloned().collect();
        if dry_run || batches.contains_key(batch) {
            return Ok((others, None));
        }
        batches.insert(batch.to_owned(), recipe.clone());
        let with = json!(batches).to_string();
        match block_on(store.put_note(BATCHES, note.as_deref(), &with)) {
            Ok(()) => return Ok((others, Some((note, with)))),
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
        CliError::input(format!("--map {name}: {error}")).hint(format!(
            "name a TOML file or a built-in mapping: {}; jsonl for interchange JSON",
            builtin_names()
        ))
    })?;
    Mapping::parse(name, &text).map_err(|error| CliError::input(chain(&error)))
}

fn builtin_names() -> String {
    Mapping::builtin_names().collect::<Vec<_>>().join(", ")
}
