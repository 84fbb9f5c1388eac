//! `tenure import`: a file of facts into a store.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use pollster::block_on;
use serde_json::{Value, json};
use tenure::core::log::{Append, AppendError, Corrections, FactBlock, Read};
use tenure::core::{Duration, LineError, Position};
use tenure::ingest::{
    Fact, GroupSizes, Guess, Mapping, Options, Outcome, Quarantine, ReadError, Recipe, Row, RowError, Rows,
    shown,
};
use tenure::sqlite::SqliteStore;
use tenure::store::seal::Erase;
use tenure::store::{Clock, EventStore, StoreError, SystemClock};

use crate::answer::{Answer, Format, print, print_json};
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
/// What `--map` says of a file of Segment messages.
const SEGMENT: &str = "segment_jsonl";

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
    /// Rows that are lines of the fact of another row.
    joined: u64,
    /// Those of them that equal an earlier one of the same fact.
    equal_lines: u64,
    left_out: u64,
    bad: u64,
    /// Further facts of rows that were stored, were there already, or were refused.
    further: [u64; 3],
    /// The rows left out by the reason of the mapping.
    reasons: BTreeMap<String, Problem>,
    /// Rows that stand in other batches, too, by the batch.
    elsewhere: BTreeMap<String, u64>,
    /// The bad rows by what is wrong and where.
    problems: BTreeMap<(String, String), Problem>,
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
    Group,
    Other,
}

/// Rows of one sort that are no facts.
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
            RowError::Encoding { .. } | RowError::Undecodable { .. } => Self::Encoding,
            RowError::Group { .. } | RowError::Changed { .. } => Self::Group,
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
            Self::Group => "group",
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
            Self::Group => w.bad_group,
            Self::Other => w.other_problem,
        }
    }
}

/// A code of a problem or reason with the words for it; a reason of somebody's own mapping stands for itself.
fn label(code: &str, w: &'static Words) -> Cell {
    let known = SORTS_TOLD.iter().find(|sort| sort.code() == code).map(|sort| sort.label(w));
    let text = known.unwrap_or(match code {
        "missing_customer" => w.missing_customer,
        "missing_order" => w.missing_order,
        "zero_price" => w.zero_price,
        "negative_price" => w.negative_price,
        "not_paid" => w.not_paid,
        other => return Cell::Code(other.into(), other.into()),
    });
    Cell::Code(code.into(), text.into())
}

const SORTS_TOLD: [Sort; 11] = [
    Sort::TooLong,
    Sort::Encoding,
    Sort::Quotes,
    Sort::Cells,
    Sort::Cell,
    Sort::Json,
    Sort::Field,
    Sort::Future,
    Sort::SameId,
    Sort::Group,
    Sort::Other,
];

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

/// How the lines of a file become facts.
#[derive(Debug)]
pub enum Form {
    /// Interchange JSON.
    Jsonl,
    /// Messages of the Segment specification.
    Segment,
    /// Cells, by a mapping.
    Csv(Box<Mapping>),
}

/// What the arguments say of the file; none where they say nothing.
fn form(args: &args::Import) -> Result<Option<Form>, CliError> {
    Ok(match args.map.as_deref() {
        Some(JSONL) => Some(Form::Jsonl),
        Some(SEGMENT) => Some(Form::Segment),
        Some(name) => Some(Form::Csv(Box::new(mapping(name)?))),
        None => named_jsonl(&args.file).then_some(Form::Jsonl),
    })
}

/// Whether a file is named as one of JSON lines, packed or not.
fn named_jsonl(path: &Path) -> bool {
    let is = |path: &Path, ends: &[&str]| {
        path.extension().and_then(|end| end.to_str()).is_some_and(|end| ends.contains(&end))
    };
    let bare = if is(path, &["gz", "zst"]) { path.with_extension("") } else { path.to_owned() };
    is(&bare, &["jsonl", "ndjson"])
}

