//! CSV records: quoted cells, line numbers, and what to do when a quote goes astray.
//!
//! As RFC 4180 says: cells are parted by the delimiter, records by LF or CRLF; a cell that begins with `"` goes on to
//! the next lone `"`, over delimiters and line ends, and `""` in it is one `"`. A quote inside a cell that does not
//! begin with one stands for itself. Empty lines between records are skipped.
//!
//! A stray quote must not swallow the file. When a record does not work out (text after a closing quote, no closing
//! quote before the end of the file or the size limit), only the line it began in is a bad row; the lines up to where
//! reading stopped are read again, each for itself. So nothing is read more than three times.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use crate::error::RowError;
use crate::lines::{Lines, MAX_RECORD_BYTES, PhysicalLine};

/// The cells of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cells {
    text: String,
    /// Where each cell ends in `text`.
    ends: Vec<usize>,
}

impl Cells {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        // The ends ascend and lie beside delimiters or quotes, which are ASCII: every slice exists.
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }

    /// The cell of this index; empty if there is none.
    pub(crate) fn cell(&self, index: usize) -> &str {
        let end = self.ends.get(index).copied().unwrap_or_default();
        let start =
            index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        self.text.get(start..end).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }
}

impl<'a> FromIterator<&'a str> for Cells {
    fn from_iter<I: IntoIterator<Item = &'a str>>(cells: I) -> Self {
        let mut made = Self::default();
        for cell in cells {
            made.text.push_str(cell);
            made.ends.push(made.text.len());
        }
        made
    }
}

/// One record, read or refused.
#[derive(Debug)]
pub(crate) struct Record {
    /// The physical line it begins in, from 1.
    pub(crate) line: u64,
    /// Its bytes without the line end; cut at the limit for an over-long one.
    pub(crate) bytes: Vec<u8>,
    pub(crate) cells: Result<Cells, RowError>,
}

/// Reads records one after the other.
#[derive(Debug)]
pub(crate) struct Records<R> {
    lines: Lines<R>,
    delimiter: u8,
    /// Lines that a record without end had taken, to be read again.
    again: VecDeque<PhysicalLine>,
    /// Lines before this one are read each for itself: a quoted cell may not go on from them into the next.
    alone_before: u64,
}

impl<R: BufRead> Records<R> {
    pub(crate) const fn new(lines: Lines<R>, delimiter: u8) -> Self {
        Self { lines, delimiter, again: VecDeque::new(), alone_before: 0 }
    }

    /// The physical line that is read next.
    pub(crate) fn next_number(&self) -> u64 {
        self.again.front().map_or_else(|| self.lines.next_number(), |line| line.number)
    }

    fn next_line(&mut self) -> io::Result<Option<PhysicalLine>> {
        match self.again.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(),
        }
    }

    /// The next record; none at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<Record>> {
        let first = loop {
            match self.next_line()? {
                None => return Ok(None),
                Some(line) if line.content().is_empty() && !line.is_cut() => {}
                Some(line) => break line,
            }
        };
        let line = first.number;
        if first.is_cut() {
            let error = RowError::TooLong { bytes: first.length };
            return Ok(Some(Record { line, bytes: first.bytes, cells: Err(error) }));
        }
        let mut scan = Scan::new(self.delimiter);
        let mut rest: Vec<PhysicalLine> = Vec::new();
        let mut size = first.bytes.len();
        let mut step = scan.line(&first);
        let error = loop {
            let opened = match step {
                Step::Done => break None,
                Step::TextAfterQuote { opened } => break Some(RowError::TextAfterQuote { opened }),
                Step::Open { opened } => opened,
            };
            if line < self.alone_before {
                break Some(RowError::OpenQuote { opened });
            }
            let Some(next) = self.next_line()? else { break Some(RowError::OpenQuote { opened }) };
            size = size.saturating_add(1).saturating_add(next.bytes.len());
            let too_long = size > MAX_RECORD_BYTES || next.is_cut();
            if !too_long {
                step = scan.line(&next);
            }
            rest.push(next);
            if too_long {
                break Some(RowError::OpenQuote { opened });
            }
        };
        if let Some(error) = error {
            let stopped = rest.last().map_or(line, |last| last.number);
            self.alone_before = self.alone_before.max(stopped);
            for taken in rest.into_iter().rev() {
                self.again.push_front(taken);
            }
            return Ok(Some(Record { line, bytes: first.into_content(), cells: Err(error) }));
        }
        let undecodable = core::iter::once(&first).chain(&rest).find_map(|line| line.undecodable);
        let mut bytes = first.bytes;
        for next in rest {
            bytes.push(b'\n');
            bytes.extend(next.bytes);
        }
        if bytes.ends_with(b"\r") {
            bytes.truncate(bytes.len().saturating_sub(1));
        }
        let cells = match core::str::from_utf8(&bytes) {
            _ if undecodable.is_some() => Err(self.lines.encoding().refuse(undecodable.unwrap_or(1))),
            Ok(_) => scan.into_cells(),
            Err(error) => Err(RowError::Encoding { byte: error.valid_up_to() as u64 + 1 }),
        };
        Ok(Some(Record { line, bytes, cells }))
    }
}

