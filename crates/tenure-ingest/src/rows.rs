//! The records of a file, one after the other, as facts or as bad rows.

use std::collections::{HashSet, VecDeque};
use std::io::{BufRead, ErrorKind};

use tenure_core::{Customer, CustomerKey, Duration, Event, EventId, Line, Timestamp, Zone};

use crate::csv::Records;
use crate::csv_row::Bound;
use crate::encoding::{Encoding, foreign};
use crate::error::{ReadError, RowError};
use crate::group::{Group, GroupSizes, Groups, ruled};
use crate::jsonl;
use crate::lines::Lines;
use crate::mapping::Mapping;
use crate::recipe::Recipe;
use crate::row_id::{Content, Earlier, Identity, RowDigest, RowKey, Seen};
use crate::segment;

/// How a file is read, besides its own form. The default reads everything as it is.
///
/// # Example
/// ```
/// use tenure_core::Duration;
/// use tenure_ingest::Options;
/// let options = Options { batch: Some("shop-2024".into()), backfill: Some(Duration::days(1)), ..Options::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The namespace of plain customers; none: that of the mapping, `default` for JSONL.
    pub namespace: Option<String>,
    /// The batch key: part of the ids of rows, and kept in `context.batch`. None: the namespace. Not empty, at most
    /// [`Self::MAX_BATCH_BYTES`], no control characters.
    pub batch: Option<String>,
    /// How long after a fact happened it was known: becomes `context.known_lag`. None: known when recorded.
    pub backfill: Option<Duration>,
    /// The latest instant a fact may have happened at, inclusive: now, and a skew allowed. None: no limit. A later
    /// one is a bad row.
    pub latest: Option<Timestamp>,
    /// How the characters of the file are written. None: as the mapping says, UTF-8 for JSON lines.
    pub encoding: Option<Encoding>,
    /// The ASCII character between the cells of a CSV file. None: that of the mapping.
    pub delimiter: Option<u8>,
    /// The zone of wall clocks in a CSV file. None: that of the mapping.
    pub zone: Option<Zone>,
}

impl Options {
    /// The longest batch key in bytes.
    pub const MAX_BATCH_BYTES: usize = 512;

    fn settings(&self, namespace: &str, source: &str) -> Result<Settings, ReadError> {
        let namespace = self.namespace.as_deref().unwrap_or(namespace);
        if let Err(error) = CustomerKey::new(namespace, "x") {
            return Err(ReadError::Option { option: "namespace", why: error.to_string().into() });
        }
        let batch = self.batch.as_deref().unwrap_or(namespace);
        if batch.is_empty() || batch.len() > Self::MAX_BATCH_BYTES || batch.chars().any(char::is_control) {
            let why = "a batch key is 1 to 512 bytes without control characters".into();
            return Err(ReadError::Option { option: "batch", why });
        }
        if self.delimiter.is_some_and(|byte| matches!(byte, b'"' | b'\r' | b'\n' | 0 | 0x80..)) {
            let why = "the delimiter is one ASCII character, and no quote, line end or NUL".into();
            return Err(ReadError::Option { option: "delimiter", why });
        }
        Ok(Settings {
            namespace: namespace.into(),
            batch: batch.into(),
            source: source.into(),
            backfill: self.backfill,
            latest: self.latest,
        })
    }
}

/// The options with every default filled in.
#[derive(Debug)]
struct Settings {
    namespace: String,
    batch: String,
    source: String,
    backfill: Option<Duration>,
    latest: Option<Timestamp>,
}

/// One record of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The physical line it begins in, from 1; a record with line ends inside quotes takes several.
    pub line: u64,
    /// Its bytes without the line end. Of a record longer than [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES) only
    /// the beginning.
    pub bytes: Vec<u8>,
    /// What it is.
    pub outcome: Outcome,
    /// Further facts of the same record, beside that of the outcome: a refund that stands in the row of its order, the
    /// two ids of one person in a message. Empty unless the outcome is a fact.
    pub more: Vec<Fact>,
    /// Whose personal data it holds, where it is bad but was understood that far: it is to be kept only sealed.
    pub owner: Option<Customer>,
}

