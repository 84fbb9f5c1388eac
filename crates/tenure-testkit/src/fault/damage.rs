//! Files that rot: what may become of the bytes of a store that nobody wrote to.

use core::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::Chance;
use crate::Failure;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One bit is the other one.
    Flip {
        /// The byte.
        at: u64,
        /// The bit, 0 to 7.
        bit: u8,
    },
    /// A run of bytes is zero, as a lost sector reads.
    Zero {
        /// The first byte.
        at: u64,
        /// How many.
        length: u64,
    },
    /// A run of bytes is noise.
    Noise {
        /// The first byte.
        at: u64,
        /// How many.
        length: u64,
    },
    /// A block stands in place of another one as well.
    Copy {
        /// The first byte of the one that is there twice.
        from: u64,
        /// The first byte of the one that is gone.
        to: u64,
        /// The size of a block.
        block: u64,
    },
    /// Two blocks changed places.
    Swap {
        /// The first byte of one.
        one: u64,
        /// The first byte of the other.
        other: u64,
        /// The size of a block.
        block: u64,
    },
    /// The end is missing.
    Truncate {
        /// What is left.
        length: u64,
    },
    /// The file is gone.
    Missing,
    /// The file is an older one of the same name.
    Older,
}

/// A file of a store and what happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The file, below the directory of the store.
    pub file: PathBuf,
    /// What happened.
    pub damage: Damage,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.file.display(), self.damage)
    }
}

impl Damaged {
    /// Case number `n` of `of`: the damage moves from the beginning of the file to its end with the number, so that
    /// every region has its share, and kinds follow each other. `block` is the size of a page of the store.
    pub fn draw(seed: u64, (n, of): (u64, u64), (file, length): (&Path, u64), block: u64) -> Self {
        let mut chance = Chance::of(seed, n, "fault damage");
        let (length, of) = (length.max(1), of.max(1));
        let stratum = length.div_ceil(of).max(1);
        let at = (n.saturating_mul(length) / of + chance.below(stratum)).min(length - 1);
        let blocks = length.div_ceil(block);
        let first = at / block * block;
        let other = chance.below(blocks) * block;
        let run = [16, 512, block].get(usize::try_from(chance.below(3)).unwrap_or_default()).copied();
        let run = run.unwrap_or(block);
        let damage = match n % 16 {
            0..=6 => Damage::Flip { at, bit: u8::try_from(chance.below(8)).unwrap_or_default() },
            7 | 8 => Damage::Zero { at: at / run * run, length: run },
            9 => Damage::Noise { at: at / run * run, length: run },
            10 | 11 => Damage::Copy { from: other, to: first, block },
            12 => Damage::Swap { one: first, other, block },
            13 => Damage::Truncate { length: at },
            14 => Damage::Older,
            _ if n % 32 == 15 => Damage::Missing,
            _ => Damage::Truncate { length: first },
        };
        Self { file: file.to_owned(), damage }
    }

    /// Does it to the copy of a store. `older` is where an older state of the same files is.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn apply(&self, seed: u64, directory: &Path, older: &Path) -> Result<(), Failure> {
        let path = directory.join(&self.file);
        let mut bytes = fs::read(&path)?;
        let place = |at: u64, length: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            at..at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)).min(bytes.len())
        };
        match self.damage {
            Damage::Flip { at, bit } => {
                let place = place(at, 1);
                bytes.get_mut(place).unwrap_or_default().iter_mut().for_each(|byte| *byte ^= 1 << bit);
            }
            Damage::Zero { at, length } => {
                let place = place(at, length);
                bytes.get_mut(place).unwrap_or_default().fill(0);
            }
            Damage::Noise { at, length } => {
                let (place, mut chance) = (place(at, length), Chance::of(seed, at, "fault noise"));
                let noise = || chance.bits().to_le_bytes()[0];
                bytes.get_mut(place).unwrap_or_default().fill_with(noise);
            }
            Damage::Copy { from, to, block } => {
                let (from, to) = (place(from, block), place(to, block));
                let copied = bytes.get(from).unwrap_or_default().to_vec();
                bytes
                    .get_mut(to)
                    .unwrap_or_default()
                    .iter_mut()
                    .zip(copied)
                    .for_each(|(to, from)| *to = from);
            }
            Damage::Swap { one, other, block } => {
                let (one, other) = (place(one, block), place(other, block));
                let first = bytes.get(one.clone()).unwrap_or_default().to_vec();
                let second = bytes.get(other.clone()).unwrap_or_default().to_vec();
                bytes
                    .get_mut(one)
                    .unwrap_or_default()
                    .iter_mut()
                    .zip(second)
                    .for_each(|(to, from)| *to = from);
                bytes
                    .get_mut(other)
                    .unwrap_or_default()
                    .iter_mut()
                    .zip(first)
                    .for_each(|(to, from)| *to = from);
            }
            Damage::Truncate { length } => bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX)),
            Damage::Missing => return Ok(fs::remove_file(path)?),
            Damage::Older => match fs::read(older.join(&self.file)) {
                Ok(older) => bytes = older,
                // Where there was no such file before, it is gone.
                Err(_) => return Ok(fs::remove_file(path)?),
            },
        }
        Ok(fs::write(path, bytes)?)
    }
}
