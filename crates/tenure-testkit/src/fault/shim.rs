//! The shim: a fault at exactly the k-th operation of a process on the files below a directory.

use core::fmt;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// A library that stands between a process and its files. Its source is `shim.c`, which says how it works.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
}

/// Why there is no shim here: tests that need one are skipped and say so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("faults at the k-th operation cannot be made here: {0}")]
pub struct Unavailable(String);

impl Shim {
    /// Compiles it into a directory, which must not be one that is watched.
    ///
    /// # Errors
    /// Where there is no 64-bit Linux or no C compiler, and what the compiler says where it refuses.
    pub fn build(into: &Path) -> Result<Self, Unavailable> {
        if !cfg!(all(
            target_os = "linux",
            target_env = "gnu",
            target_pointer_width = "64",
            target_endian = "little"
        )) {
            return Err(Unavailable("that takes 64-bit Linux with the GNU C library".into()));
        }
        let (source, library) = (into.join("shim.c"), into.join("shim.so"));
        let unavailable = |error: std::io::Error| Unavailable(format!("cc: {error}"));
        fs::write(&source, include_str!("shim.c")).map_err(unavailable)?;
        let cc = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .output()
            .map_err(unavailable)?;
        if !cc.status.success() {
            return Err(Unavailable(String::from_utf8_lossy(&cc.stderr).into_owned()));
        }
        Ok(Self { library })
    }

    /// Puts it under a process that works in `directory`, such as that of a [`Child`](super::Child).
    ///
    /// # Errors
    /// If the directory is not there.
    pub fn arm(&self, command: &mut Command, directory: &Path, fault: Option<&Fault>) -> Result<(), Failure> {
        command.env("LD_PRELOAD", &self.library).env("TENURE_FAULT_DIRECTORY", fs::canonicalize(directory)?);
        if let Some(fault) = fault {
            command
                .env("TENURE_FAULT_AT", fault.at.to_string())
                .env("TENURE_FAULT_WHAT", fault.what.name())
                .env("TENURE_FAULT_OPERATIONS", fault.what.operations());
            if let Some(error) = fault.what.error() {
                command.env("TENURE_FAULT_ERROR", error.to_string());
            }
            if fault.onward {
                command.env("TENURE_FAULT_ONWARD", "1");
            }
        }
        Ok(())
    }

    /// Has a process write down every operation; read by [`Trace::read`](super::Trace::read).
    pub fn trace(command: &mut Command, into: impl Into<OsString>) {
        command.env("TENURE_FAULT_TRACE", into.into());
    }
}

/// What happens at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the operation, from 1, among those that [`What::operations`] names.
    pub at: u64,
    /// What happens.
    pub what: What,
    /// Whether later operations fail, too.
    pub onward: bool,
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// The process is gone before the operation.
    KillBefore,
    /// The process is gone after the operation.
    KillAfter,
    /// The process is gone when half of a write is done.
    KillWithin,
    /// The operation fails: input/output error.
    InputOutput,
    /// The disk is full.
    NoSpace,
    /// The disk is full when half of a write is done.
    NoSpaceWithin,
    /// A sync fails: input/output error. A trace has it, so that images of the disk lack what was not synced.
    FailedSync,
    /// A sync says that it is done and is not.
    LyingSync,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::KillBefore,
        Self::KillAfter,
        Self::KillWithin,
        Self::InputOutput,
        Self::NoSpace,
        Self::NoSpaceWithin,
        Self::FailedSync,
        Self::LyingSync,
    ];

    /// The letters of the operations that it may happen to, as `shim.c` has them.
    pub const fn operations(self) -> &'static str {
        match self {
            Self::KillBefore | Self::KillAfter | Self::InputOutput => "WTSDCURL",
            Self::KillWithin => "W",
            Self::NoSpace | Self::NoSpaceWithin => "WCL",
            Self::FailedSync => "S",
            Self::LyingSync => "SD",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::KillWithin => "kill-within",
            Self::InputOutput | Self::NoSpace | Self::FailedSync => "fail",
            Self::NoSpaceWithin => "short",
            Self::LyingSync => "lie",
        }
    }

    /// The number of the error on Linux.
    const fn error(self) -> Option<i32> {
        match self {
            Self::InputOutput | Self::FailedSync => Some(5),
            Self::NoSpace | Self::NoSpaceWithin => Some(28),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let onward = if self.onward { " and from there on" } else { "" };
        write!(f, "{:?} at operation {} of {}{onward}", self.what, self.at, self.what.operations())
    }
}
