//! Where a command reads: a store, or a file of events taken for a log.

use core::num::NonZeroUsize;
use core::ops::ControlFlow;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use pollster::block_on;
use tenure::core::fold::{Projection, States};
use tenure::core::log::{Append, Corrections, Cut, FactBlock, KindSet, KnownAt, Log, Page, Read};
use tenure::core::{CustomerId, EventId, Position, RecordedView, Timestamp, Version};
use tenure::ingest::{Options, Outcome, Rows, shown, unpacked};
use tenure::sqlite::SqliteStore;
use tenure::store::{EventStore, Head, MemoryStore, Progress as At, ReplayError, StoreError, replay};

use crate::args;
use crate::command::Talk;
use crate::error::{CliError, chain};
use crate::progress::Progress;

/// How many bad lines of an events file are told one by one.
const TOLD: usize = 5;

/// Something to read facts from.
pub enum Source {
    /// A store.
    Store(SqliteStore),
    /// A file, held in memory. A fact's position is the number of its line.
    Events {
        /// The facts.
        store: MemoryStore,
        /// The line of the fact at each position of the log.
        lines: Vec<u64>,
    },
}

impl Source {
    /// Opens what the arguments name. A store must exist: a question does not make one.
    ///
    /// # Errors
    /// What cannot be opened or read, and why.
    pub fn open(args: &args::Source) -> Result<Self, CliError> {
        match (&args.store, &args.events) {
            (Some(path), _) if args.without_keys => {
                Ok(Self::Store(open_as(path, tenure::sqlite::Options::default().existing().without_keys())?))
            }
            (Some(path), _) => Ok(Self::Store(open_existing(path)?)),
            (None, Some(path)) => read_events(path, &args.namespace),
            (None, None) => Err(CliError::input("name what to read: --store FILE or --events FILE.jsonl")),
        }
    }

    /// Folds everything under a cut, on several threads, with progress.
    ///
    /// # Errors
    /// If the store fails.
    pub fn fold<P>(&self, projection: &P, cut: Cut, threads: u32, talk: Talk) -> Result<States<P>, CliError>
    where
        P: Projection + Clone + Send + Sync,
    {
        let threads = NonZeroUsize::new(threads as usize).unwrap_or(NonZeroUsize::MIN);
        let bar = Progress::new(talk.words().folding, 1, talk.quiet);
        let progress = |at: At| {
            bar.of(at.head.0.max(1));
            bar.at(at.position.0);
            ControlFlow::Continue(())
        };
        let folded = match self {
            Self::Store(store) => replay(store, projection.clone(), cut, threads, progress),
            Self::Events { store, .. } => replay(store, projection.clone(), cut, threads, progress),
        };
        folded.map_err(|error| match error {
            ReplayError::Store(error) => error.into(),
            other => CliError::store(&other),
        })
    }

    /// One page.
    ///
    /// # Errors
    /// If the store fails.
    pub fn read(&self, read: &Read) -> Result<Page, StoreError> {
        match self {
            Self::Store(store) => block_on(store.read(read)),
            Self::Events { store, .. } => block_on(store.read(read)),
        }
    }

    /// All facts of some customers, in no order.
    ///
    /// # Errors
    /// If the store fails.
    pub fn streams(&self, customers: &[CustomerId]) -> Result<Vec<FactBlock>, StoreError> {
        let mut blocks = Vec::new();
        for customer in customers {
            let mut after = Version(0);
            loop {
                let page = match self {
                    Self::Store(store) => block_on(store.read_stream(*customer, after, 4096)),
                    Self::Events { store, .. } => block_on(store.read_stream(*customer, after, 4096)),
                }?;
                let last = page.is_last(after);
                after = page.facts.iter().next_back().map_or(after, |fact| fact.version);
                blocks.push(page.facts);
                if last {
                    break;
                }
            }
        }
        Ok(blocks)
    }

