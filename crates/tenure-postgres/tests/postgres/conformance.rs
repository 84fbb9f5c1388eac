//! A log in PostgreSQL keeps every rule of the store contract.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::common::{Cut, Proxy, Raw, cluster, database, new_log, open};
use tenure_core::Position;
use tenure_postgres::{Options, PostgresStore};
use tenure_store::Clock;
use tenure_testkit::conformance::Adapter;

tenure_testkit::store_conformance!(Logs::default());

/// Logs in one schema, each reached through a proxy that can lose answers.
#[derive(Default)]
struct Logs {
    proxies: Mutex<HashMap<String, Proxy>>,
}

impl Logs {
    fn open(&self, log: &str, clock: Arc<dyn Clock>) -> PostgresStore {
        let direct = database();
        let mut proxies = self.proxies.lock().unwrap();
        let proxy = proxies.entry(log.to_owned()).or_insert_with(|| Proxy::new(cluster().socket()));
        let (server, through) = (cluster().socket().display(), proxy.directory());
        let config = direct.replace(&server.to_string(), &through.display().to_string());
        open(&config, Options::new().log(log).clock(clock))
    }
}

impl Adapter for Logs {
    type Store = PostgresStore;

    fn open(&self, clock: Arc<dyn Clock>) -> PostgresStore {
        Self::open(self, &new_log(), clock)
    }

    fn reopen(&self, store: PostgresStore, clock: Arc<dyn Clock>) -> Result<PostgresStore, PostgresStore> {
        let log = store.log().to_owned();
        drop(store);
        Ok(Self::open(self, &log, clock))
    }

    fn spoil(&self, store: &PostgresStore, position: Position) -> bool {
        let raw = Raw::connect(database());
        // Triggers do not stop a replica.
        raw.run("SET session_replication_role = replica");
        raw.run(&format!(
            "UPDATE tenure.fact SET data = '{{}}'
             WHERE position = {position} AND log = (SELECT log FROM tenure.log WHERE name = '{}')",
            store.log()
        ));
        true
    }

    fn twins(&self, clock: Arc<dyn Clock>) -> Option<(PostgresStore, PostgresStore)> {
        let [left, right] = [new_log(), new_log()]
            .map(|log| open(database(), Options::new().log(log).clock(Arc::clone(&clock))));
        Some((left, right))
    }

    fn cut_next_answer(&self, store: &PostgresStore) -> bool {
        self.proxies.lock().unwrap().get(store.log()).unwrap().cut(Cut::AfterCommit);
        true
    }
}
