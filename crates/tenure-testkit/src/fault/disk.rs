//! What a disk may hold after a power loss: all that was synced, and of the rest anything.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::trace::{Operation, Record};
use super::{Chance, Told};
use crate::Failure;

/// Disks write sectors of one of these sizes whole or not at all.
const SECTORS: [u64; 2] = [512, 4096];

/// A disk and the cache of the system in front of it, as the operations of a [`Trace`](super::Trace) fill them.
///
/// A synced file holds what was written to it before the sync. What was written later may be on disk or not, each write
/// for itself and each sector of it for itself, in any order. A name that was made, changed or taken away is certain
/// only once its directory was synced: this is POSIX and no more, and stricter than any one file system.
///
/// After a failed sync the system may forget what it could not write, and a later sync says that all is well, as Linux
/// does. The process still reads what it wrote.
///
/// # Example
/// ```
/// use std::path::Path;
/// use tenure_testkit::fault::{Chance, Disk, Operation, Record};
/// let mut disk = Disk::default();
/// let mut does = |path: &str, operation| disk.apply(&Record { inode: 1, path: path.into(), operation });
/// does("/d/a", Operation::Create);
/// does("/d", Operation::SyncDirectory);
/// does("/d/a", Operation::Write { offset: 0, bytes: b"one".to_vec() });
/// does("/d/a", Operation::Sync);
/// does("/d/a", Operation::Write { offset: 3, bytes: b"two".to_vec() });
/// let holds = |n| disk.after_power_loss(&mut Chance::of(n, 0, "example"))[Path::new("/d/a")].clone();
/// assert!((0..99).all(|n| holds(n).starts_with(b"one")));
/// assert!((0..99).any(|n| holds(n) == b"one") && (0..99).any(|n| holds(n) == b"onetwo"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    /// The file behind an inode now.
    inodes: BTreeMap<u64, usize>,
    /// Names as the process sees them.
    names: BTreeMap<PathBuf, usize>,
    /// Names as they are on disk for certain.
    synced_names: BTreeMap<PathBuf, usize>,
    /// What was done to names since, in order.
    renamed: Vec<Naming>,
    said: String,
}

