//! Commits that a handle hears of: its own, and through `LISTEN` those of others.
//!
//! A notification is a wake-up and nothing else: what was written is found by reading.

use core::future::pending;
use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

use crate::raw::Inner;

/// Waits between two attempts to listen.
const AGAIN: Duration = Duration::from_secs(1);

/// The last position heard of.
#[derive(Debug)]
pub(crate) struct Commits {
    last: watch::Sender<i64>,
    listening: AtomicBool,
}

impl Commits {
    pub(crate) fn new() -> Self {
        Self { last: watch::Sender::new(0), listening: AtomicBool::new(false) }
    }

    /// Wakes whoever waits, once for each commit although one's own are heard of twice.
    pub(crate) fn heard(&self, position: i64) {
        self.last.send_if_modified(|last| {
            let new = position > *last;
            *last = position.max(*last);
            new
        });
    }

    /// Ready after the next commit that is heard of from now on.
    pub(crate) fn next(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut last = self.last.subscribe();
        async move {
            if last.changed().await.is_err() {
                // The handle is gone.
                pending::<()>().await;
            }
        }
    }

    /// Whether somebody is to begin to listen: true for the first who asks.
    pub(crate) fn begin_listening(&self) -> bool {
        !self.listening.swap(true, Ordering::AcqRel)
    }
}

/// Listens as long as the handle lives, on a connection of its own.
pub(crate) async fn listen(inner: &Inner) {
    loop {
        // Whoever waits is woken by polling, so there is nothing to tell of what went wrong here.
        let _ = listen_once(inner).await;
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen_once(inner: &Inner) -> Result<(), tokio_postgres::Error> {
    let client = inner.connector.connect().await?;
    client.batch_execute(&format!("LISTEN \"{}\"", inner.channel)).await?;
    // What was committed before this connection listened would be missed otherwise.
    let head = client.query_one(&inner.sql.head, &[&inner.log]).await?;
    inner.commits.heard(head.try_get(0)?);
    while !client.is_closed() {
        tokio::time::sleep(AGAIN).await;
    }
    Ok(())
}
