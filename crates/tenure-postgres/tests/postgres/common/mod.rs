//! What the tests share: one cluster and one database, stores on it, raw connections, and a proxy that cuts them.

mod proxy;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use proxy::{Cut, Passage, Proxy};
use tenure_core::{Customer, CustomerEvent, Event, EventId, Timestamp};
use tenure_postgres::{Options, PostgresStore};
use tenure_testkit::postgres::Cluster;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls};

/// The connection string of a database that all tests of this binary share.
pub fn database() -> &'static str {
    static DATABASE: OnceLock<String> = OnceLock::new();
    DATABASE.get_or_init(|| {
        let database = cluster().database().unwrap();
        // Tests that run at once must not make it at once: making it is a test of its own.
        drop(open(&database, Options::new()));
        database
    })
}

pub fn cluster() -> &'static Cluster {
    Cluster::shared().unwrap_or_else(|error| panic!("{error}"))
}

pub fn open(config: &str, options: Options) -> PostgresStore {
    pollster::block_on(PostgresStore::open(config, options)).unwrap()
}

/// The name of a log that no other test has.
pub fn new_log() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("log {}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A new log in the shared database.
pub fn new_store() -> PostgresStore {
    open(database(), Options::new().log(new_log()))
}

/// A connection that knows nothing of stores, and the threads that it needs.
pub struct Raw {
    pub runtime: Runtime,
    pub client: Client,
}

impl Raw {
    pub fn connect(config: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = runtime.block_on(async {
            let (client, connection) = config.parse::<Config>().unwrap().connect(NoTls).await.unwrap();
            tokio::spawn(connection);
            client
        });
        Self { runtime, client }
    }

    pub fn run(&self, sql: &str) {
        self.runtime.block_on(self.client.batch_execute(sql)).unwrap();
    }

    /// The only value of the only row, as text.
    pub fn ask(&self, sql: &str) -> String {
        self.runtime.block_on(self.client.query_one(&format!("SELECT ({sql})::text"), &[])).unwrap().get(0)
    }
}

/// Fact number `n` of a customer.
pub fn fact(n: u64, customer: &str) -> Event {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    let at = Timestamp::from_micros(i64::try_from(n).unwrap()).unwrap();
    let what = CustomerEvent::PointsEarned { reason: None, points: 1 };
    Event::new(EventId::from_bytes(id), Customer::parse(customer, "shop").unwrap(), at, what).unwrap()
}
