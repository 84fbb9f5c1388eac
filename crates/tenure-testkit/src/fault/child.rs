//! A process that appends and says so, and the parent that runs it and may kill it.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use tenure_core::log::Append;
use tenure_store::{EventStore, StoreError};

use super::check::names;
use super::{Chance, Subject, Told, Workload, chain};
use crate::Failure;

/// What the parent asks for: directory and workload, on two lines.
const VARIABLE: &str = "TENURE_FAULT_WORK";

/// How often a refused batch is sent again, each time to a new handle.
const ATTEMPTS: u32 = 3;

/// A test binary that is run again to do the work of a child.
#[derive(Debug)]
pub struct Child {
    /// The command, to which a [`Shim`](super::Shim) may be added.
    pub command: Command,
}

impl Child {
    /// This program again, doing nothing but the test of this name, in which [`Asked::by_the_parent`] is called.
    ///
    /// # Errors
    /// If the program does not find itself, or the directory is not there.
    pub fn again(test: &str, directory: &Path, workload: &Workload) -> Result<Self, Failure> {
        let mut command = Command::new(env::current_exe()?);
        command
            .args([test, "--exact", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, format!("{}\n{workload}", fs::canonicalize(directory)?.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(Self { command })
    }

    /// Runs it to its end, or to where it is killed.
    ///
    /// # Errors
    /// If it cannot be run, or panicked.
    pub fn run(mut self, kill: Option<&Kill>) -> Result<Run, Failure> {
        let mut child = self.command.spawn()?;
        let mut errors = child.stderr.take().ok_or("no stderr")?;
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = errors.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut said = BufReader::new(child.stdout.take().ok_or("no stdout")?);
        let (mut told, mut line, mut lines) = (Told::default(), Vec::new(), 0_u64);
        while said.read_until(b'\n', &mut line)? > 0 {
            // Only a whole line was said.
            if let Some(b'\n') = line.pop() {
                let line = String::from_utf8_lossy(&line);
                lines += u64::from(line.starts_with("TRY") || line.starts_with("ACK"));
                told.add(&line);
                if let Some(kill) = kill.filter(|kill| kill.after_lines == lines) {
                    thread::sleep(kill.then);
                    child.kill()?;
                }
            }
            line.clear();
        }
        let status = child.wait()?;
        let errors = errors.join().unwrap_or_default();
        if errors.contains("panicked at") {
            return Err(format!("the child panicked: {errors}").into());
        }
        Ok(Run { told, status, errors })
    }
}

/// When a child is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kill {
    /// After so many lines that it said, from 1.
    pub after_lines: u64,
    /// And then so long after.
    pub then: Duration,
}

impl Kill {
    /// A moment out of a workload of `appends` batches.
    pub fn at_random(seed: u64, appends: u64) -> Self {
        let mut chance = Chance::of(seed, 0, "fault kill");
        Self { after_lines: 1 + chance.below(2 * appends), then: Duration::from_micros(chance.below(2_000)) }
    }
}

/// How a child ended.
#[derive(Debug)]
pub struct Run {
    /// What it said.
    pub told: Told,
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard error.
    pub errors: String,
}

/// The work of a child.
#[derive(Debug)]
pub struct Asked {
    directory: PathBuf,
    workload: Workload,
}

impl Asked {
    /// What the parent asks for; none in a process that is no child.
    ///
    /// # Errors
    /// If it cannot be understood.
    pub fn by_the_parent() -> Result<Option<Self>, Failure> {
        let Some(text) = env::var_os(VARIABLE) else { return Ok(None) };
        let text = text.into_string().map_err(|_| "a directory that is not UTF-8")?;
        let (directory, workload) = text.split_once('\n').ok_or("no workload")?;
        Ok(Some(Self { directory: directory.into(), workload: workload.parse()? }))
    }

    /// Does it: appends batch after batch from where the store ends, and says so on standard output.
    ///
    /// A refused batch is sent again to a new handle, as a caller would. When the store refuses for good, the child
    /// has said so and ends.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn run<S: Subject>(&self, subject: &S) -> Result<(), Failure> {
        // Behind what a test binary says before a test, on a line of its own.
        let mut out = io::stdout();
        out.write_all(b"\n")?;
        let work = Work { subject, directory: &self.directory, workload: &self.workload };
        match work.all(&mut out) {
            Ok(()) => out.write_all(b"END\n")?,
            Err(Stop::Refused) => {}
            Err(Stop::Silenced(error)) => return Err(error.into()),
        }
        Ok(out.flush()?)
    }
}

struct Work<'a, S> {
    subject: &'a S,
    directory: &'a Path,
    workload: &'a Workload,
}