    /// Where the log ends.
    ///
    /// # Errors
    /// If the store fails.
    pub fn head(&self) -> Result<Head, StoreError> {
        match self {
            Self::Store(store) => block_on(store.head()),
            Self::Events { store, .. } => block_on(store.head()),
        }
    }

    /// The position as people count it: that of the store, or the line of the file.
    pub fn shown_position(&self, position: Position) -> Position {
        match self {
            Self::Store(_) => position,
            Self::Events { lines, .. } => {
                let index = usize::try_from(position.0).unwrap_or_default().wrapping_sub(1);
                lines.get(index).map_or(position, |line| Position(*line))
            }
        }
    }

    /// The same fact with its position as people count it.
    pub fn shown<'a>(&self, fact: RecordedView<'a>) -> RecordedView<'a> {
        RecordedView { position: self.shown_position(fact.position), ..fact }
    }

    /// What `--known-at` means: a position as people count it, or an instant.
    ///
    /// # Errors
    /// If it is neither.
    pub fn known_at(&self, text: Option<&str>) -> Result<KnownAt, CliError> {
        let Some(text) = text else { return Ok(KnownAt::Latest) };
        if let Ok(number) = text.parse::<u64>() {
            let position = match self {
                Self::Store(_) => number,
                Self::Events { lines, .. } => lines.partition_point(|line| *line <= number) as u64,
            };
            return Ok(KnownAt::Position(Position(position)));
        }
        Timestamp::parse(text).map(KnownAt::Instant).map_err(|error| {
            CliError::input(format!("--known-at: {error}"))
                .hint("give a position such as 1200, or an instant such as 2024-05-01T00:00:00Z")
        })
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        // A file that is something else, and a fact that no log takes, are the caller's; the rest is the store's.
        let told = match &error {
            StoreError::NotAStore { .. } | StoreError::Refused(_) => Self::input(chain(&error)),
            _ => Self::store(&error),
        };
        match error.hint() {
            _ if matches!(error, StoreError::KeysMissing { .. }) => told.hint(
                "put the file ending in -keys back beside the store, or ask --without-keys: what is sealed then reads as missing",
            ),
            // There is no option for the time-out.
            _ if matches!(error, StoreError::Locked { .. }) => {
                told.hint("wait until the other writer is done, then try again")
            }
            Some(hint) => told.hint(hint),
            None => told,
        }
    }
}

/// Opens a store that must be there.
///
/// # Errors
/// If it is not there, or not a store.
pub fn open_existing(path: &Path) -> Result<SqliteStore, CliError> {
    open_as(path, tenure::sqlite::Options::default().existing())
}

fn open_as(path: &Path, options: tenure::sqlite::Options) -> Result<SqliteStore, CliError> {
    must_exist(path)?;
    SqliteStore::open(path, options).map_err(CliError::from)
}

/// Refuses the name of a store that is not there.
///
/// # Errors
/// Nothing is there, or a directory.
pub fn must_exist(path: &Path) -> Result<(), CliError> {
    if !path.exists() {
        return Err(CliError::input(format!("there is no store {}", path.display()))
            .hint("make one: tenure import FILE --store FILE.db, or try: tenure demo"));
    }
    no_directory(path)
}

fn no_directory(path: &Path) -> Result<(), CliError> {
    if path.is_dir() {
        return Err(CliError::input(format!("the store {} is a directory", path.display()))
            .hint("name the file of the store"));
    }
    Ok(())
}

/// Opens a store, or makes it. `plain` are attributes of profiles that are no personal data.
///
/// # Errors
/// As the store says.
pub fn open(path: &Path, plain: &[String]) -> Result<SqliteStore, CliError> {
    can_be_made(path)?;
    let options = tenure::sqlite::Options::default().plain_attributes(plain.iter().map(String::as_str));
    SqliteStore::open(path, options).map_err(CliError::from)
}

