//! From the rows of a file to commits of a store.

use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter};
use std::path::Path;
use std::rc::Rc;

use pollster::block_on;
use tenure::core::Position;
use tenure::core::log::{Append, AppendError, Corrections, FactBlock, Read};
use tenure::ingest::{
    Fact, GroupSizes, Options, Outcome, Quarantine, ReadError, Recipe, Row, RowError, Rows, shown,
};
use tenure::sqlite::SqliteStore;
use tenure::store::seal::Erase;
use tenure::store::{EventStore, StoreError};

use super::batch::{BATCHES, register};
use super::form::Form;
use super::quarantine::QuarantineAt;
use super::summary::{Problem, Sort, Summary};
use crate::command::{Talk, warn};
use crate::error::{CliError, chain};
use crate::lang::fill;
use crate::progress::Progress;
use crate::source;

/// Facts a commit.
const CHUNK: usize = 1000;
/// Stored facts that a dry run reads at once to compare.
const COMPARED: usize = 64;
/// How many bad rows are told one by one.
const TOLD: u64 = 10;
/// How many sorts of bad rows are told apart.
const SORTS: usize = 50;

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
