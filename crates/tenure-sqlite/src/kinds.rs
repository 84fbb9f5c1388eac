//! The dictionary of kinds, from the writer's side: which number a name has in this file.

use std::collections::BTreeMap;

use rusqlite::Connection;
use tenure_core::Kind;

/// The numbers under which a store keeps the names of kinds, for the writer.
#[derive(Debug)]
pub(crate) struct Kinds {
    known: [Option<i64>; 64],
    foreign: BTreeMap<Box<str>, i64>,
    next: i64,
}

impl Kinds {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut kinds = Self { known: [None; 64], foreign: BTreeMap::new(), next: 1 };
        let mut names = connection.prepare_cached("SELECT ordinal, name FROM kind ORDER BY ordinal")?;
        let mut names = names.query([])?;
        while let Some(row) = names.next()? {
            let (ordinal, name): (i64, Box<str>) = (row.get(0)?, row.get(1)?);
            kinds.keep(Kind::named(&name).unwrap_or(Kind::Foreign), name, ordinal);
        }
        Ok(kinds)
    }

    /// How many names the file holds.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.next.saturating_sub(1)).unwrap_or_default()
    }

    fn keep(&mut self, kind: Kind, name: Box<str>, ordinal: i64) {
        self.next = ordinal.saturating_add(1);
        if kind == Kind::Foreign {
            self.foreign.insert(name, ordinal);
        } else if let Some(slot) = self.known.get_mut(usize::from(kind as u8)) {
            *slot = Some(ordinal);
        }
    }

    /// The number of a kind, given out now if the name is new.
    pub(crate) fn ordinal(
        &mut self,
        connection: &Connection,
        kind: Kind,
        name: &str,
    ) -> rusqlite::Result<i64> {
        let known = match kind {
            Kind::Foreign => self.foreign.get(name).copied(),
            _ => self.known.get(usize::from(kind as u8)).copied().flatten(),
        };
        if let Some(ordinal) = known {
            return Ok(ordinal);
        }
        let ordinal = self.next;
        connection
            .prepare_cached("INSERT INTO kind (ordinal, name) VALUES (?1, ?2)")?
            .execute((ordinal, name))?;
        self.keep(kind, name.into(), ordinal);
        Ok(ordinal)
    }
}