impl Row {
    /// The fact, where it is one.
    pub fn fact(&self) -> Option<&Fact> {
        match &self.outcome {
            Outcome::Fact(fact) => Some(fact),
            _ => None,
        }
    }

    /// Why it is bad, where it is.
    pub const fn error(&self) -> Option<&RowError> {
        match &self.outcome {
            Outcome::Bad(error) => Some(error),
            _ => None,
        }
    }
}

/// What a record is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// A fact, ready to be appended.
    Fact(Box<Fact>),
    /// The same id and the same content as an earlier record of the file: nothing to append, nothing wrong. Without
    /// `id_from` only for records with an id of their own; two equal rows without one are two facts.
    Duplicate {
        /// The line of the first one.
        first: u64,
    },
    /// A line of the fact that this and other rows are together (`group_by`): nothing to append, nothing wrong.
    Joined {
        /// The line of the row that stands for the fact.
        first: u64,
        /// Whether an earlier row of the group says the same in every cell.
        equal: bool,
    },
    /// No fact by a rule of the mapping, and nothing to mend.
    LeftOut {
        /// The reason as the mapping names it.
        reason: Box<str>,
    },
    /// No fact: for the [`Quarantine`](crate::Quarantine).
    Bad(RowError),
}

/// A fact and what the file says of it beside.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The checked fact with its id, `context.batch` and `context.source`.
    pub event: Event,
    /// When it was learnt, where a JSONL line says so.
    pub recorded_at: Option<Timestamp>,
    /// What the id is made of; none where the record has an id of its own.
    pub digest: Option<RowDigest>,
}

impl Fact {
    /// Whether the record names its id itself.
    pub const fn own_id(&self) -> bool {
        self.digest.is_none()
    }

    /// The id that the record has in an import under this batch key: what shows that it coincides with a row of
    /// another batch. An id of its own is the same in every batch.
    pub fn id_under(&self, batch: &str) -> EventId {
        self.digest.map_or_else(|| self.event.id(), |digest| digest.id_under(batch))
    }
}

/// A record that is understood but has no id yet.
pub(crate) struct Draft {
    pub(crate) line: Line,
    /// Further facts of the same record.
    pub(crate) more: Vec<Line>,
    /// The instant that a row id begins with.
    pub(crate) id_at: Timestamp,
    pub(crate) told: Told,
}

/// What tells a record from the others of its file.
#[derive(Clone, Copy)]
pub(crate) enum Told {
    /// The id it has of its own.
    Own,
    /// Everything that is not personal in it, and how many equal ones came before.
    Numbered { key: RowKey, number: u64 },
    /// The `id_from` cells.
    Chosen { key: RowKey, content: Content },
    /// The `group_by` cells, which no other record of the file has.
    Group { key: RowKey },
}

/// Reads a file record by record: an iterator over [`Row`]s, in the order of the file.
///
/// A bad record is a row like the others and reading goes on after it; only a failing input ends it, with one
/// [`ReadError::Io`], after which there is nothing. Records of more than
/// [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES) are bad rows and are never held in memory. What is held besides is a
/// hash for each row, about 50 bytes.
///
/// # Laws
/// A file read twice gives the same rows. Arbitrary bytes give rows or errors and never a panic.
///
/// # Example
/// ```
/// use tenure_ingest::{Mapping, Options, Outcome, Rows};
/// let mapping = Mapping::parse("orders.toml", r#"
///     name = "orders"
///     namespace = "shop"
///     kind = "order_placed"
///     customer = { column = "buyer" }
///     occurred_at = { column = "day", format = "%Y-%m-%d", zone = "Asia/Shanghai" }
///     amount = { column = "total", currency = "CNY" }
/// "#)?;
/// let file = "buyer,day,total\n1001,2024-05-01,14.77\n1001,2024-05-02,-3\n";
/// let rows = Rows::csv(file.as_bytes(), &mapping, &Options::default())?.collect::<Result<Vec<_>, _>>()?;
///
/// let fact = rows[0].fact().unwrap();
/// assert_eq!(fact.event.customer().to_string(), "shop:1001");
/// assert_eq!(fact.event.occurred_at().to_string(), "2024-04-30T16:00:00Z");
/// assert_eq!(fact.event.context().batch.as_deref(), Some("shop"));
///
/// let Outcome::Bad(error) = &rows[1].outcome else { panic!() };
/// assert_eq!((rows[1].line, error.column()), (3, Some("total"))); // orders are not negative
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Rows<R> {
    from: From<R>,
    settings: Settings,
    recipe: Recipe,
    seen: Seen,
    /// Rows that are understood but not handed out.
    ready: VecDeque<Row>,
    /// Nothing is read any more.
    over: bool,
}

