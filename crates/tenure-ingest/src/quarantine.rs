//! Where bad rows go: a file of one JSON object a row, with the reason and the bytes.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use tenure_core::text::is_hidden;

use crate::error::RowError;
use crate::rows::Row;

/// Writes bad rows, one JSON object a line: see [`QuarantineRecord`].
///
/// Nothing is written before the first row. The writer is flushed by [`Self::finish`] only; hand in a buffered one.
///
/// Rows are written as they stand in the file, except those that are known to hold somebody's personal data
/// ([`Row::owner`]): who has a store that seals hands them over [sealed](Self::write_sealed).
///
/// # Example
/// ```
/// use tenure_ingest::{Options, Outcome, Quarantine, QuarantineRecord, read_jsonl};
/// let rows = read_jsonl(b"{\"customer\":\"a\"}\nnot json\n", &Options::default())?;
/// let mut quarantine = Quarantine::new(Vec::new(), "log.jsonl");
/// for row in &rows {
///     if let Outcome::Bad(error) = &row.outcome {
///         quarantine.write(row, error)?;
///     }
/// }
/// assert_eq!(quarantine.count(), 2);
/// let text = String::from_utf8(quarantine.finish()?)?;
/// let second = QuarantineRecord::parse(text.lines().nth(1).unwrap())?;
/// assert_eq!((second.line, second.row_bytes().unwrap()), (2, b"not json".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Quarantine<W> {
    out: W,
    file: String,
    count: u64,
}

impl<W: Write> Quarantine<W> {
    /// A quarantine for the rows of `file`, written to `out`.
    pub fn new(out: W, file: &str) -> Self {
        Self { out, file: file.into(), count: 0 }
    }

    /// Writes a row and why it is bad.
    ///
    /// # Errors
    /// What `out` says; the row may then be written in part.
    pub fn write(&mut self, row: &Row, error: &RowError) -> io::Result<()> {
        let record = QuarantineRecord::new(&self.file, row, error);
        self.record(&record)
    }

    /// Writes a row as it was sealed for its owner, and why it is bad.
    ///
    /// # Errors
    /// What `out` says; the row may then be written in part.
    pub fn write_sealed(&mut self, row: &Row, error: &RowError, sealed: String) -> io::Result<()> {
        let record = QuarantineRecord {
            encoding: BytesAs::Sealed,
            customer: row.owner.as_ref().map(ToString::to_string),
            bytes: sealed,
            ..QuarantineRecord::new(&self.file, row, error)
        };
        self.record(&record)
    }

    fn record(&mut self, record: &QuarantineRecord) -> io::Result<()> {
        let mut line = serde_json::to_string(record).map_err(io::Error::other)?;
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// How many rows were written.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Flushes, and gives back what was written to.
    ///
    /// # Errors
    /// What `out` says.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// How the bytes of a row are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BytesAs {
    /// As text: the bytes are UTF-8.
    Utf8,
    /// Two small hexadecimal digits a byte.
    Hex,
    /// As the store sealed them under the key of the row's customer.
    Sealed,
}

/// One bad row in the quarantine file.
///
/// # Laws
/// `QuarantineRecord::parse(line)?.row_bytes()` gives the bytes of the row, without its line end, for every row no
/// longer than [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES) and not sealed; of a longer one their beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct QuarantineRecord {
    /// The file that the row stands in.
    pub file: String,
    /// The line it begins in, from 1.
    pub line: u64,
    /// The column at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The field of the fact at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// Whose personal data the row holds, where it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// How `bytes` is to be read.
    pub encoding: BytesAs,
    /// The row.
    pub bytes: String,
    /// How many bytes the row has in the file, where `bytes` are only their beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_from: Option<u64>,
}

impl QuarantineRecord {
    fn new(file: &str, row: &Row, error: &RowError) -> Self {
        let (encoding, bytes) = match core::str::from_utf8(&row.bytes) {
            Ok(text) => (BytesAs::Utf8, text.to_owned()),
            Err(_) => (BytesAs::Hex, hex(&row.bytes)),
        };
        Self {
            file: file.into(),
            line: row.line,
            column: error.column().map(Into::into),
            field: error.field().map(Into::into),
            reason: error.to_string(),
            customer: None,
            encoding,
            bytes,
            cut_from: if let RowError::TooLong { bytes } = error { Some(*bytes) } else { None },
        }
    }

    /// Reads one line of a quarantine file.
    ///
    /// # Errors
    /// The message of `serde_json`: not JSON, or a field missing, unknown or of another type.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }

