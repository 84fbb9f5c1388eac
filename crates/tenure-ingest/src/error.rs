//! What can go wrong: with a row, with a file, with a mapping.

use std::io;

use tenure_core::text::excerpt;
use tenure_core::{EventId, FactError, LineError, Position, Timestamp, json};

use crate::lines::MAX_RECORD_BYTES;

/// Why one record of a file is not a fact. The other records are not touched by it.
///
/// The text names the cell, never the whole row: rows may hold personal data, and go to the quarantine only.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// Longer than a record may be. **What to do:** split it, or keep long text out of the export.
    #[error("the record is {bytes} bytes long, at most {MAX_RECORD_BYTES}")]
    TooLong {
        /// How long it is, without the line end.
        bytes: u64,
    },
    /// Not UTF-8. **What to do:** convert the file to UTF-8.
    #[error("not UTF-8 from byte {byte} of the record on")]
    Encoding {
        /// The first byte that is none, from 1.
        byte: u64,
    },
    /// Not of the encoding that the file was said to have. **What to do:** check `encoding`.
    #[error("not {encoding} from byte {byte} of the line on")]
    Undecodable {
        /// The name of the encoding.
        encoding: &'static str,
        /// The first byte of the line in the file that is no character, from 1.
        byte: u64,
    },
    /// A quoted cell never ends. **What to do:** close the quote, or write a quote in a quoted cell as `""`.
    #[error("the quote opened in line {opened} is not closed")]
    OpenQuote {
        /// The physical line of the opening quote, from 1.
        opened: u64,
    },
    /// A quoted cell is followed by something else than a delimiter. **What to do:** write a quote in a quoted cell
    /// as `""`.
    #[error("text after the end of the quoted cell that was opened in line {opened}")]
    TextAfterQuote {
        /// The physical line of the opening quote, from 1.
        opened: u64,
    },
    /// More or fewer cells than the header. **What to do:** quote cells that hold the delimiter.
    #[error("{found} cells, the header has {expected}")]
    Cells {
        /// Cells of the record.
        found: usize,
        /// Cells of the header.
        expected: usize,
    },
    /// A cell that does not say what its field needs. **What to do:** correct the cell, or the mapping.
    #[error("column \"{}\": {why}", excerpt(column))]
    Cell {
        /// The column as the header names it.
        column: Box<str>,
        /// The field of the fact that it is mapped to; empty if the column is not mapped.
        field: Box<str>,
        /// What is wrong.
        why: Box<str>,
    },
    /// A rule of the mapping takes the row out. **What to do:** correct the cell, or the rule.
    #[error("{reason}: column \"{column}\": {why}")]
    Rule {
        /// The reason as the mapping names it.
        reason: Box<str>,
        /// The column that the rule looks at.
        column: Box<str>,
        /// What it found.
        why: Box<str>,
    },
    /// Another row of the same group is bad, and a group counts as a whole or not at all. **What to do:** correct that
    /// row.
    #[error("line {line}, of the same {group}, is bad")]
    Group {
        /// The line of the row at fault, from 1.
        line: u64,
        /// The columns whose equal cells make the group.
        group: Box<str>,
    },
    /// The row comes after all rows of its group that the first reading of the file counted. **What to do:** import
    /// again when nobody writes to the file.
    #[error("the file was changed while it was read: this {group} had all its rows already")]
    Changed {
        /// The columns whose equal cells make the group.
        group: Box<str>,
    },
    /// The cells are understood, but together they are no fact. **What to do:** correct the field named.
    #[error("{source}")]
    Fact {
        /// The column that the field comes from, where there is one.
        column: Option<Box<str>>,
        /// What is wrong.
        source: FactError,
    },
    /// A JSONL line that is no fact. **What to do:** correct the field named.
    #[error(transparent)]
    Line(#[from] LineError),
    /// Later than now and the skew allowed. **What to do:** correct the time, its zone or the clock it came from.
    #[error("occurred_at {at} is in the future: later than {latest}")]
    Future {
        /// When the row says that it happened.
        at: Timestamp,
        /// The latest instant allowed.
        latest: Timestamp,
    },
    /// An earlier record of the file has the same id and says something else. **What to do:** keep the right one;
    /// if both are right, name more columns in `id_from`.
    #[error("the same id as line {first}, but another content")]
    SameId {
        /// The line of the earlier record, from 1.
        first: u64,
        /// The id, where the record names it itself; absent with `id_from`.
        id: Option<EventId>,
    },
    /// The store refused it: a stored fact has the same id and says something else. **What to do:** find out which of
    /// the two is right; give this one an id of its own, or void the stored one and import the right one under a new
    /// batch key.
    #[error("the id {id} is taken by a fact with another content{}", stored_at(*position))]
    Taken {
        /// The id.
        id: EventId,
        /// Where the other fact stands in the store's log.
        position: Option<Position>,
    },
}

fn stored_at(position: Option<Position>) -> String {
    position.map(|position| format!(", stored at position {position}")).unwrap_or_default()
}

