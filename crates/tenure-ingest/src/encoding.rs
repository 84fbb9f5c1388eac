//! How the characters of a file are written, and what it is packed with.

use std::io::{self, BufRead, BufReader, Read};

use encoding_rs::{DecoderResult, GB18030};
use serde::Deserialize;

use crate::error::RowError;

/// How the characters of a file are written as bytes.
///
/// # Example
/// ```
/// use tenure_ingest::Encoding;
/// assert_eq!("gb18030".parse(), Ok(Encoding::Gb18030));
/// assert_eq!("GBK".parse(), Ok(Encoding::Gb18030)); // a part of it
/// assert!("utf-16".parse::<Encoding>().unwrap_err().contains("save it as UTF-8"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8, with a byte order mark or without.
    #[default]
    Utf8,
    /// GB 18030, and so GBK and GB 2312, which are parts of it: what Chinese spreadsheets write.
    Gb18030,
}

impl Encoding {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Gb18030 => "gb18030",
        }
    }

    /// The bytes of a line as UTF-8. UTF-8 itself is left for the reader of the record to check.
    ///
    /// # Errors
    /// The first byte that is no character, from 1.
    pub(crate) fn decode(self, bytes: Vec<u8>) -> Result<Vec<u8>, (Vec<u8>, u64)> {
        if self == Self::Utf8 || bytes.is_ascii() {
            return Ok(bytes);
        }
        let mut decoder = GB18030.new_decoder_without_bom_handling();
        let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
        let mut text = vec![0; room.unwrap_or_default()];
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(&bytes, &mut text, true);
        match result {
            DecoderResult::InputEmpty => {
                text.truncate(written);
                Ok(text)
            }
            DecoderResult::Malformed(length, after) => {
                let at = read.saturating_sub(usize::from(length)).saturating_sub(usize::from(after));
                Err((bytes, (at as u64).saturating_add(1)))
            }
            // The buffer has room for the longest text there can be.
            DecoderResult::OutputFull => Err((bytes, 1)),
        }
    }
}

impl Encoding {
    /// What is wrong with a record that has a byte which is no character.
    pub(crate) const fn refuse(self, byte: u64) -> RowError {
        match self {
            Self::Utf8 => RowError::Encoding { byte },
            encoding => RowError::Undecodable { encoding: encoding.name(), byte },
        }
    }
}

impl core::str::FromStr for Encoding {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "utf8" | "utf-8" => Ok(Self::Utf8),
            "gb18030" | "gbk" | "gb2312" => Ok(Self::Gb18030),
            other if other.starts_with("utf-16") || other.starts_with("utf16") => {
                Err("UTF-16 is not read: save it as UTF-8".into())
            }
            _ => Err(format!("\"{name}\" is not one of utf8, gb18030")),
        }
    }
}

impl TryFrom<String> for Encoding {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

/// What a file is packed with, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Packing {
    /// Nothing.
    None,
    /// gzip: one member or several.
    Gzip,
    /// Zstandard: one frame or several.
    Zstd,
}

impl Packing {
    /// What the first four bytes of a file, or fewer, say.
    ///
    /// # Example
    /// ```
    /// use tenure_ingest::Packing;
    /// assert_eq!(Packing::of(b"\x1f\x8b\x08\0"), Packing::Gzip);
    /// assert_eq!(Packing::of(b"\x28\xb5\x2f\xfd"), Packing::Zstd);
    /// assert_eq!(Packing::of(b"id,w"), Packing::None);
    /// ```
    pub fn of(first: &[u8]) -> Self {
        match first {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// The largest window that a Zstandard frame may ask for, as a power of two: 64 MiB. Its own tools stay below it unless
/// told otherwise with `--long`.
const LARGEST_WINDOW: u32 = 26;

/// Unpacks a file if it is packed: gzip and Zstandard, told by their first bytes and not by the name.
///
/// What comes out is read in a stream, so that [`Rows`](crate::Rows) and its limits see it piece by piece: a small file
/// that unpacks to a line of gigabytes costs a bad row and no memory.
///
/// # Errors
/// What the input says. A packed file that is cut off or damaged fails later, when reading comes to the place.
///
/// # Example
/// ```
/// use std::io::{BufReader, Read};
/// let mut text = String::new();
/// tenure_ingest::unpacked(BufReader::new(&b"plain"[..]))?.read_to_string(&mut text)?;
/// assert_eq!(text, "plain");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn unpacked<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    Ok(match Packing::of(peek(&mut input)?) {
        Packing::None => Box::new(input),
        Packing::Gzip => {
            Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(input)))
        }
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(LARGEST_WINDOW)?;
            Box::new(BufReader::with_capacity(1 << 16, decoder))
        }
    })
}

/// What is in the buffer, filled once if it is empty.
fn peek(input: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.fill_buf()
}

/// Why the beginning of a file cannot be text in UTF-8 or GB 18030; none if it may be.
pub(crate) fn foreign(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        // The first two characters of a header or of a JSON line are ASCII.
        [first, 0, second, 0, ..] | [0, first, 0, second, ..] if *first != 0 && *second != 0 => {
            Some("UTF-16")
        }
        [b'P', b'K', 3, 4, ..] => Some("a ZIP archive or an Excel workbook"),
        [0xd0, 0xcf, 0x11, 0xe0, ..] => Some("an Excel workbook"),
        _ => None,
    }
}

/// Reads no more than so many bytes of the beginning of a file.
///
/// # Errors
/// What the input says.
pub(crate) fn head(input: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    input.take(most).read_to_end(&mut start)?;
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn gb18030_is_decoded_and_its_faults_are_placed() {
        // 订单 in GBK, then a four-byte character of GB 18030.
        let good = b"a,\xb6\xa9\xb5\xa5,\x81\x39\xef\x30".to_vec();
        assert_eq!(Encoding::Gb18030.decode(good).unwrap(), "a,订单,\u{3401}".as_bytes());
        let bad = b"ab\xff,c".to_vec();
        assert_eq!(Encoding::Gb18030.decode(bad.clone()), Err((bad, 3)));
        assert_eq!(Encoding::Gb18030.decode(b"a\xb6".to_vec()).unwrap_err().1, 2);
    }

    #[test]
    fn packed_files_are_read_by_their_first_bytes_also_in_several_parts() {
        let gzip = |text: &[u8]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        };
        let zstd = |text: &[u8]| zstd::stream::encode_all(text, 1).unwrap();
        for (packed, text) in [
            ([gzip(b"a,b\n"), gzip(b"1,2\n")].concat(), "a,b\n1,2\n"),
            ([zstd(b"a,b\n"), zstd(b"1,2\n")].concat(), "a,b\n1,2\n"),
            (b"a,b\n".to_vec(), "a,b\n"),
            (vec![], ""),
        ] {
            let mut got = String::new();
            unpacked(packed.as_slice()).unwrap().read_to_string(&mut got).unwrap();
            assert_eq!(got, text);
        }
        let cut = gzip(b"a,b\n1,2\n");
        let mut got = Vec::new();
        let cut = cut.get(..cut.len() - 9).unwrap();
        assert!(unpacked(cut).unwrap().read_to_end(&mut got).is_err());
    }
}
