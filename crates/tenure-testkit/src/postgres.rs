//! A private PostgreSQL cluster for tests: in a directory of its own, on a Unix socket only, gone with the process.
//!
//! ```no_run
//! let cluster = tenure_testkit::postgres::Cluster::shared()?;
//! let config = cluster.database()?; // a new, empty database
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Why there is no cluster.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// PostgreSQL is not installed, or not where it is looked for. **What to do:** install it.
    #[error(
        "no PostgreSQL server found: install it (Debian: apt-get install postgresql; macOS: brew install postgresql), or \
         name the directory of initdb and pg_ctl in TENURE_POSTGRES_BIN"
    )]
    NotInstalled,
    /// The tests run as root, and there is no other user for the server. **What to do:** run them as another user.
    #[error("PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")]
    NoUser,
    /// A program of PostgreSQL failed.
    #[error("{program} failed: {says}")]
    Failed {
        /// Which one.
        program: String,
        /// What it printed.
        says: String,
    },
    /// A file or process could not be made.
    #[error("the cluster could not be made: {0}")]
    System(String),
}

impl From<io::Error> for ClusterError {
    fn from(error: io::Error) -> Self {
        Self::System(error.to_string())
    }
}

/// A running cluster, with every durability setting as PostgreSQL has it by default.
///
/// Its superuser is `tenure` and needs no password; a role called `guarded`, which a test may make, needs its own.
#[derive(Debug)]
pub struct Cluster {
    binaries: PathBuf,
    directory: PathBuf,
    user: Option<(u32, u32)>,
    databases: AtomicUsize,
    _guard: Guard,
}

/// Stops the server and removes the directory as soon as its input ends: when it is dropped, and when the process
/// that made it ends in whatever way.
#[derive(Debug)]
struct Guard {
    input: Option<ChildStdin>,
    shell: Child,
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.input.take());
        // There is nobody to tell of a shell that cannot be waited for.
        let _ = self.shell.wait();
    }
}

impl Cluster {
    /// The cluster that all tests of this process share; it is made on first use.
    ///
    /// # Errors
    /// [`ClusterError::NotInstalled`] says how to install PostgreSQL.
    pub fn shared() -> Result<&'static Self, ClusterError> {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        static MAKING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = MAKING.lock();
        if let Some(cluster) = SHARED.get() {
            return Ok(cluster);
        }
        let cluster = Self::start(&[])?;
        Ok(SHARED.get_or_init(|| cluster))
    }

    /// Makes a cluster of its own and starts it, with further lines of `postgresql.conf`.
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub fn start(settings: &[&str]) -> Result<Self, ClusterError> {
        let binaries = binaries().ok_or(ClusterError::NotInstalled)?;
        let directory = tempfile::Builder::new().prefix("tenure-pg").tempdir()?;
        let user = match fs::metadata(directory.path())?.uid() {
            0 => Some(unprivileged().ok_or(ClusterError::NoUser)?),
            _ => None,
        };
        if let Some((user, group)) = user {
            chown(directory.path(), Some(user), Some(group))?;
        }
        // From here on it is the guard that removes it.
        let directory = directory.keep();
        let guard = Guard::new(&binaries, &directory, user)?;
        let cluster = Self { binaries, directory, user, databases: AtomicUsize::new(0), _guard: guard };
        let data = cluster.directory.join("data");
        cluster.run(
            "initdb",
            ["-U", "tenure", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]
                .iter()
                .map(AsRef::as_ref)
                .chain([data.as_os_str()]),
        )?;
        let socket = cluster.directory.display();
        let mut lines = vec![
            "listen_addresses = ''".to_owned(),
            format!("unix_socket_directories = '{socket}'"),
            "max_connections = 200".to_owned(),
        ];
        lines.extend(settings.iter().map(|line| (*line).to_owned()));
        append(&data.join("postgresql.conf"), &lines.join("\n"))?;
        let rules = "local all guarded scram-sha-256\nlocal all all trust\n";
        fs::write(data.join("pg_hba.conf"), rules)?;
        cluster.resume()?;
        Ok(cluster)
    }

    /// The directory with the server's socket.
    pub fn socket(&self) -> &Path {
        &self.directory
    }

    /// Makes a new, empty database and gives the connection string to it.
    ///
    /// # Errors
    /// If the server does not run.
    pub fn database(&self) -> Result<String, ClusterError> {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let socket = self.directory.as_os_str();
        let words = ["-U", "tenure", "-h"].iter().map(AsRef::as_ref);
        self.run("createdb", words.chain([socket, name.as_ref()]))?;
        Ok(format!("host={} user=tenure dbname={name}", self.directory.display()))
    }

    /// Stops the server as a crash does: at once, without writing anything more.
    ///
    /// # Errors
    /// If it does not run.
    pub fn crash(&self) -> Result<(), ClusterError> {
        self.control(["-m", "immediate", "-w", "stop"])
    }

    /// Starts a server that was stopped, and waits until it can be used.
    ///
    /// # Errors
    /// If it does not start.
    pub fn resume(&self) -> Result<(), ClusterError> {
        self.control(["-w", "start"])
    }

    fn control<const N: usize>(&self, words: [&str; N]) -> Result<(), ClusterError> {
        let (data, log) = (self.directory.join("data"), self.directory.join("log"));
        let places = ["-D".as_ref(), data.as_os_str(), "-l".as_ref(), log.as_os_str()];
        self.run("pg_ctl", places.into_iter().chain(words.iter().map(AsRef::as_ref)))
    }

    fn run<'a>(&self, program: &str, words: impl IntoIterator<Item = &'a OsStr>) -> Result<(), ClusterError> {
        // What it says goes to a file: a server that it leaves behind would hold a pipe open.
        let says = self.directory.join(format!("{program}.out"));
        let out = fs::File::create(&says)?;
        let mut command = Command::new(self.binaries.join(program));
        command.args(words).env("LC_ALL", "C").current_dir(&self.directory);
        command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
        if as_user(&mut command, self.user).status()?.success() {
            return Ok(());
        }
        let says = fs::read_to_string(says)?.trim().to_owned();
        Err(ClusterError::Failed { program: program.to_owned(), says })
    }
}