    /// The bytes of the row; none if `bytes` is not what `encoding` says, or sealed.
    pub fn row_bytes(&self) -> Option<Vec<u8>> {
        match self.encoding {
            BytesAs::Utf8 => Some(self.bytes.clone().into_bytes()),
            BytesAs::Hex => unhex(&self.bytes),
            BytesAs::Sealed => None,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(half.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|half| u8::try_from(half).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?)).collect()
}

/// How much of a row [`shown`] shows, in bytes.
pub const SHOWN_BYTES: usize = 80;

/// The first [`SHOWN_BYTES`] bytes of a row for a screen, with `...` where it goes on.
///
/// What could move the cursor, hide text or turn its direction is escaped: control characters, bidirectional marks,
/// invisible and line-parting characters as `\u{...}` (`\t`, `\n`, `\r` for short), bytes that are not UTF-8 as
/// `\xff`. Empty for an empty row.
///
/// # Example
/// ```
/// use tenure_ingest::shown;
/// assert_eq!(shown(b"a\tb\x1b[2J\xff"), "a\\tb\\u{1b}[2J\\xff");
/// assert_eq!(shown("客户\u{202e}".as_bytes()), "客户\\u{202e}");
/// ```
pub fn shown(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut rest = bytes;
    let mut used = 0_usize;
    'all: while !rest.is_empty() {
        let (valid, bad) = match rest.utf8_chunks().next() {
            Some(chunk) => (chunk.valid(), chunk.invalid()),
            None => break,
        };
        for character in valid.chars() {
            used = used.saturating_add(character.len_utf8());
            if used > SHOWN_BYTES {
                break 'all;
            }
            match character {
                '\t' | '\n' | '\r' => out.extend(character.escape_default()),
                _ if is_hidden(character) => out.extend(character.escape_unicode()),
                _ => out.push(character),
            }
        }
        for byte in bad {
            used = used.saturating_add(1);
            if used > SHOWN_BYTES {
                break 'all;
            }
            out.push_str("\\x");
            out.push_str(&hex(&[*byte]));
        }
        rest = rest.get(valid.len() + bad.len()..).unwrap_or_default();
    }
    if used > SHOWN_BYTES {
        out.push_str("...");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Outcome;
    use proptest::prelude::*;

    fn written(bytes: &[u8], error: &RowError) -> String {
        let row = Row {
            line: 7,
            bytes: bytes.into(),
            outcome: Outcome::Bad(error.clone()),
            more: vec![],
            owner: None,
        };
        let mut quarantine = Quarantine::new(Vec::new(), "a.csv");
        quarantine.write(&row, error).unwrap();
        String::from_utf8(quarantine.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_record_says_where_what_and_why() {
        let error =
            RowError::Cell { column: "total".into(), field: "amount".into(), why: "it is empty".into() };
        assert_eq!(
            written(b"a,,\xe5\xae\xa2", &error),
            "{\"file\":\"a.csv\",\"line\":7,\"column\":\"total\",\"field\":\"amount\",\
             \"reason\":\"column \\\"total\\\": it is empty\",\"encoding\":\"utf8\",\"bytes\":\"a,,客\"}\n"
        );
        assert_eq!(
            written(b"\xff\x00", &RowError::Encoding { byte: 1 }),
            "{\"file\":\"a.csv\",\"line\":7,\"reason\":\"not UTF-8 from byte 1 of the record on\",\
             \"encoding\":\"hex\",\"bytes\":\"ff00\"}\n"
        );
        assert!(written(b"x", &RowError::TooLong { bytes: 9_000_000 }).contains("\"cut_from\":9000000"));
    }

    #[test]
    fn what_is_shown_is_eighty_bytes_at_most_and_never_half_a_character() {
        assert_eq!(shown(&[b'a'; 80]), "a".repeat(80));
        assert_eq!(shown(&[b'a'; 81]), format!("{}...", "a".repeat(80)));
        assert_eq!(shown("客".repeat(30).as_bytes()), format!("{}...", "客".repeat(26)));
        assert_eq!(shown(b""), "");
    }

    proptest! {
        #[test]
        fn the_bytes_of_a_row_come_back_exactly(
            bytes in prop_oneof![any::<Vec<u8>>(), any::<String>().prop_map(String::into_bytes)]
        ) {
            let line = written(&bytes, &RowError::OpenQuote { opened: 1 });
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert_eq!(QuarantineRecord::parse(&line).unwrap().row_bytes().unwrap(), bytes);
        }

        #[test]
        fn nothing_shown_moves_the_cursor(bytes in any::<Vec<u8>>()) {
            prop_assert!(!shown(&bytes).chars().any(is_hidden));
        }
    }
}
