//! Entries beside a log within one transaction: what stands there, and what is to be written.

use std::collections::BTreeMap;

use tenure_core::Position;
use tenure_store::{Commit, EntryKey, StoreError};
use tokio_postgres::Error;

use crate::transaction::Session;

/// The entries that the commits of a group expect or write, as they are once those before are decided.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    standing: BTreeMap<EntryKey, Vec<u8>>,
    written: BTreeMap<EntryKey, Option<Vec<u8>>>,
}

impl Beside {
    /// Reads whatever these commits expect of entries. The head is locked, so it stays true.
    pub(crate) async fn read(
        session: Session<'_>,
        commits: impl Iterator<Item = &Commit>,
    ) -> Result<Self, Error> {
        let (spaces, keys): (Vec<&str>, Vec<&[u8]>) =
            commits.flat_map(Commit::expected).map(|(EntryKey { space, key }, _)| (&**space, &**key)).unzip();
        let mut beside = Self::default();
        if !spaces.is_empty() {
            let Session { client, statements, log, .. } = session;
            for row in client.query(&statements.entries, &[&log, &spaces, &keys]).await? {
                let (space, key): (&str, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
                beside.standing.insert(EntryKey::new(space, key), row.try_get(2)?);
            }
        }
        Ok(beside)
    }

    /// Whether what a commit expects holds, behind the commits that were [taken](Self::take).
    pub(crate) fn check(&self, commit: &Commit, head: Position) -> Result<(), StoreError> {
        commit.check(head, |key| {
            let written = self.written.get(key).cloned();
            Ok(written.unwrap_or_else(|| self.standing.get(key).cloned()))
        })
    }

    /// Takes in what a commit writes.
    pub(crate) fn take(&mut self, commit: &Commit) {
        self.written.extend(commit.writes().iter().cloned());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Writes them.
    pub(crate) async fn write(&self, session: Session<'_>) -> Result<(), Error> {
        let Session { client, statements, log, .. } = session;
        let (mut spaces, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let (mut gone_spaces, mut gone_keys) = (Vec::new(), Vec::new());
        for (EntryKey { space, key }, value) in &self.written {
            if let Some(value) = value {
                spaces.push(&**space);
                keys.push(&**key);
                values.push(&**value);
            } else {
                gone_spaces.push(&**space);
                gone_keys.push(&**key);
            }
        }
        if !spaces.is_empty() {
            client.execute(&statements.put_entries, &[&log, &spaces, &keys, &values]).await?;
        }
        if !gone_spaces.is_empty() {
            client.execute(&statements.remove_entries, &[&log, &gone_spaces, &gone_keys]).await?;
        }
        Ok(())
    }
}