impl Guard {
    fn new(binaries: &Path, directory: &Path, user: Option<(u32, u32)>) -> Result<Self, ClusterError> {
        const SCRIPT: &str = r#"cat; "$0/pg_ctl" -D "$1/data" -m immediate -w stop; rm -rf "$1""#;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SCRIPT).arg(binaries).arg(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // An interrupt from the keyboard is for the tests; this has to outlive them.
        command.process_group(0).current_dir("/");
        let mut shell = as_user(&mut command, user).spawn()?;
        Ok(Self { input: shell.stdin.take(), shell })
    }
}

fn as_user(command: &mut Command, user: Option<(u32, u32)>) -> &mut Command {
    match user {
        Some((user, group)) => command.uid(user).gid(group),
        None => command,
    }
}

fn append(file: &Path, lines: &str) -> io::Result<()> {
    let text = fs::read_to_string(file)?;
    fs::write(file, format!("{text}\n{lines}\n"))
}

/// Where the programs of a server are: as told, in the search path, or where packages put them, the newest first.
fn binaries() -> Option<PathBuf> {
    if let Some(told) = std::env::var_os("TENURE_POSTGRES_BIN") {
        return whole(Path::new(&told));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let searched = std::env::split_paths(&path).find_map(|directory| whole(&directory));
    searched.or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
        let mut versions: Vec<_> =
            versions.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
        versions.sort_unstable();
        let packages = versions.into_iter().rev().map(|(_, path)| path.join("bin"));
        packages.chain([PathBuf::from("/usr/local/pgsql/bin")]).find_map(|directory| whole(&directory))
    })
}

/// The directory that holds all that is needed, where this one leads to it.
fn whole(directory: &Path) -> Option<PathBuf> {
    let program = fs::canonicalize(directory.join("pg_ctl")).ok()?;
    let directory = program.parent()?.to_owned();
    ["initdb", "createdb"].iter().all(|name| directory.join(name).is_file()).then_some(directory)
}

/// User and group of somebody who is not root.
fn unprivileged() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let of = |name: &str| {
        let mut fields = users
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
        let (user, group) = (fields.nth(1)?, fields.next()?);
        Some((user.parse().ok()?, group.parse().ok()?))
    };
    of("postgres").or_else(|| of("nobody"))
}