#[derive(Clone, Debug, Default)]
struct File {
    /// What is on disk for certain.
    synced: Vec<u8>,
    /// What was done since, in order.
    changes: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

#[derive(Clone, Debug)]
enum Naming {
    Put(PathBuf, usize),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl Naming {
    fn within(&self, directory: &Path) -> bool {
        let (Self::Put(path, _) | Self::Remove(path) | Self::Rename(_, path)) = self;
        path.parent() == Some(directory)
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Put(path, file) => {
                names.insert(path.clone(), *file);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
            Self::Rename(from, to) => {
                // Where the name did not come to be, there is nothing to rename.
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes: written } => put(bytes, *offset, written),
            Self::Length(length) => bytes.resize(usize::try_from(*length).unwrap_or(usize::MAX), 0),
        }
    }
}

/// Writes at an offset; what is between the end and there is zero.
fn put(bytes: &mut Vec<u8>, offset: u64, written: &[u8]) {
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    let end = offset.saturating_add(written.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(offset..end) {
        place.copy_from_slice(written);
    }
}

impl Disk {
    /// Does what was done.
    pub fn apply(&mut self, record: &Record) {
        let Record { inode, path, operation } = record;
        match operation {
            Operation::Write { offset, bytes } => {
                self.change(*inode, Change::Write { offset: *offset, bytes: bytes.clone() });
            }
            Operation::Truncate { length } => self.change(*inode, Change::Length(*length)),
            Operation::Sync => {
                if let Some(file) = self.file(*inode) {
                    let File { synced, changes } = file;
                    changes.drain(..).for_each(|change| change.apply(synced));
                }
            }
            Operation::SyncFailed => {
                if let Some(file) = self.file(*inode) {
                    file.changes.clear();
                }
            }
            Operation::SyncDirectory => {
                let (done, left) = self.renamed.drain(..).partition(|naming| naming.within(path));
                self.renamed = left;
                let done: Vec<Naming> = done;
                for naming in done {
                    naming.apply(&mut self.synced_names);
                }
            }
            Operation::Create => {
                self.inodes.insert(*inode, self.files.len());
                self.name(Naming::Put(path.clone(), self.files.len()));
                self.files.push(File::default());
            }
            Operation::Open => {
                if let Some(file) = self.names.get(path) {
                    self.inodes.insert(*inode, *file);
                }
            }
            Operation::Unlink => self.name(Naming::Remove(path.clone())),
            Operation::Rename { to } => self.name(Naming::Rename(path.clone(), to.clone())),
            Operation::Link { to } => {
                if let Some(file) = self.names.get(path) {
                    self.name(Naming::Put(to.clone(), *file));
                }
            }
            Operation::Say { text } => self.said.push_str(text),
        }
    }

    fn file(&mut self, inode: u64) -> Option<&mut File> {
        self.inodes.get(&inode).and_then(|file| self.files.get_mut(*file))
    }

    fn change(&mut self, inode: u64, change: Change) {
        if let Some(file) = self.file(inode) {
            file.changes.push(change);
        }
    }

    fn name(&mut self, naming: Naming) {
        naming.apply(&mut self.names);
        self.renamed.push(naming);
    }

    /// What the process had said by now.
    pub fn told(&self) -> Told {
        Told::from_lines(&self.said)
    }

    /// Every file, and what is in it, if the power goes now.
    pub fn after_power_loss(&self, chance: &mut Chance) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut names = self.synced_names.clone();
        // A file system with a journal keeps the order of names, one without keeps none.
        let (in_order, share) = (chance.chance(500), chance.below(5) * 250);
        for naming in &self.renamed {
            if chance.chance(share) {
                naming.apply(&mut names);
            } else if in_order {
                break;
            }
        }
        let mut contents = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let share = chance.below(5) * 250;
            let mut bytes = file.synced.clone();
            for change in &file.changes {
                match change {
                    Change::Write { offset, bytes: written } if chance.chance(300) => {
                        torn(&mut bytes, *offset, written, chance);
                    }
                    done if chance.chance(share) => done.apply(&mut bytes),
                    _ => {}
                }
            }
            contents.push(bytes);
        }
        let content = |file: usize| contents.get(file).cloned().unwrap_or_default();
        names.into_iter().map(|(path, file)| (path, content(file))).collect()
    }

    /// Writes such an image of everything below `root` into a directory. A file that is `volatile` is there with
    /// noise in it, or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn image(
        &self,
        chance: &mut Chance,
        root: &Path,
        volatile: impl Fn(&Path) -> bool,
        into: &Path,
    ) -> Result<(), Failure> {
        for (path, mut bytes) in self.after_power_loss(chance) {
            let Ok(path) = path.strip_prefix(root) else { continue };
            if volatile(path) {
                if chance.chance(500) {
                    continue;
                }
                bytes.fill_with(|| chance.bits().to_le_bytes()[0]);
            }
            let path = into.join(path);
            if let Some(directory) = path.parent() {
                fs::create_dir_all(directory)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

/// Writes some sectors of a write and not the others.
fn torn(bytes: &mut Vec<u8>, offset: u64, written: &[u8], chance: &mut Chance) {
    let sector = chance.one_of(&SECTORS).copied().unwrap_or(512);
    let (mut at, mut rest) = (offset, written);
    while !rest.is_empty() {
        let length = usize::try_from(sector - at % sector).unwrap_or(usize::MAX).min(rest.len());
        let (part, left) = rest.split_at(length);
        if chance.chance(500) {
            put(bytes, at, part);
        }
        at += length as u64;
        rest = left;
    }
}