/// The character between cells, as people type it.
fn delimiter(text: &str) -> Result<u8, CliError> {
    match text {
        "tab" | "\\t" => Ok(b'\t'),
        _ => match text.as_bytes() {
            [byte] => Ok(*byte),
            _ => Err(CliError::input(format!("--delimiter: \"{text}\" is not one character"))
                .hint("such as --delimiter ';' or --delimiter tab")),
        },
    }
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

fn show(summary: &Summary, args: &args::Import, store: &Path, talk: Talk) -> Result<(), CliError> {
    let w = talk.words();
    if summary.taken_back > 0 {
        warn(&fill(w.still_void, &[&summary.taken_back]));
    }
    if !args.dry_run {
        for rows in summary.elsewhere.values() {
            warn(&fill(w.coincide, &[rows, &summary.batch, &store.display()]));
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
        ("joined", w.joined, summary.joined),
        ("equal_lines", w.equal_lines, summary.equal_lines),
        ("duplicates", w.duplicates, summary.duplicates),
        ("left_out", w.left_out, summary.left_out),
        ("bad", w.bad_rows, summary.bad),
        ("elsewhere", w.elsewhere, summary.elsewhere.values().sum()),
        ("further_imported", w.further_imported, summary.further[0]),
        ("further_known", w.further_known, summary.further[1]),
        ("further_bad", w.further_bad, summary.further[2]),
    ] {
        // What most files have none of is told only where there is some.
        let seldom = !["rows", "imported", "known", "duplicates", "bad"].contains(&code);
        if seldom && rows == 0 && args.format == Format::Table {
            continue;
        }
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
    for ((code, place), problem) in by_size(&summary.problems) {
        problems.push(vec![
            label(code, w),
            place.as_str().into(),
            problem.rows.into(),
            problem.first_line.into(),
            problem.example.as_str().into(),
        ]);
    }
    let mut answer = Answer::of_table(counts);
    answer.heading = crate::table::safe(&args.file.display().to_string());
    let columns = [("reason", w.reason), ("rows", w.rows), ("first_line", w.first_line)];
    let mut left_out = Table::new(w.left_out, &columns);
    for (reason, problem) in by_size(&summary.reasons) {
        left_out.push(vec![label(reason, w), problem.rows.into(), problem.first_line.into()]);
    }
    answer.tables.push(left_out);
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
    let reasons: Vec<Value> = by_size(&summary.reasons)
        .into_iter()
        .map(|(reason, rows)| json!({"reason": reason, "rows": rows.rows, "first_line": rows.first_line}))
        .collect();
    let problems: Vec<Value> = by_size(&summary.problems)
        .into_iter()
        .map(|((code, place), problem)| {
            json!({
                "problem": code,
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
        "joined": summary.joined,
        "equal_lines": summary.equal_lines,
        "duplicates": summary.duplicates,
        "left_out": summary.left_out,
        "bad": summary.bad,
        "elsewhere": elsewhere,
        "further": {"imported": summary.further[0], "known": summary.further[1], "bad": summary.further[2]},
        "reasons": reasons,
        "problems": problems,
        "quarantine": summary.quarantine.as_ref().map(|path| path.display().to_string()),
    })
}

/// The most frequent sort first, of equal ones that which came first.
fn by_size<K: Ord>(problems: &BTreeMap<K, Problem>) -> Vec<(&K, &Problem)> {
    let mut problems: Vec<_> = problems.iter().collect();
    problems.sort_by_key(|(key, problem)| (core::cmp::Reverse(problem.rows), problem.first_line, *key));
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
    /// Attributes of profiles that are no personal data.
    pub plain: &'a [String],
}

/// Reads a file into a store.
///
/// # Errors
/// Wrong input, or a failing store.
pub fn import(
    file: &Input<'_>,
    input: impl BufRead,
    form: &Form,
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
    let mut total = 0;
    let rows = match form {
        Form::Csv(mapping) if mapping.is_grouped() && file.path.is_file() => {
            // Read twice, so that only incomplete groups are held.
            let counting = Progress::new(talk.words().counting, 0, talk.quiet);
            let sizes = GroupSizes::count(source::open_file(file.path)?, mapping, options);
            let sizes = sizes.map_err(|error| unreadable(&error))?;
            drop(counting);
            total = sizes.rows();
            Rows::csv(input, mapping, options).map(|rows| rows.with_group_sizes(sizes))
        }
        Form::Csv(mapping) => Rows::csv(input, mapping, options),
        Form::Jsonl => Rows::jsonl(input, options),
        Form::Segment => Rows::segment(input, options),
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
        bar: Progress::new(talk.words().importing, total, talk.quiet),
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
    store: Option<Rc<SqliteStore>>,
    /// The store's list of batches before and with this one, where it was not in it.
    batches: Option<(Option<String>, String)>,
    others: Vec<String>,
    corrections: Corrections,
    waiting: Vec<Waiting>,
    quarantine: Option<Quarantine<BufWriter<File>>>,
    summary: Summary,
    bar: Progress,
    talk: Talk,
}

/// A fact that is to be stored.
struct Waiting {
    row: Row,
    fact: Fact,
    /// Whether it is a further fact of a row that is counted by another one.
    further: bool,
}

impl Import<'_> {
    /// Opens the store, holds the batch against earlier imports under its key, and registers it.
    fn open(&mut self) -> Result<(), CliError> {
        // A dry run leaves no store behind where there was none.
        if self.file.dry_run && fs::metadata(self.path).map_or(0, |found| found.len()) == 0 {
            return source::can_be_made(self.path);
        }
        let store = if self.file.dry_run {
            source::open_existing(self.path)?
        } else {
            source::open(self.path, self.file.plain)?
        };
        let registered = register(&store, &self.summary.batch, &self.recipe, self.file.dry_run)?;
        (self.others, self.batches) = registered;
        self.corrections = source::corrections(&store)?;
        self.store = Some(Rc::new(store));
        Ok(())
    }

    fn take(&mut self, mut row: Row) -> Result<(), CliError> {
        self.summary.rows += 1;
        self.bar.at(self.summary.rows);
        match core::mem::replace(&mut row.outcome, Outcome::Duplicate { first: 0 }) {
            Outcome::Fact(fact) => {
                let more = core::mem::take(&mut row.more);
                let further = more.into_iter().map(|fact| Waiting { row: row.clone(), fact, further: true });
                let further: Vec<_> = further.collect();
                self.waiting.push(Waiting { row, fact: *fact, further: false });
                self.waiting.extend(further);
                // With --strict nothing is written before the last row is read.
                if self.waiting.len() >= CHUNK && !self.file.strict { self.flush() } else { Ok(()) }
            }
            Outcome::Bad(error) => {
                self.summary.bad += 1;
                self.refuse(&row, &error)
            }
            Outcome::Joined { equal, .. } => {
                self.summary.joined += 1;
                self.summary.equal_lines += u64::from(equal);
                Ok(())
            }
            Outcome::LeftOut { reason } => {
                self.summary.left_out += 1;
                let new = || Problem { rows: 0, first_line: row.line, example: String::new() };
                self.summary.reasons.entry(reason.into()).or_insert_with(new).rows += 1;
                Ok(())
            }
            _ => {
                self.summary.duplicates += 1;
                Ok(())
            }
        }
    }

    fn refuse(&mut self, row: &Row, error: &RowError) -> Result<(), CliError> {
        if self.summary.bad + self.summary.further[2] <= TOLD {
            let file = self.file.path.display();
            self.bar.aside(|| warn(&format!("{file}:{}: {error}: {}", row.line, shown(&row.bytes))));
        }
        let place = shown(error.column().or_else(|| error.field()).unwrap_or_default().as_bytes());
        let problems = &mut self.summary.problems;
        let code = match error {
            RowError::Rule { reason, .. } => reason.to_string(),
            _ => Sort::of(error).code().to_owned(),
        };
        let mut key = (code, place);
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
        let sealed = match (&row.owner, &self.store) {
            (Some(owner), Some(store)) => Some(block_on(store.seal_beside(owner.id(), &row.bytes))?),
            _ => None,
        };
        let written = match (&mut self.quarantine, sealed) {
            (Some(quarantine), Some(sealed)) => quarantine.write_sealed(row, error, sealed),
            (Some(quarantine), None) => quarantine.write(row, error),
            (None, _) => Ok(()),
        };
        written.map_err(|error| self.unwritable(&error))
    }

    fn unwritable(&self, error: &io::Error) -> CliError {
        let path = self.summary.quarantine.clone().unwrap_or_default();
        CliError::input(format!("cannot write {}: {error}", path.display()))
    }

    /// Counts rows that stand in other batches, too, and facts that were taken back before.
    fn compare(&mut self, store: &SqliteStore) -> Result<(), CliError> {
        for Waiting { fact, .. } in self.waiting.iter().filter(|waiting| !waiting.further) {
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
            .filter(|waiting| !waiting.further)
            .map(|waiting| &waiting.fact)
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
        let Some(store) = self.store.clone() else {
            for waiting in self.waiting.drain(..) {
                *(if waiting.further { &mut self.summary.further[0] } else { &mut self.summary.imported }) +=
                    1;
            }
            return Ok(());
        };
        self.compare(&store)?;
        self.append(&store)
    }

    fn append(&mut self, store: &SqliteStore) -> Result<(), CliError> {
        let mut waiting = core::mem::take(&mut self.waiting);
        if self.file.dry_run {
            return self.foresee(store, waiting);
        }
        while !waiting.is_empty() {
            let further: Vec<_> = waiting
                .iter()
                .filter(|waiting| waiting.further)
                .map(|waiting| waiting.fact.event.id())
                .collect();
            let known = match further.as_slice() {
                [] => 0,
                ids => source::known(store, ids)?.into_iter().filter(|known| *known).count(),
            };
            let events = waiting.iter().map(|waiting| waiting.fact.event.clone()).collect();
            match block_on(store.append(Append::new(events))) {
                Ok(appended) => {
                    let more = further.len().saturating_sub(known);
                    let stored = appended.stored().saturating_sub(more);
                    let rows = waiting.len().saturating_sub(further.len());
                    self.summary.further[0] += more as u64;
                    self.summary.further[1] += known as u64;
                    self.summary.imported += stored as u64;
                    self.summary.known += rows.saturating_sub(stored) as u64;
                    return Ok(());
                }
                // One row names a stored fact's id with other content: it is bad, the others are not.
                Err(StoreError::Refused(AppendError::IdTaken { id, position })) => {
                    let taken = RowError::Taken { id, position };
                    let (bad, good): (Vec<_>, Vec<_>) =
                        waiting.into_iter().partition(|waiting| waiting.fact.event.id() == id);
                    waiting = good;
                    for Waiting { mut row, fact, further } in bad {
                        let personal = !fact.event.personal(|_| false).is_empty();
                        row.owner = personal.then(|| fact.event.customer().clone());
                        self.taken(&row, further, &taken)?;
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

    /// Refuses a fact whose id the store has with another content.
    fn taken(&mut self, row: &Row, further: bool, error: &RowError) -> Result<(), CliError> {
        *(if further { &mut self.summary.further[2] } else { &mut self.summary.bad }) += 1;
        self.refuse(row, error)
    }

    /// What an append would do, without one.
    fn foresee(&mut self, store: &SqliteStore, waiting: Vec<Waiting>) -> Result<(), CliError> {
        let ids: Vec<_> = waiting.iter().map(|waiting| waiting.fact.event.id()).collect();
        let places = block_on(store.known(&ids))?;
        let mut known: Vec<(Position, Waiting)> = Vec::new();
        for (place, waiting) in places.into_iter().zip(waiting) {
            match place {
                Some(position) => known.push((position, waiting)),
                None if waiting.further => self.summary.further[0] += 1,
                None => self.summary.imported += 1,
            }
        }
        // In the order of the log, so that one page serves many.
        known.sort_by_key(|(position, ..)| *position);
        let mut page = FactBlock::default();
        for (position, Waiting { row, fact, further }) in known {
            if !page.iter().any(|stored| stored.position == position) {
                let before = Position(position.0.saturating_sub(1));
                page = block_on(store.read(&Read::all().from(before).limit(COMPARED)))?.facts;
            }
            let stored = page.iter().find(|stored| stored.position == position);
            if stored.is_none_or(|stored| stored.event.same_content(&fact.event.view())) {
                *(if further { &mut self.summary.further[1] } else { &mut self.summary.known }) += 1;
            } else {
                let taken = RowError::Taken { id: fact.event.id(), position: Some(position) };
                self.taken(&row, further, &taken)?;
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
            if self.summary.bad + self.summary.further[2] > 0 {
                self.unregister()?;
            }
        }
        drop(self.bar);
        let bad = self.summary.bad + self.summary.further[2];
        if bad > TOLD {
            warn(&fill(w.bad_in_all, &[&bad]));
        }
        if self.file.strict && bad > 0 {
            return Err(CliError::input(format!(
                "{}: {} of {} rows are bad; nothing was imported",
                self.file.path.display(),
                bad,
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
            Ok(()) | Err(StoreError::EntryChanged { .. }) => Ok(()),
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
            Err(StoreError::EntryChanged { .. }) => {}
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
    let names = Mapping::builtin_names().chain([SEGMENT, JSONL]);
    names.collect::<Vec<_>>().join(", ")
}