#[derive(Debug)]
enum From<R> {
    Jsonl(Lines<R>),
    /// With the pairs of ids that were told to be one person.
    Segment(Lines<R>, HashSet<[u8; 16]>),
    Csv {
        records: Records<R>,
        bound: Box<Bound>,
        groups: Groups,
    },
}

/// Refuses what cannot be text, by its first bytes.
fn check_start(input: &mut impl BufRead) -> Result<(), ReadError> {
    loop {
        match input.fill_buf() {
            Ok(start) => match foreign(start) {
                Some(what) => return Err(ReadError::Foreign { what }),
                None => return Ok(()),
            },
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(source) => return Err(ReadError::Io { line: 1, source }),
        }
    }
}

/// Reads the header of a CSV file and finds the columns of the mapping in it.
pub(crate) fn header_of<R: BufRead>(
    mut input: R,
    mapping: &Mapping,
    options: &Options,
) -> Result<(Records<R>, Bound), ReadError> {
    let settings = options.settings(mapping.namespace(), mapping.name())?;
    check_start(&mut input)?;
    let mapping = mapping.adjusted(options.delimiter, options.encoding, options.zone);
    let mut records = Records::new(Lines::new(input, mapping.encoding()), mapping.delimiter());
    let line = records.next_number();
    let header = match records.next() {
        Err(source) => return Err(ReadError::Io { line, source }),
        Ok(None) => return Err(ReadError::NoHeader),
        Ok(Some(record)) => record.cells.map_err(|source| ReadError::Header { line: record.line, source })?,
    };
    let bound = Bound::new(&mapping, &settings.namespace, &header)?;
    Ok((records, bound))
}

impl<R: BufRead> Rows<R> {
    /// The lines of a JSONL file: one interchange object a line, blank lines skipped. An empty file has no rows.
    ///
    /// `context.source` is what the line says, else `jsonl`; `context.batch` is the batch key in any case.
    ///
    /// # Errors
    /// [`ReadError::Option`] for a namespace or batch key that is none; [`ReadError::Foreign`] for a file that is no text,
    /// [`ReadError::Io`].
    ///
    /// # Example
    /// ```
    /// use tenure_ingest::{Options, Rows};
    /// let file = r#"{"customer":"a","occurred_at":"2024-05-01T10:00:00Z","kind":"signed_up"}"#;
    /// let row = Rows::jsonl(file.as_bytes(), &Options::default())?.next().unwrap()?;
    /// assert_eq!(row.fact().unwrap().event.customer().to_string(), "default:a");
    /// # Ok::<(), tenure_ingest::ReadError>(())
    /// ```
    pub fn jsonl(input: R, options: &Options) -> Result<Self, ReadError> {
        let settings = options.settings("default", "jsonl")?;
        let lines = Self::lines(input, options)?;
        Ok(Self::new(From::Jsonl(lines), settings, Recipe::jsonl()))
    }

    /// The lines of a file of Segment messages: see `docs/FORMATS.md` for what becomes of each type.
    ///
    /// `context.source` is `segment`, and the namespace too unless one is given.
    ///
    /// # Errors
    /// As [`Self::jsonl`].
    ///
    /// # Example
    /// ```
    /// use tenure_ingest::{Options, Rows};
    /// let file = r#"{"type":"track","messageId":"m1","userId":"u1","timestamp":"2024-05-01T10:00:00Z","event":"Signed Up"}"#;
    /// let row = Rows::segment(file.as_bytes(), &Options::default())?.next().unwrap()?;
    /// let event = &row.fact().unwrap().event;
    /// assert_eq!((event.customer().to_string(), event.view().kind.name()), ("segment:u1".into(), "signed_up"));
    /// # Ok::<(), tenure_ingest::ReadError>(())
    /// ```
    pub fn segment(input: R, options: &Options) -> Result<Self, ReadError> {
        let settings = options.settings("segment", "segment")?;
        let lines = Self::lines(input, options)?;
        Ok(Self::new(From::Segment(lines, HashSet::new()), settings, Recipe::segment()))
    }

