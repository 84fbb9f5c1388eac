//! How a log is opened.

use core::time::Duration;
use std::sync::Arc;

use tenure_store::{Clock, SystemClock};
use tokio::runtime::Handle;

/// How a log is opened.
///
/// # Example
/// ```
/// use std::time::Duration;
/// use tenure_postgres::Options;
/// let options = Options::new().schema("crm").log("shop").lock_timeout(Duration::from_secs(1));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub struct Options {
    pub(crate) schema: String,
    pub(crate) log: String,
    pub(crate) lock_timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) create: bool,
    pub(crate) readers: usize,
    pub(crate) notify: bool,
    pub(crate) accept_unsafe_server: bool,
    pub(crate) runtime: Option<Handle>,
    pub(crate) plain: Vec<Box<str>>,
    pub(crate) without_keys: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// The log `main` in the schema `tenure`, which are created where they are missing; the machine's clock, ten
    /// seconds of patience with other writers, up to eight connections for reading, and threads of its own.
    pub fn new() -> Self {
        Self {
            schema: "tenure".to_owned(),
            log: "main".to_owned(),
            lock_timeout: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
            create: true,
            readers: 8,
            notify: true,
            accept_unsafe_server: false,
            runtime: None,
            plain: Vec::new(),
            without_keys: false,
        }
    }

    /// The schema that holds the tables, shared by all logs in it: up to 40 of `a` to `z`, digits and `_`, the first
    /// no digit.
    #[must_use]
    pub fn schema(self, schema: impl Into<String>) -> Self {
        Self { schema: schema.into(), ..self }
    }

    /// The name of the log: one business, one tenant. Up to 200 bytes, not empty.
    #[must_use]
    pub fn log(self, log: impl Into<String>) -> Self {
        Self { log: log.into(), ..self }
    }

    /// How long a call waits for other writers, and for a connection, before it fails with
    /// [`StoreError::Locked`](tenure_store::StoreError::Locked). At least a millisecond.
    #[must_use]
    pub fn lock_timeout(self, lock_timeout: Duration) -> Self {
        Self { lock_timeout, ..self }
    }

    /// The lock time-out as the server takes it; its greatest is 24 days.
    pub(crate) fn lock_timeout_ms(&self) -> i32 {
        i32::try_from(self.lock_timeout.as_millis()).unwrap_or(i32::MAX).max(1)
    }

    /// Where `recorded_at` comes from.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Refuses a missing schema or log instead of creating it: for questions, where a wrong name must not look like
    /// an empty log.
    #[must_use]
    pub fn existing(self) -> Self {
        Self { create: false, ..self }
    }

    /// How many connections are kept for reading, at least one. Writing takes one more, and listening another.
    #[must_use]
    pub fn readers(self, readers: usize) -> Self {
        Self { readers: readers.max(1), ..self }
    }

    /// Tells nobody of commits: who follows this log from another handle polls. The server writes the notifications
    /// of all its databases one after the other, which slows down a server that commits to many logs at once.
    #[must_use]
    pub fn without_notifications(self) -> Self {
        Self { notify: false, ..self }
    }

    /// Opens a log on a server with `fsync`, `full_page_writes` or `synchronous_commit` switched off. An acknowledged
    /// append may then be lost when the server crashes, and without the first two the whole database with it.
    #[must_use]
    pub fn accept_loss_when_the_server_crashes(self) -> Self {
        Self { accept_unsafe_server: true, ..self }
    }

    /// Runs on the caller's runtime instead of threads of its own. It must be a multi-threaded one where calls are
    /// waited for by blocking.
    #[must_use]
    pub fn runtime(self, runtime: Handle) -> Self {
        Self { runtime: Some(runtime), ..self }
    }

    /// Attributes of profiles that are no personal data, such as `tier`: they are kept readable, and stay when their
    /// customer is erased. It says how facts are stored from now on.
    #[must_use]
    pub fn plain_attributes(self, names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        Self { plain: names.into_iter().map(Into::into).collect(), ..self }
    }

    /// Opens a log whose keys are not there, such as one restored from a dump without them: what is sealed reads as
    /// missing, and nothing personal can be appended.
    #[must_use]
    pub fn without_keys(self) -> Self {
        Self { without_keys: true, ..self }
    }
}
