//! A log in PostgreSQL keeps every rule of the store contract.

use std::any::Any;
use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::common::{Cut, Proxy, Raw, cluster, database, new_log, open};
use tenure_core::Position;
use tenure_core::log::Append;
use tenure_postgres::{Options, PostgresStore};
use tenure_store::Clock;
use tenure_testkit::conformance::{Adapter, End, Failure, Held, Tamper, erased_is_gone};

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

    fn erased_is_gone(&self, store: &PostgresStore) -> Option<Result<(), Failure>> {
        Some(erased_is_gone(store))
    }

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

    fn hold(&self, store: &PostgresStore, append: Append) -> Option<Box<dyn Held>> {
        let log = store.log().to_owned();
        let (ready, is_ready) = channel();
        let (end, ended) = channel();
        let thread = thread::spawn(move || {
            let store = open(database(), Options::new().log(log));
            let Raw { runtime, mut client } = Raw::connect(database());
            runtime.block_on(async {
                let mut transaction = client.transaction().await.unwrap();
                store.append_in(&mut transaction, &append).await.unwrap();
                ready.send(()).unwrap();
                match ended.recv().unwrap() {
                    End::Commit => transaction.commit().await.unwrap(),
                    End::RollBack => transaction.rollback().await.unwrap(),
                    End::Kill => {
                        // The server ends the session in the middle of it.
                        let gone = transaction.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())");
                        assert!(gone.await.is_err());
                    }
                }
            });
        });
        is_ready.recv().unwrap();
        Some(Box::new(Open { end, thread }))
    }

    fn unrelated(&self, _: &PostgresStore) -> Option<Box<dyn Any>> {
        let raw = Raw::connect(database());
        raw.run(
            "BEGIN; CREATE TEMPORARY TABLE mine (a int); INSERT INTO mine VALUES (1); SELECT txid_current()",
        );
        Some(Box::new(raw))
    }

    fn tamper(&self, store: &PostgresStore, position: Position, tamper: Tamper) -> Option<bool> {
        let log = format!("(SELECT log FROM tenure.log WHERE name = '{}')", store.log());
        let sql = match tamper {
            Tamper::Change => {
                format!("UPDATE tenure.fact SET number = 1 WHERE position = {position} AND log = {log}")
            }
            Tamper::Delete => format!("DELETE FROM tenure.fact WHERE position = {position} AND log = {log}"),
            Tamper::Empty => "TRUNCATE tenure.fact".to_owned(),
        };
        let Raw { runtime, client } = Raw::connect(database());
        Some(runtime.block_on(client.batch_execute(&sql)).is_err())
    }
}

/// A transaction that another thread holds open.
struct Open {
    end: Sender<End>,
    thread: JoinHandle<()>,
}

impl Held for Open {
    fn end(self: Box<Self>, end: End) {
        self.end.send(end).unwrap();
        self.thread.join().unwrap();
    }
}