    fn lines(mut input: R, options: &Options) -> Result<Lines<R>, ReadError> {
        check_start(&mut input)?;
        Ok(Lines::new(input, options.encoding.unwrap_or_default()))
    }

    fn new(from: From<R>, settings: Settings, recipe: Recipe) -> Self {
        Self { from, settings, recipe, seen: Seen::default(), ready: VecDeque::new(), over: false }
    }

    /// The records of a CSV file, by a mapping. The header is read now, so that a wrong mapping is told before any
    /// row; a file with a header alone has no rows.
    ///
    /// `context.source` is the name of the mapping. An id that another system gave (`[id]` with `source`) is kept in
    /// `context.causation_id` as `source:id`.
    ///
    /// # Errors
    /// [`ReadError::NoHeader`], [`ReadError::Header`], [`ReadError::Column`] with the columns there are,
    /// [`ReadError::ColumnTwice`], [`ReadError::Option`], [`ReadError::Io`].
    pub fn csv(input: R, mapping: &Mapping, options: &Options) -> Result<Self, ReadError> {
        let settings = options.settings(mapping.namespace(), mapping.name())?;
        let (records, bound) = header_of(input, mapping, options)?;
        let recipe = bound.mapping().recipe();
        let from = From::Csv { records, bound: Box::new(bound), groups: Groups::default() };
        Ok(Self::new(from, settings, recipe))
    }

    /// The same rows in bounded memory, where the mapping groups them: see [`GroupSizes`].
    #[must_use]
    pub fn with_group_sizes(mut self, sizes: GroupSizes) -> Self {
        if let From::Csv { groups, .. } = &mut self.from {
            groups.expect(sizes);
        }
        self
    }

    /// What the ids of rows without one depend on: for the store to keep with the batch key.
    pub const fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The batch key, the default filled in.
    pub fn batch(&self) -> &str {
        &self.settings.batch
    }

    /// Whose personal data a record holds that is no fact, where that much of it can be understood.
    fn owner(&self, bytes: &[u8]) -> Option<Customer> {
        match &self.from {
            From::Jsonl(_) => jsonl::owner(bytes, &self.settings.namespace),
            From::Segment(..) => segment::owner(bytes, &self.settings.namespace),
            From::Csv { bound, .. } => {
                let lines = Lines::new(bytes, bound.mapping().encoding());
                let record = Records::new(lines, bound.mapping().delimiter()).next().ok()??;
                bound.owner(&record.cells.ok()?)
            }
        }
    }

