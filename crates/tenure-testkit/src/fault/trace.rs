//! What a process did to its files, in order, as the shim wrote it down.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Failure;

/// One operation that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Bytes were written.
    Write {
        /// Where.
        offset: u64,
        /// What.
        bytes: Vec<u8>,
    },
    /// The length was set.
    Truncate {
        /// The new length.
        length: u64,
    },
    /// What was written before is on disk.
    Sync,
    /// A sync failed: what was written before and was not synced may never be on disk.
    SyncFailed,
    /// The names in this directory are on disk.
    SyncDirectory,
    /// The file was made.
    Create,
    /// A file that was there was opened.
    Open,
    /// The name was taken away.
    Unlink,
    /// The file has another name now.
    Rename {
        /// The new name.
        to: PathBuf,
    },
    /// The file has one more name.
    Link {
        /// The new name.
        to: PathBuf,
    },
    /// The process said something on its standard output.
    Say {
        /// What.
        text: String,
    },
}

impl Operation {
    /// Its letter, as `shim.c` has it.
    pub const fn letter(&self) -> char {
        match self {
            Self::Write { .. } => 'W',
            Self::Truncate { .. } => 'T',
            Self::Sync => 'S',
            Self::SyncFailed => 'E',
            Self::SyncDirectory => 'D',
            Self::Create => 'C',
            Self::Open => 'O',
            Self::Unlink => 'U',
            Self::Rename { .. } => 'R',
            Self::Link { .. } => 'L',
            Self::Say { .. } => 'A',
        }
    }
}

/// An operation and the file that it was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The file behind the name. A number is given again after its file is gone.
    pub inode: u64,
    /// The name by which it was opened or is renamed; empty for what was said.
    pub path: PathBuf,
    /// What was done.
    pub operation: Operation,
}

/// All operations of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// In the order in which they were done.
    pub records: Vec<Record>,
}

impl Trace {
    /// Reads what the shim wrote. A last record without its end, of a process that was killed, is left out.
    ///
    /// # Errors
    /// If there is none, or it is not one.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path)?;
        let (mut rest, mut records) = (bytes.as_slice(), Vec::new());
        while let Some(record) = next(&mut rest) {
            records.push(record?);
        }
        Ok(Self { records })
    }

    /// How many operations there are among those of these letters: the largest k that a fault can happen at.
    pub fn operations(&self, letters: &str) -> u64 {
        self.records.iter().filter(|record| letters.contains(record.operation.letter())).count() as u64
    }
}

/// The next record; none where no whole one is left.
fn next(rest: &mut &[u8]) -> Option<Result<Record, Failure>> {
    let (letter, bytes) = rest.split_first()?;
    let (inode, bytes) = bytes.split_first_chunk()?;
    let (offset, bytes) = bytes.split_first_chunk()?;
    let (path_length, bytes) = bytes.split_first_chunk()?;
    let (length, bytes) = bytes.split_first_chunk()?;
    let size = |length: &[u8; 4]| usize::try_from(u32::from_le_bytes(*length)).ok();
    let (path, bytes) = bytes.split_at_checked(size(path_length)?)?;
    let (content, bytes) = bytes.split_at_checked(size(length)?)?;
    *rest = bytes;
    let path_of = |path: &[u8]| PathBuf::from(String::from_utf8_lossy(path).into_owned());
    let offset = u64::from_le_bytes(*offset);
    let operation = match letter {
        b'W' => Operation::Write { offset, bytes: content.to_vec() },
        b'T' => Operation::Truncate { length: offset },
        b'S' => Operation::Sync,
        b'E' => Operation::SyncFailed,
        b'D' => Operation::SyncDirectory,
        b'C' => Operation::Create,
        b'O' => Operation::Open,
        b'U' => Operation::Unlink,
        b'R' => Operation::Rename { to: path_of(content) },
        b'L' => Operation::Link { to: path_of(content) },
        b'A' => Operation::Say { text: String::from_utf8_lossy(content).into_owned() },
        other => return Some(Err(format!("a trace with an operation {other}").into())),
    };
    Some(Ok(Record { inode: u64::from_le_bytes(*inode), path: path_of(path), operation }))
}