impl RowError {
    /// The column at fault, where it is one of a CSV file.
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Cell { column, .. } | Self::Rule { column, .. } => Some(column),
            Self::Fact { column, .. } => column.as_deref(),
            _ => None,
        }
    }

    /// The field of the fact at fault: a header field such as `occurred_at`, or `data.` and a property.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Cell { field, .. } => (!field.is_empty()).then_some(field),
            Self::Fact { source, .. } | Self::Line(LineError::Fact(source)) => match source {
                FactError::Field { field, .. } => Some(field),
                FactError::NewerSchema { .. } => Some("schema"),
                _ => None,
            },
            Self::Line(error) => match error {
                LineError::Missing { field }
                | LineError::Type { field, .. }
                | LineError::Id { field, .. }
                | LineError::Time { field, .. } => Some(field),
                LineError::Unknown { name } => Some(name),
                LineError::Money(_) => Some("amount"),
                LineError::Context { .. } => Some("context"),
                _ => None,
            },
            Self::Future { .. } => Some("occurred_at"),
            Self::SameId { .. } | Self::Taken { .. } => Some("id"),
            _ => None,
        }
    }

    /// What to do about it, where that is not plain from the message.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Encoding { .. } => Some("convert the file to UTF-8, or name its encoding: gb18030"),
            Self::Undecodable { .. } => Some("check the encoding that the mapping or the command line names"),
            Self::OpenQuote { .. } | Self::TextAfterQuote { .. } => {
                Some("inside a quoted cell a quote is written twice: \"\"")
            }
            Self::Cells { .. } => {
                Some("quote cells that hold the delimiter; the mapping names another with delimiter")
            }
            Self::Future { .. } => Some("check the zone of the time column and the clock of the source"),
            Self::SameId { .. } => {
                Some("keep the right one of the two; if both are right, name more columns in id_from")
            }
            _ => None,
        }
    }
}

/// Why a file could not be read at all, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The input failed. **What to do:** read the source; what was read before stands.
    #[error("could not read line {line}")]
    Io {
        /// The physical line that was being read, from 1.
        line: u64,
        /// What the input said.
        #[source]
        source: io::Error,
    },
    /// The file has no header line. **What to do:** give the line with the names of the columns; without rows that
    /// is the whole file.
    #[error("the file is empty: a CSV file begins with the names of its columns")]
    NoHeader,
    /// The header line cannot be read. **What to do:** correct line 1, or the delimiter in the mapping.
    #[error("line {line}: the header cannot be read: {source}")]
    Header {
        /// The physical line, from 1.
        line: u64,
        /// Why.
        source: RowError,
    },
    /// More columns than a fact may have properties. **What to do:** export fewer columns.
    #[error("the header has {found} columns, at most {}", json::MAX_NAMES)]
    TooManyColumns {
        /// The columns there are.
        found: usize,
    },
    /// The mapping names a column that the file does not have. **What to do:** correct the name, or the delimiter.
    #[error("{path}: there is no column \"{column}\"; the file has {found}{}", nearest_to(nearest))]
    Column {
        /// The place in the mapping: `amount.column`.
        path: Box<str>,
        /// The column asked for.
        column: Box<str>,
        /// The columns there are, quoted, with commas between.
        found: Box<str>,
        /// Those of them that are spelt nearly like it, quoted, the nearest first; empty if none is.
        nearest: Box<str>,
    },
    /// The mapping names a column that the file has twice. **What to do:** rename one of the two.
    #[error("{path}: the file has more than one column \"{column}\"")]
    ColumnTwice {
        /// The place in the mapping.
        path: Box<str>,
        /// The column asked for.
        column: Box<str>,
    },
    /// An option that cannot be used. **What to do:** see [`Options`](crate::Options).
    #[error("{option}: {why}")]
    Option {
        /// Which one: `namespace` or `batch`.
        option: &'static str,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// The file is not text in an encoding that is read. **What to do:** save it as UTF-8.
    #[error("the file is {what}")]
    Foreign {
        /// What it is.
        what: &'static str,
    },
    /// No mapping can be proposed for the file. **What to do:** write one: see [`Mapping`](crate::Mapping).
    #[error("no mapping can be guessed: {why}")]
    Unguessed {
        /// Why.
        why: Box<str>,
    },
    /// The mapping is none.
    #[error(transparent)]
    Mapping(#[from] MappingError),
}

fn nearest_to(nearest: &str) -> String {
    if nearest.is_empty() { String::new() } else { format!("; nearest: {nearest}") }
}

impl ReadError {
    /// What to do about it, where that is not plain from the message.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoHeader => Some("put the names of the columns into the first line"),
            Self::Header { .. } => {
                Some("check the first line, its encoding and the delimiter of the mapping")
            }
            Self::Column { .. } => {
                Some("names are compared exactly; is the delimiter of the mapping that of the file?")
            }
            Self::Foreign { .. } => Some("save it as UTF-8 (in spreadsheets: CSV UTF-8)"),
            Self::ColumnTwice { .. } => Some("rename one of the two columns"),
            Self::Mapping(error) => error.hint(),
            _ => None,
        }
    }

    /// Whether reading again could help. Everything else stays as it is until the file or the mapping changes.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() != io::ErrorKind::InvalidData)
    }
}

/// Why a text is not a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// Not TOML, an unknown or missing name, or a value of another type. **What to do:** the message says what is
    /// allowed there.
    #[error("{file}: line {line}: {path}{why}")]
    Text {
        /// The file.
        file: Box<str>,
        /// Line, from 1.
        line: usize,
        /// The place in the mapping and a colon, such as `amount.currency: `; empty at the top.
        path: Box<str>,
        /// What is wrong, and what is allowed.
        why: Box<str>,
    },
    /// Each part can be read, but they do not fit together. **What to do:** change the place named.
    #[error("{file}: {path}: {why}")]
    Unfit {
        /// The file.
        file: Box<str>,
        /// The place in the mapping.
        path: Box<str>,
        /// What is wrong, and what to write instead.
        why: Box<str>,
    },
}

impl MappingError {
    /// What to do about it.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Text { .. } => Some("the documentation of Mapping lists every name"),
            Self::Unfit { .. } => None,
        }
    }
}
