//! Physical lines of a file, each read with a limit so that one line cannot fill the memory.

use std::io::{self, BufRead, ErrorKind};

use crate::encoding::Encoding;

/// The longest record that is read, in bytes: 1 MiB. A longer one is one bad row, and reading goes on after it.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// One line of the file as it stands there.
#[derive(Debug)]
pub(crate) struct PhysicalLine {
    /// From 1.
    pub(crate) number: u64,
    /// Without the line feed; at most [`MAX_RECORD_BYTES`] of them. In UTF-8, whatever the file is written in; as they
    /// stand in the file where they cannot be decoded.
    pub(crate) bytes: Vec<u8>,
    /// How long the line is in the file, read or skipped.
    pub(crate) length: u64,
    /// The first byte, from 1, that is no character of the encoding.
    pub(crate) undecodable: Option<u64>,
    /// Whether a part of the line was skipped.
    cut: bool,
}

impl PhysicalLine {
    /// Whether a part of the line was skipped.
    pub(crate) const fn is_cut(&self) -> bool {
        self.cut
    }

    /// The bytes without the carriage return of a CRLF.
    pub(crate) fn content(&self) -> &[u8] {
        self.bytes.strip_suffix(b"\r").unwrap_or(&self.bytes)
    }

    /// As [`Self::content`], owned.
    pub(crate) fn into_content(mut self) -> Vec<u8> {
        self.bytes.truncate(self.content().len());
        self.bytes
    }
}

/// Reads physical lines. A byte order mark before the first is dropped.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    encoding: Encoding,
    /// Lines read so far.
    count: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) const fn new(input: R, encoding: Encoding) -> Self {
        Self { input, encoding, count: 0 }
    }

    /// How the file is written.
    pub(crate) const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The line that is read next, from 1.
    pub(crate) const fn next_number(&self) -> u64 {
        self.count.saturating_add(1)
    }

    /// The next line; none at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<PhysicalLine>> {
        let number = self.next_number();
        let mut line = PhysicalLine { number, bytes: Vec::new(), length: 0, undecodable: None, cut: false };
        // The mark is cut off after reading; it must not cost the first line three bytes of its limit.
        let limit = if self.count == 0 { MAX_RECORD_BYTES + BOM.len() } else { MAX_RECORD_BYTES };
        let mut read_any = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                if !read_any {
                    return Ok(None);
                }
                break;
            }
            read_any = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = chunk.get(..end.unwrap_or(chunk.len())).unwrap_or(chunk);
            let room = limit.saturating_sub(line.bytes.len());
            line.bytes.extend(part.iter().take(room));
            line.length = line.length.saturating_add(part.len() as u64);
            let consumed = part.len() + usize::from(end.is_some());
            self.input.consume(consumed);
            if end.is_some() {
                break;
            }
        }
        if self.count == 0 {
            if line.bytes.starts_with(BOM) {
                line.bytes.drain(..BOM.len());
                line.length = line.length.saturating_sub(BOM.len() as u64);
            }
            line.bytes.truncate(MAX_RECORD_BYTES);
        }
        self.count = line.number;
        line.cut = line.length > line.bytes.len() as u64;
        if !line.cut {
            match self.encoding.decode(core::mem::take(&mut line.bytes)) {
                Ok(text) => line.bytes = text,
                Err((bytes, at)) => (line.bytes, line.undecodable) = (bytes, Some(at)),
            }
        }
        Ok(Some(line))
    }
}

/// The byte order mark in UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    fn read(bytes: &[u8]) -> Vec<(u64, Vec<u8>, bool)> {
        // A tiny buffer, so that lines cross its end.
        let mut lines = Lines::new(BufReader::with_capacity(2, bytes), Encoding::Utf8);
        std::iter::from_fn(|| lines.next().unwrap())
            .map(|line| (line.number, line.content().to_vec(), line.is_cut()))
            .collect()
    }

    #[test]
    fn lines_end_with_lf_or_crlf_and_the_last_one_may_end_with_the_file() {
        let got = read(b"\xef\xbb\xbfa\r\nb\n\nc");
        let text: Vec<_> = got.iter().map(|(n, bytes, _)| (*n, bytes.as_slice())).collect();
        assert_eq!(text, [(1, &b"a"[..]), (2, b"b"), (3, b""), (4, b"c")]);
        assert!(read(b"").is_empty());
        assert!(read(b"\xef\xbb\xbf")[0].1.is_empty());
    }

    #[test]
    fn a_line_is_cut_at_the_limit_and_reading_goes_on_after_it() {
        for (length, cut) in
            [(MAX_RECORD_BYTES, false), (MAX_RECORD_BYTES + 1, true), (3 * MAX_RECORD_BYTES, true)]
        {
            for mark in [&b""[..], BOM] {
                let mut bytes = mark.to_vec();
                bytes.extend(vec![b'x'; length]);
                bytes.extend(b"\nnext\n");
                let mut lines = Lines::new(bytes.as_slice(), Encoding::Utf8);
                let first = lines.next().unwrap().unwrap();
                assert_eq!((first.length, first.is_cut()), (length as u64, cut));
                assert_eq!(first.bytes.len(), length.min(MAX_RECORD_BYTES));
                assert_eq!(lines.next().unwrap().unwrap().bytes, b"next");
            }
        }
    }
}