/// Refuses a place where no store can be.
///
/// # Errors
/// A directory, or a place in a directory that is not there.
pub fn can_be_made(path: &Path) -> Result<(), CliError> {
    no_directory(path)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        return Err(CliError::input(format!("there is no directory {} for the store", parent.display()))
            .hint("make it, or name another place"));
    }
    Ok(())
}

/// Opens a file to read; what is packed by gzip or Zstandard is unpacked while it is read.
///
/// # Errors
/// Its name and what is in the way.
pub fn open_file(path: &Path) -> Result<Box<dyn BufRead>, CliError> {
    let unreadable = |why: String| CliError::input(format!("cannot read {}: {why}", path.display()));
    if path.is_dir() {
        return Err(unreadable("it is a directory".into()));
    }
    File::open(path)
        .and_then(|file| unpacked(BufReader::with_capacity(1 << 16, file)))
        .map_err(|error| unreadable(error.to_string()))
}

/// Takes a file of interchange lines for a log: position = line number, `recorded_at` = the line's, else
/// `occurred_at`. A line that cannot be read refuses the file: an answer from part of a log would be wrong.
fn read_events(path: &Path, namespace: &str) -> Result<Source, CliError> {
    let options = Options { namespace: Some(namespace.into()), ..Options::default() };
    let rows = Rows::jsonl(open_file(path)?, &options).map_err(CliError::input)?;
    let mut log = Log::new();
    let mut lines = Vec::new();
    let mut bad = Vec::new();
    let mut count = 0_usize;
    for row in rows {
        let row = row.map_err(|error| CliError::input(format!("{}: {error}", path.display())))?;
        let refused = match &row.outcome {
            Outcome::Fact(fact) => {
                let recorded_at = fact.recorded_at.unwrap_or_else(|| fact.event.occurred_at());
                match log.restore(&Append::new(vec![fact.event.clone()]), recorded_at) {
                    Ok(appended) => {
                        lines.extend((appended.stored() > 0).then_some(row.line));
                        continue;
                    }
                    Err(error) => error.to_string(),
                }
            }
            Outcome::Bad(error) => error.to_string(),
            // The same fact once more.
            _ => continue,
        };
        count += 1;
        if bad.len() < TOLD {
            bad.push(format!("{}:{}: {refused}: {}", path.display(), row.line, shown(&row.bytes)));
        }
    }
    if count > 0 {
        let more = if count > bad.len() { format!("\n... {count} bad lines in all") } else { String::new() };
        return Err(CliError::input(format!("{}{more}", bad.join("\n")))
            .hint("correct the lines, or import the file: tenure import keeps the good lines and quarantines the others"));
    }
    Ok(Source::Events { store: MemoryStore::from(log), lines })
}

/// Which of some ids a store knows, in their order.
///
/// # Errors
/// If the store fails.
pub fn known(store: &SqliteStore, ids: &[EventId]) -> Result<Vec<bool>, StoreError> {
    Ok(block_on(store.known(ids))?.iter().map(Option::is_some).collect())
}

/// Reads facts of some kinds, page by page.
///
/// # Errors
/// If the store fails.
pub fn scan(
    store: &SqliteStore,
    kinds: KindSet,
    mut each: impl FnMut(RecordedView<'_>),
) -> Result<(), StoreError> {
    let mut read = Read::all().kinds(kinds);
    loop {
        let page = block_on(store.read(&read))?;
        page.facts.iter().for_each(&mut each);
        if page.is_last(&read) {
            return Ok(());
        }
        read = read.from(page.scanned_to);
    }
}

/// Everything that was taken back or merged.
///
/// # Errors
/// If the store fails.
pub fn corrections(store: &SqliteStore) -> Result<Corrections, StoreError> {
    let mut corrections = Corrections::new();
    scan(store, KindSet::CORRECTIONS, |fact| {
        corrections.add(&fact.event);
    })?;
    Ok(corrections)
}