/// Where a scan stands at the end of a line.
#[derive(Clone, Copy)]
enum Step {
    /// The record is complete.
    Done,
    /// A quoted cell goes on into the next line.
    Open { opened: u64 },
    /// Text follows a closing quote.
    TextAfterQuote { opened: u64 },
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: its end, or the first half of `""`.
    Quote,
}

struct Scan {
    delimiter: u8,
    state: State,
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The line of the last opening quote.
    opened: u64,
}

impl Scan {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::CellStart, text: Vec::new(), ends: Vec::new(), opened: 0 }
    }

    fn line(&mut self, line: &PhysicalLine) -> Step {
        let mut bytes = line.bytes.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            let line_end = byte == b'\r' && bytes.peek().is_none();
            self.state = match self.state {
                State::CellStart if byte == b'"' => {
                    self.opened = line.number;
                    State::Quoted
                }
                State::Quoted if byte == b'"' => State::Quote,
                State::Quote if byte == b'"' => {
                    self.text.push(byte);
                    State::Quoted
                }
                State::Quoted => {
                    self.text.push(byte);
                    State::Quoted
                }
                state if line_end => state,
                _ if byte == self.delimiter => {
                    self.ends.push(self.text.len());
                    State::CellStart
                }
                State::Quote => return Step::TextAfterQuote { opened: self.opened },
                State::CellStart | State::Plain => {
                    self.text.push(byte);
                    State::Plain
                }
            };
        }
        if self.state == State::Quoted {
            self.text.push(b'\n');
            return Step::Open { opened: self.opened };
        }
        self.ends.push(self.text.len());
        Step::Done
    }

    fn into_cells(self) -> Result<Cells, RowError> {
        match String::from_utf8(self.text) {
            Ok(text) => Ok(Cells { text, ends: self.ends }),
            Err(error) => Err(RowError::Encoding { byte: error.utf8_error().valid_up_to() as u64 + 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Encoding;
    use proptest::prelude::*;

    /// Each record as its line, its bytes, and its cells or its error.
    fn read(text: &[u8]) -> Vec<(u64, String, Result<Vec<String>, RowError>)> {
        let mut records = Records::new(Lines::new(text, Encoding::Utf8), b',');
        std::iter::from_fn(|| records.next().unwrap())
            .map(|record| {
                let cells = record.cells.map(|cells| {
                    let all: Vec<_> = cells.iter().map(str::to_owned).collect();
                    // Both ways to read cells agree.
                    assert_eq!(all, (0..cells.len()).map(|index| cells.cell(index)).collect::<Vec<_>>());
                    assert_eq!(cells.cell(cells.len()), "");
                    all
                });
                (record.line, String::from_utf8_lossy(&record.bytes).into_owned(), cells)
            })
            .collect()
    }

    fn good(text: &str) -> Vec<(u64, Vec<String>)> {
        read(text.as_bytes()).into_iter().map(|(line, _, cells)| (line, cells.unwrap())).collect()
    }

    fn cells(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn lines_are_right_over_quoted_line_ends() {
        assert_eq!(
            good("a,b\r\n\n\"x\ny\r\nz\",\"\"\"q\"\",\"\r\n\r\nlast,\"\"\n"),
            [(1, cells(&["a", "b"])), (3, cells(&["x\ny\r\nz", "\"q\","])), (7, cells(&["last", ""]))]
        );
    }

    #[test]
    fn the_bytes_of_a_record_are_those_of_the_file_without_the_line_end() {
        let bytes: Vec<_> =
            read(b"a,b\r\n\"x\r\ny\",1\r\nlast").into_iter().map(|(_, bytes, _)| bytes).collect();
        assert_eq!(bytes, ["a,b", "\"x\r\ny\",1", "last"]);
    }

    #[test]
    fn a_quote_inside_a_plain_cell_stands_for_itself() {
        assert_eq!(good("5\" screen,a\"b\"\n"), [(1, cells(&["5\" screen", "a\"b\""]))]);
    }

    #[test]
    fn a_quote_that_is_never_closed_costs_one_line() {
        let got = read(b"1,a\n2,\"b\n3,c\n4,d\n");
        assert_eq!(got[1], (2, "2,\"b".into(), Err(RowError::OpenQuote { opened: 2 })));
        let lines: Vec<_> = got.iter().map(|(line, _, cells)| (*line, cells.is_ok())).collect();
        assert_eq!(lines, [(1, true), (2, false), (3, true), (4, true)]);
    }

    #[test]
    fn a_stray_quote_that_a_later_quote_seems_to_close_costs_one_line() {
        let got = read(b"1,\"a\n2,b\n3,\"c\",\"d\ne\"\n4,f\n");
        assert_eq!(got[0].2, Err(RowError::TextAfterQuote { opened: 1 }));
        let rest: Vec<_> = got[1..].iter().map(|(line, _, cells)| (*line, cells.clone().unwrap())).collect();
        assert_eq!(rest, [(2, cells(&["2", "b"])), (3, cells(&["3", "c", "d\ne"])), (5, cells(&["4", "f"]))]);
    }

    #[test]
    fn a_quoted_cell_longer_than_a_record_may_be_costs_the_line_it_begins_in() {
        let mut file = b"1,\"open\n".to_vec();
        for _ in 0..200_000 {
            file.extend(b"2,abc\n");
        }
        file.extend(b"3,\"x\ny\"\n");
        let got = read(&file);
        assert_eq!(got.len(), 200_002);
        assert_eq!(got.iter().filter(|(_, _, cells)| cells.is_err()).count(), 1);
        assert_eq!(got[200_001].0, 200_002);
    }

    #[test]
    fn an_over_long_line_is_one_bad_record_also_after_an_open_quote() {
        let long = "x".repeat(MAX_RECORD_BYTES + 1);
        for (file, lines) in [
            (format!("{long}\n2,b\n"), &[(1, false), (2, true)][..]),
            (format!("1,\"a\n{long}\n3,b\n"), &[(1, false), (2, false), (3, true)]),
        ] {
            let got: Vec<_> =
                read(file.as_bytes()).iter().map(|(line, _, cells)| (*line, cells.is_ok())).collect();
            assert_eq!(got, lines);
        }
    }

    #[test]
    fn lines_that_each_seem_to_open_a_quote_are_not_read_over_and_over() {
        // Each line on its own leaves a quote open, and the next one does not close it for good. Reading to the size
        // limit anew from each would take hours.
        let file = b"x\",\"\"\"\n".repeat(500_000);
        assert_eq!(read(&file).len(), 500_000);
    }

    #[test]
    fn what_is_not_utf_8_is_one_bad_record() {
        let got = read(b"a\n\xffb,\xe5\nc\n");
        assert_eq!(got[1].2, Err(RowError::Encoding { byte: 1 }));
        assert!(got[2].2.is_ok());
    }

    proptest! {
        #[test]
        fn what_a_writer_of_csv_writes_is_read_back(
            rows in prop::collection::vec(prop::collection::vec("[ab,\"\n\r客]{0,6}", 2..4), 0..8)
        ) {
            // A writer quotes what needs it; lone carriage returns it may leave bare at the end of a line.
            let mut writer = csv::WriterBuilder::new().flexible(true).quote_style(csv::QuoteStyle::Always).from_writer(vec![]);
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = writer.into_inner().unwrap();
            let got: Vec<_> = read(&text).into_iter().map(|(_, _, cells)| cells.unwrap()).collect();
            prop_assert_eq!(got, rows);
        }

        #[test]
        fn every_line_is_in_one_record(text in "[a,\"\n]{0,60}") {
            let got = read(text.as_bytes());
            // Together the records are the file without its empty lines, in order.
            let joined: Vec<_> = got.iter().flat_map(|(_, bytes, _)| bytes.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
            let whole: Vec<_> = text.lines().map(str::to_owned).collect();
            let without_empty = |lines: Vec<String>| lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>();
            prop_assert_eq!(without_empty(joined), without_empty(whole));
            prop_assert!(got.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
