//! What each contender does for the comparison.

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use crate::facts::Fact;

/// How many connections a pool may have: one for each writer.
pub const WRITERS: u32 = 8;

/// A log that several tasks append to.
#[async_trait]
pub trait Log: Send + Sync {
    /// A writer for one task, for streams that nobody else writes.
    async fn writer(&self) -> Box<dyn Writer>;
}

/// One of the tasks that append.
#[async_trait]
pub trait Writer: Send {
    /// Commits one fact and gives how often it had to be sent again. The customer's facts come in order.
    async fn append(&mut self, fact: Fact) -> u64;
}

/// A filled log.
#[async_trait]
pub trait History: Send + Sync {
    /// Reads every fact of the log.
    async fn replay(&self) -> Seen;
}

/// What a replay has seen, so that none can leave out a fact or its body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub facts: u64,
    pub minor: i64,
}

impl Seen {
    pub fn see(&mut self, minor: i64) {
        self.facts += 1;
        self.minor += minor;
    }
}

/// A connection to a database.
pub async fn connect(database: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The pool that the peers share a database through. It is spared asking the server before each use whether it lives.
pub async fn pool(database: &str) -> PgPool {
    let config: Config = database.parse().unwrap();
    let [Host::Unix(socket)] = config.get_hosts() else { panic!("the cluster listens on a socket") };
    let options = PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .username(config.get_user().unwrap())
        .database(config.get_dbname().unwrap());
    PgPoolOptions::new()
        .max_connections(WRITERS)
        .min_connections(WRITERS)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .unwrap()
}
