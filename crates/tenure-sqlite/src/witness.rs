//! How far the log was acknowledged, in a small file of its own.
//!
//! While a store is in use, its last commits stand in the file ending in `-wal`, and SQLite takes the first frame there
//! that does not fit its checksum for the end of it. A flipped bit, a truncated or an older `-wal` file would so be a
//! whole and shorter log, and nothing in it would show what is missing. So after each commit the head goes to a file
//! ending in `-head`, and whoever opens the store holds the log against it. The last handle takes it away, together with
//! the mark of use and the `-wal` file.
//!
//! It is not synced and never in the way: what did not reach the disk claims less, and a record that is not whole claims
//! nothing. It never claims more than was acknowledged, so it is written only where an acknowledged commit is on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

/// What the file begins with: kind and format.
const MAGIC: [u8; 8] = *b"tnrhead1";

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The last position that was certainly acknowledged.
    pub(crate) position: i64,
    /// Its link.
    pub(crate) link: [u8; 32],
    /// Whether a later commit failed in a way that leaves open what of it is on disk.
    pub(crate) in_doubt: bool,
}

/// The file beside a store that says how far its log was acknowledged.
#[derive(Debug)]
pub(crate) struct Witness {
    path: PathBuf,
    file: Option<File>,
    /// Whether an acknowledged commit of this handle is on disk.
    claims: bool,
}

impl Witness {
    /// The one of the store at a path.
    pub(crate) fn beside(path: &Path, claims: bool) -> Self {
        let mut name = path.as_os_str().to_owned();
        name.push("-head");
        Self { path: name.into(), file: None, claims }
    }

    /// What is claimed, if anything is.
    pub(crate) fn read(&self) -> Option<Claim> {
        let bytes = fs::read(&self.path).ok()?;
        let (content, sum) = bytes.split_last_chunk()?;
        if u64::from_le_bytes(*sum) != xxh3_64(content) {
            return None;
        }
        let (magic, content) = content.split_first_chunk()?;
        let (position, content) = content.split_first_chunk()?;
        let (link, doubt) = content.split_first_chunk()?;
        let claim = Claim { position: i64::from_le_bytes(*position), link: *link, in_doubt: doubt == [1] };
        Some(claim).filter(|_| *magic == MAGIC && doubt.len() == 1)
    }

    /// Claims a head that was committed. A claim that cannot be written is none.
    pub(crate) fn claim(&mut self, (position, link): (i64, [u8; 32])) {
        if self.claims {
            let _ = self.write(Claim { position, link, in_doubt: false });
        }
    }

    /// Says that a commit failed and that nobody knows what of it is on disk.
    pub(crate) fn doubt(&mut self) {
        let nothing = Claim { position: 0, link: [0; 32], in_doubt: true };
        let _ = self.write(Claim { in_doubt: true, ..self.read().unwrap_or(nothing) });
    }

    fn write(&mut self, Claim { position, link, in_doubt }: Claim) -> std::io::Result<()> {
        let mut record = [&MAGIC[..], &position.to_le_bytes(), &link, &[u8::from(in_doubt)]].concat();
        record.extend(xxh3_64(&record).to_le_bytes());
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                none.insert(OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?)
            }
        };
        file.rewind()?;
        file.write_all(&record)
    }

    /// Looks for the file anew with the next claim: another handle may have taken it away.
    pub(crate) fn forget(&mut self) {
        self.file = None;
    }

    /// Takes it away.
    pub(crate) fn remove(&mut self) {
        self.file = None;
        // What stays claims no more than is true.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_comes_back_and_what_is_not_whole_claims_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.db");
        let mut witness = Witness::beside(&path, true);
        assert_eq!(witness.read(), None);
        witness.claim((7, [1; 32]));
        witness.claim((8, [2; 32]));
        let claim = Claim { position: 8, link: [2; 32], in_doubt: false };
        assert_eq!(witness.read(), Some(claim));
        witness.doubt();
        assert_eq!(witness.read(), Some(Claim { in_doubt: true, ..claim }));
        let whole = fs::read(&witness.path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            fs::write(&witness.path, bytes).unwrap();
            assert_eq!(witness.read(), None, "{at}");
            fs::write(&witness.path, &whole[..at]).unwrap();
            assert_eq!(witness.read(), None, "{at}");
        }
        witness.remove();
        assert!(!witness.path.exists());
        let mut silent = Witness::beside(&path, false);
        silent.claim((9, [3; 32]));
        assert!(!silent.path.exists());
    }
}
