//! Where the rows go that are no facts.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Where bad rows go. A quarantine file that is there is never written over: it may hold the only copy of somebody's
/// corrections.
#[derive(Debug)]
pub enum QuarantineAt {
    /// To this file.
    Exactly(PathBuf),
    /// To a file of its own in the directory of this store.
    Beside(PathBuf),
}

impl QuarantineAt {
    /// Refuses, before anything is written, what could not be written later.
    pub(super) fn check(&self) -> Result<(), CliError> {
        let Self::Exactly(path) = self else { return Ok(()) };
        if path.exists() {
            return Err(CliError::input(format!("--quarantine {}: it exists already", path.display()))
                .hint("name another file; earlier bad rows are not written over"));
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        match parent.filter(|parent| !parent.is_dir()) {
            Some(parent) => {
                Err(CliError::input(format!("--quarantine: there is no directory {}", parent.display())))
            }
            None => Ok(()),
        }
    }

    /// Makes the file.
    pub(super) fn create(&self, file: &Path) -> Result<(PathBuf, File), CliError> {
        let unwritable = |path: &Path, error: &io::Error| {
            CliError::input(format!("cannot write {}: {error}", path.display()))
        };
        let store = match self {
            Self::Exactly(path) => {
                return File::create_new(path)
                    .map(|out| (path.clone(), out))
                    .map_err(|error| unwritable(path, &error));
            }
            Self::Beside(store) => store,
        };
        let name = file.file_name().map_or_else(|| "import".into(), |name| name.to_string_lossy());
        let mut number = 1_u32;
        loop {
            let path = match number {
                1 => store.with_file_name(format!("{name}.quarantine.jsonl")),
                _ => store.with_file_name(format!("{name}.quarantine.{number}.jsonl")),
            };
            match File::create_new(&path) {
                Ok(out) => return Ok((path, out)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u32::MAX => {
                    number += 1;
                }
                Err(error) => return Err(unwritable(&path, &error)),
            }
        }
    }
}