    fn step(&mut self) -> Result<Option<Row>, ReadError> {
        let Self { from, settings, seen, ready, .. } = self;
        if let Some(row) = ready.pop_front() {
            return Ok(Some(row));
        }
        match from {
            From::Jsonl(lines) => next_line(lines, |bytes, number| {
                let draft = jsonl::read(bytes, number, &settings.namespace, seen)?;
                finish(draft, number, settings, seen, RowError::from)
            }),
            From::Segment(lines, pairs) => next_line(lines, |bytes, number| {
                let draft = segment::read(bytes, number, &settings.namespace, seen, pairs)?;
                finish(draft, number, settings, seen, RowError::from)
            }),
            From::Csv { records, bound, groups } => loop {
                let number = records.next_number();
                let Some(record) = records.next().map_err(|source| ReadError::Io { line: number, source })?
                else {
                    for group in groups.finish() {
                        ready.extend(close(group, bound, settings, seen));
                    }
                    return Ok(ready.pop_front());
                };
                let (line, mut bytes) = (record.line, record.bytes);
                let grouped = bound.mapping().is_grouped();
                let outcome = record.cells.and_then(|cells| {
                    bound.check_count(&cells)?;
                    if !grouped {
                        let told = bound.told(&cells, seen)?;
                        bound.check_cells(&cells)?;
                        if let Some(rule) = bound.rule(&cells, false) {
                            return Ok(Some((ruled(rule), Vec::new())));
                        }
                        let draft = bound.read(&cells, told)?;
                        return finish(draft, line, settings, seen, |error| bound.place(error)).map(Some);
                    }
                    let key = bound.group(&cells)?;
                    // A row that does not join its group is still one of those that were counted.
                    let checked = bound.check_cells(&cells);
                    let rule = checked.is_ok().then(|| bound.rule(&cells, false).map(ruled)).flatten();
                    let joins = checked.is_ok() && rule.is_none();
                    let row = if joins { core::mem::take(&mut bytes) } else { Vec::new() };
                    match groups.take(key, joins, line, row, cells) {
                        Ok(Some(group)) => ready.extend(close(group, bound, settings, seen)),
                        Ok(None) => {}
                        Err(row) => {
                            bytes = row;
                            return Err(RowError::Changed { group: bound.group_name() });
                        }
                    }
                    checked.map(|()| rule.map(|outcome| (outcome, Vec::new())))
                });
                match outcome {
                    Ok(None) => {
                        if let Some(row) = ready.pop_front() {
                            return Ok(Some(row));
                        }
                    }
                    Ok(Some((outcome, more))) => {
                        return Ok(Some(Row { line, bytes, outcome, more, owner: None }));
                    }
                    Err(error) => {
                        return Ok(Some(Row {
                            line,
                            bytes,
                            outcome: Outcome::Bad(error),
                            more: Vec::new(),
                            owner: None,
                        }));
                    }
                }
            },
        }
    }
}

/// The next line that is not blank, understood by `read`.
fn next_line<R: BufRead>(
    lines: &mut Lines<R>,
    read: impl FnOnce(&[u8], u64) -> Result<Finished, RowError>,
) -> Result<Option<Row>, ReadError> {
    loop {
        let number = lines.next_number();
        let Some(line) = lines.next().map_err(|source| ReadError::Io { line: number, source })? else {
            return Ok(None);
        };
        let bad = |bytes, error| Row {
            line: number,
            bytes,
            outcome: Outcome::Bad(error),
            more: Vec::new(),
            owner: None,
        };
        if line.is_cut() {
            let error = RowError::TooLong { bytes: line.length };
            return Ok(Some(bad(line.bytes, error)));
        }
        let undecodable = line.undecodable;
        let bytes = line.into_content();
        if let Some(byte) = undecodable {
            return Ok(Some(bad(bytes, lines.encoding().refuse(byte))));
        }
        if bytes.trim_ascii().is_empty() {
            continue;
        }
        return Ok(Some(match read(&bytes, number) {
            Ok((outcome, more)) => Row { line: number, bytes, outcome, more, owner: None },
            Err(error) => bad(bytes, error),
        }));
    }
}

fn close(group: Group, bound: &Bound, settings: &Settings, seen: &mut Seen) -> Vec<Row> {
    group.into_rows(bound, |draft| finish(draft, 0, settings, seen, |error| bound.place(error)))
}

/// What a record is, and its further facts.
pub(crate) type Finished = (Outcome, Vec<Fact>);

/// Gives a record its context and id, checks it, and holds it against the earlier ones.
fn finish(
    draft: Draft,
    number: u64,
    settings: &Settings,
    seen: &mut Seen,
    place: impl Fn(tenure_core::LineError) -> RowError,
) -> Result<Finished, RowError> {
    let Draft { line, more, id_at, told } = draft;
    let digest = match told {
        Told::Own => None,
        Told::Numbered { key, number } => Some((key, Some(number))),
        Told::Chosen { key, .. } | Told::Group { key } => Some((key, None)),
    };
    let row_digest = digest.map(|(key, number)| RowDigest::new(id_at, &key, number));
    let fact = settings.fact(line, row_digest, &place)?;
    let (id, mut further) = (fact.event.id(), Vec::new());
    for (index, mut line) in more.into_iter().enumerate() {
        let digest = digest.map(|(key, number)| RowDigest::new(id_at, &key.further(index), number));
        if digest.is_none() && line.id.is_none() {
            line.id = Some(EventId::from_foreign(&id.to_string(), &index.to_string()));
        }
        further.push(settings.fact(line, digest, &place)?);
    }
    let (identity, content, own) = match told {
        Told::Numbered { .. } | Told::Group { .. } => {
            return Ok((Outcome::Fact(Box::new(fact)), further));
        }
        // Facts are the same whatever the spelling of their lines, and whatever their context.
        Told::Own => (Identity::Own(id), Content::of_text(&fact.event.view().to_line()), Some(id)),
        Told::Chosen { key, content } => (Identity::chosen(&key), content, None),
    };
    match seen.earlier(identity, content, number) {
        Earlier::None => Ok((Outcome::Fact(Box::new(fact)), further)),
        Earlier::Equal(first) => Ok((Outcome::Duplicate { first }, Vec::new())),
        Earlier::Different(first) => Err(RowError::SameId { first, id: own }),
    }
}