enum Stop {
    /// The store refused, and that was said.
    Refused,
    /// Nobody listens.
    Silenced(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Silenced(error)
    }
}

impl<S: Subject> Work<'_, S> {
    fn all(&self, out: &mut impl Write) -> Result<(), Stop> {
        let mut store = Some(self.open(out)?);
        let from = match store.as_ref().map(|store| self.first(store)) {
            Some(Ok(first)) => first,
            other => {
                let error = other.and_then(Result::err).unwrap_or_else(|| "no store".into());
                return Err(self.refused(out, "start", false, &*error)?);
            }
        };
        let every = |n: u64, every: u64| every > 0 && n.checked_rem(every) == Some(every - 1);
        for n in from..self.workload.appends {
            store = Some(self.one(n, store, out)?);
            if every(n, self.workload.tidy_every)
                && let Err(error) = self.subject.tidy(self.directory)
            {
                // What is beside the log may fail; the next append says what that means.
                let _ = self.refused(out, "tidy", false, &*error)?;
            }
            if every(n, self.workload.reopen_every) {
                drop(store.take());
                store = Some(self.open(out)?);
            }
        }
        Ok(())
    }

    /// The number of the first batch that is not stored.
    fn first(&self, store: &S::Store) -> Result<u64, Failure> {
        let stored = pollster::block_on(store.head())?.position.0;
        let (mut facts, mut n) = (0_u64, 0);
        while facts < stored {
            facts += self.workload.batch(n)?.len() as u64;
            n += 1;
        }
        if facts == stored { Ok(n) } else { Err("the store ends within a batch".into()) }
    }

    fn open(&self, out: &mut impl Write) -> Result<S::Store, Stop> {
        let mut last = Stop::Refused;
        for _ in 0..ATTEMPTS {
            match self.subject.open(self.directory) {
                Ok(store) => return Ok(store),
                Err(error) => last = self.refused(out, "open", false, &error)?,
            }
        }
        Err(last)
    }

    /// Appends one batch, to the store or to a new handle.
    fn one(&self, n: u64, mut store: Option<S::Store>, out: &mut impl Write) -> Result<S::Store, Stop> {
        let batch = match self.workload.batch(n) {
            Ok(batch) => batch,
            Err(error) => return Err(self.refused(out, "batch", false, &*error)?),
        };
        let number = n.to_string();
        for _ in 0..ATTEMPTS {
            let handle = match store.take() {
                Some(handle) => handle,
                None => self.open(out)?,
            };
            writeln!(out, "TRY {n}")?;
            if self.workload.lies {
                writeln!(out, "ACK {n}")?;
            }
            match pollster::block_on(handle.append(Append::new(batch.clone()))) {
                Ok(_) => {
                    if !self.workload.lies {
                        writeln!(out, "ACK {n}")?;
                    }
                    return Ok(handle);
                }
                Err(error) => {
                    let unknown = matches!(error, StoreError::Unknown(_) | StoreError::Poisoned);
                    let _ = self.refused(out, &number, unknown, &error)?;
                }
            }
        }
        Err(Stop::Refused)
    }

    fn refused(
        &self,
        out: &mut impl Write,
        what: &str,
        unknown: bool,
        error: &(dyn core::error::Error + 'static),
    ) -> Result<Stop, Stop> {
        let (class, text) = (if unknown { "unknown" } else { "nothing" }, chain(error));
        let named = if names(&text, self.directory) { "named" } else { "bare" };
        writeln!(out, "ERR {what} {class} {named} {}", text.escape_debug())?;
        Ok(Stop::Refused)
    }
}