impl Settings {
    /// The checked fact of a line, with its context.
    fn fact(
        &self,
        mut line: Line,
        digest: Option<RowDigest>,
        place: impl Fn(tenure_core::LineError) -> RowError,
    ) -> Result<Fact, RowError> {
        let at = line.occurred_at;
        if let Some(latest) = self.latest.filter(|latest| at > *latest) {
            return Err(RowError::Future { at, latest });
        }
        line.context.batch = Some(self.batch.clone());
        if line.context.source.is_none() {
            line.context.source = Some(self.source.clone());
        }
        if self.backfill.is_some() {
            line.context.known_lag = self.backfill;
        }
        let recorded_at = line.recorded_at;
        // Without a digest the line has an id of its own, and this one is not used.
        let row_id = digest.map_or(EventId::from_bytes([0; 16]), |digest| digest.id_under(&self.batch));
        let event = line.into_event(row_id).map_err(place)?;
        Ok(Fact { event, recorded_at, digest })
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let mut step = self.step().transpose();
        self.over = !matches!(step, Some(Ok(_)));
        if let Some(Ok(row)) = &mut step
            && row.error().is_some()
        {
            row.owner = self.owner(&row.bytes);
        }
        step
    }
}

impl<R: BufRead> std::iter::FusedIterator for Rows<R> {}

/// Reads all rows of a JSONL file that is in memory.
///
/// # Errors
/// As [`Rows::jsonl`].
///
/// # Example
/// ```
/// use tenure_ingest::{Options, read_jsonl};
/// let rows = read_jsonl(b"\xff\n\n{}\n", &Options::default())?;
/// let why: Vec<_> = rows.iter().map(|row| (row.line, row.error().unwrap().to_string())).collect();
/// assert_eq!(why[0], (1, "not UTF-8 from byte 1 of the record on".into()));
/// assert_eq!(why[1], (3, "field \"customer\": it is missing".into()));
/// # Ok::<(), tenure_ingest::ReadError>(())
/// ```
pub fn read_jsonl(bytes: &[u8], options: &Options) -> Result<Vec<Row>, ReadError> {
    Rows::jsonl(bytes, options)?.collect()
}

/// Reads all rows of a CSV file that is in memory, by the TOML text of a mapping.
///
/// # Errors
/// [`ReadError::Mapping`] for a text that is no mapping; else as [`Rows::csv`].
///
/// # Example
/// ```
/// use tenure_ingest::{Options, read_csv};
/// let mapping = r#"
///     name = "visits"
///     kind = "session_started"
///     customer = { column = "user" }
///     occurred_at = { column = "at", format = "unix" }
/// "#;
/// let rows = read_csv(mapping, b"user,at\na,1714557600\n", &Options::default())?;
/// assert_eq!(rows[0].fact().unwrap().event.occurred_at().to_string(), "2024-05-01T10:00:00Z");
/// let error = read_csv(mapping, b"user;at\na;1714557600\n", &Options::default()).unwrap_err();
/// assert_eq!(error.to_string(), "customer.column: there is no column \"user\"; the file has \"user;at\"");
/// # Ok::<(), tenure_ingest::ReadError>(())
/// ```
pub fn read_csv(mapping: &str, bytes: &[u8], options: &Options) -> Result<Vec<Row>, ReadError> {
    let mapping = Mapping::parse("mapping", mapping)?;
    Rows::csv(bytes, &mapping, options)?.collect()
}
