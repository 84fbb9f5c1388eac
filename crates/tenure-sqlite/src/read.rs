//! Reading: pages of the log, streams along their chain, where the log ends.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row};
use tenure_core::log::{Direction, FactBlock, KindSet, KnownAt, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};
use tenure_store::{Entries, EntryKey, Head, LogHash, StoreError, StreamPage, Unreadable};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::error::{InStore, Name};
use crate::row::Decoder;
use crate::schema::columns;

/// The most facts that one page looks at, so that a filter that matches little still makes progress visible and
/// holds no snapshot for long.
const LOOKED_AT: usize = 1 << 16;

const FORWARD: &str =
    concat!("SELECT ", columns!(), " FROM fact WHERE position > ?1 AND position <= ?2 ORDER BY position");
const BACKWARD: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM fact WHERE position < ?1 AND position >= ?2 ORDER BY position DESC"
);
const CORRECTIONS: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM fact WHERE kind IN (1, 2) AND position > ?1 AND position <= ?2 ORDER BY position"
);
const ONE: &str = concat!("SELECT ", columns!(), " FROM fact WHERE position = ?1");

/// A connection and what it remembers.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) connection: Connection,
    pub(crate) decoder: Decoder,
    pub(crate) name: Name,
    chain: Chain,
}

/// The positions of one customer's facts. Facts never move, so what is in it stays true; it spares a stream that is
/// read in several pages from being followed anew for each.
#[derive(Debug, Default)]
struct Chain {
    customer: Option<CustomerId>,
    /// The version of the first position.
    first: i64,
    positions: Vec<i64>,
}

impl Reader {
    pub(crate) fn new(connection: Connection, name: Name) -> Self {
        Self { connection, decoder: Decoder::default(), name, chain: Chain::default() }
    }

    pub(crate) const fn name(&self) -> &Name {
        &self.name
    }

    /// Runs `work` on one snapshot of the log.
    pub(crate) fn on_snapshot<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        run(&self.connection, "BEGIN").of(&self.name)?;
        let result = self.decoder.learn_kinds(&self.connection).of(&self.name).and_then(|()| work(self));
        // A transaction that only read has nothing to lose. Where SQLite could not go on it has ended it already.
        if !self.connection.is_autocommit() {
            let ended = run(&self.connection, "COMMIT").of(&self.name);
            return result.and_then(|read| ended.map(|()| read));
        }
        result
    }

    pub(crate) fn page(&mut self, read: &Read) -> Result<Page, StoreError> {
        self.on_snapshot(|reader| reader.page_now(read))
    }

    fn page_now(&mut self, read: &Read) -> Result<Page, StoreError> {
        let (head, _) = head(&self.connection).of(&self.name)?;
        let scan = Scan::of(read, head);
        let limit = read.limit.max(1);
        let mut facts = FactBlock::new();
        let mut statement = self.connection.prepare_cached(scan.sql).of(&self.name)?;
        let mut rows = statement.query(scan.bounds).of(&self.name)?;
        let mut scanned_to = scan.from;
        for looked_at in 0.. {
            if facts.len() >= limit || looked_at >= LOOKED_AT {
                break;
            }
            let next = scanned_to.saturating_add(scan.step);
            let taken = match rows.next().of(&self.name)? {
                None if scanned_to == scan.end || !scan.whole => {
                    scanned_to = scan.done;
                    break;
                }
                None => Err((next, 0, Unreadable::Missing)),
                Some(row) => match row.get(0).of(&self.name)? {
                    position if position == next || !scan.whole => self
                        .decoder
                        .take(row, Some(read), &mut facts)
                        .map(|()| position)
                        .map_err(|source| (position, version(row), source)),
                    _ => Err((next, 0, Unreadable::Missing)),
                },
            };
            match taken {
                Ok(position) => scanned_to = position,
                Err((position, version, source)) if facts.is_empty() => {
                    return Err(undecodable(position, version, source));
                }
                // What was read comes first; the next read begins with the error.
                Err(_) => break,
            }
        }
        let mut scanned_to = Position(scanned_to.unsigned_abs());
        if read.direction == Direction::Forward {
            // A position that no file can hold is behind the end, and the reader stays there.
            scanned_to = scanned_to.max(read.from);
        }
        Ok(Page { facts, scanned_to, head: Position(head.unsigned_abs()) })
    }

    pub(crate) fn stream(
        &mut self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        self.on_snapshot(|reader| reader.stream_now(customer, after, limit))
    }

    fn stream_now(
        &mut self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        let Self { connection, decoder, name, chain } = self;
        let mut facts = FactBlock::new();
        let Some((version, last)) = stream_end(connection, customer).of(name)? else {
            return Ok(StreamPage { facts, version: Version(0) });
        };
        let page = |facts| StreamPage { facts, version: Version(version.unsigned_abs()) };
        let after = i64::try_from(after.0).unwrap_or(i64::MAX);
        if after >= version {
            return Ok(page(facts));
        }
        chain.follow(connection, customer, (version, last), after.saturating_add(1)).of(name)?;
        let mut one = connection.prepare_cached(ONE).of(name)?;
        for (version, &position) in (after.saturating_add(1)..).zip(chain.from(after.saturating_add(1))) {
            if facts.len() >= limit.max(1) {
                break;
            }
            let mut rows = one.query([position]).of(name)?;
            let taken = match rows.next().of(name)? {
                Some(row) => decoder.take(row, None, &mut facts),
                None => Err(Unreadable::Missing),
            };
            match taken {
                Err(source) if facts.is_empty() => return Err(undecodable(position, version, source)),
                Err(_) => break,
                Ok(()) => {}
            }
        }
        if facts.is_empty() {
            let what = format!("the stream of customer {customer} ends before version {version}");
            return Err(name.damaged(&what));
        }
        Ok(page(facts))
    }

    /// The fact at a position, which is known to be there.
    pub(crate) fn fact(
        connection: &Connection,
        decoder: &mut Decoder,
        name: &Name,
        position: i64,
    ) -> Result<FactBlock, StoreError> {
        let mut fact = FactBlock::new();
        let mut one = connection.prepare_cached(ONE).of(name)?;
        let mut rows = one.query([position]).of(name)?;
        match rows.next().of(name)? {
            Some(row) => decoder
                .take(row, None, &mut fact)
                .map_err(|source| undecodable(position, version(row), source))?,
            None => return Err(undecodable(position, 0, Unreadable::Missing)),
        }
        Ok(fact)
    }

    pub(crate) fn head(&self) -> Result<Head, StoreError> {
        let (facts, link) = head(&self.connection).of(&self.name)?;
        Ok(Head { position: Position(facts.unsigned_abs()), hash: Some(LogHash(link)) })
    }

    pub(crate) fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        let mut find = find(&self.connection).of(&self.name)?;
        ids.iter()
            .map(|id| {
                let found: Option<i64> = find.query_row([id.as_bytes()], |row| row.get(0)).optional()?;
                Ok(found.map(|position| Position(position.unsigned_abs())))
            })
            .collect::<rusqlite::Result<_>>()
            .of(&self.name)
    }

    pub(crate) fn entries(&mut self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.on_snapshot(|reader| {
            keys.iter().map(|key| entry(&reader.connection, &reader.name, key)).collect()
        })
    }

    pub(crate) fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        // An entry whose key is the prefix itself is the first, and nothing is less than it.
        let (sql, from) = match after {
            Some(after) if after >= prefix => (SCAN_AFTER, after),
            _ => (SCAN_FROM, prefix),
        };
        let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        let mut rows = self.connection.prepare_cached(sql).of(&self.name)?;
        let mut rows = rows.query((space, from, limit)).of(&self.name)?;
        let mut entries = Entries::new();
        while let Some(row) = rows.next().of(&self.name)? {
            let key: Vec<u8> = row.get(0).of(&self.name)?;
            if !key.starts_with(prefix) {
                break;
            }
            let key = EntryKey::new(space, key);
            let (value, sum) = (row.get(1).of(&self.name)?, row.get(2).of(&self.name)?);
            let value = whole_entry(&self.name, &key, value, sum)?;
            entries.push((key.key, value));
        }
        Ok(entries)
    }
}

const SCAN_FROM: &str =
    "SELECT key, value, sum FROM entry WHERE space = ?1 AND key >= ?2 ORDER BY key LIMIT ?3";
const SCAN_AFTER: &str =
    "SELECT key, value, sum FROM entry WHERE space = ?1 AND key > ?2 ORDER BY key LIMIT ?3";

impl Chain {
    /// Makes sure that it holds the positions of versions `from` to the end of the stream.
    fn follow(
        &mut self,
        connection: &Connection,
        customer: CustomerId,
        (version, last): (i64, i64),
        from: i64,
    ) -> rusqlite::Result<()> {
        if self.customer != Some(customer) || self.first > from {
            *self = Self { customer: Some(customer), first: from, positions: Vec::new() };
        }
        let end = i64::try_from(self.positions.len()).unwrap_or(i64::MAX).saturating_add(self.first);
        let mut step =
            connection.prepare_cached("SELECT previous, version, customer FROM fact WHERE position = ?1")?;
        let (mut at, mut expected) = (last, version);
        let mut found = Vec::new();
        while expected >= end {
            let here = step
                .query_row([at], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, [u8; 16]>(2)?)))
                .optional()?;
            match here {
                Some((previous, version, of)) if version == expected && of == *customer.as_bytes() => {
                    found.push(at);
                    at = previous;
                    expected -= 1;
                }
                _ => return self.look_through(connection, customer, from),
            }
        }
        self.positions.extend(found.into_iter().rev());
        Ok(())
    }

    /// Finds the facts without the chain, where it is broken: slow, and only so that one damaged fact does not hide
    /// those before it.
    fn look_through(
        &mut self,
        connection: &Connection,
        customer: CustomerId,
        from: i64,
    ) -> rusqlite::Result<()> {
        *self = Self { customer: Some(customer), first: from, positions: Vec::new() };
        let mut all =
            connection.prepare_cached("SELECT position FROM fact WHERE customer = ?1 ORDER BY position")?;
        let mut all = all.query([customer.as_bytes()])?;
        let mut version = 0_i64;
        while let Some(row) = all.next()? {
            version = version.saturating_add(1);
            if version >= from {
                self.positions.push(row.get(0)?);
            }
        }
        Ok(())
    }

    fn from(&self, version: i64) -> &[i64] {
        let skip = usize::try_from(version.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.positions.get(skip..).unwrap_or_default()
    }
}

/// What one page looks at.
struct Scan {
    sql: &'static str,
    bounds: (i64, i64),
    from: i64,
    /// From one position to the next.
    step: i64,
    /// The last position of the scan.
    end: i64,
    /// Where the reader stands when there is nothing more to look at.
    done: i64,
    /// Whether every position is looked at, so that one without a fact is noticed.
    whole: bool,
}

impl Scan {
    fn of(read: &Read, head: i64) -> Self {
        let from = i64::try_from(read.from.0).unwrap_or(i64::MAX);
        if read.direction == Direction::Backward {
            let from = from.min(head.saturating_add(1));
            let end = from.min(1);
            return Self { sql: BACKWARD, bounds: (from, 1), from, step: -1, end, done: end, whole: true };
        }
        let to = match read.cut.known_at {
            KnownAt::Position(known) => i64::try_from(known.0).unwrap_or(i64::MAX).min(head),
            _ => head,
        };
        let whole = read.kinds != KindSet::CORRECTIONS;
        let sql = if whole { FORWARD } else { CORRECTIONS };
        Self { sql, bounds: (from, to), from, step: 1, end: to.max(from), done: head.max(from), whole }
    }
}

/// Runs a statement that gives no rows and is kept prepared.
pub(crate) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}

pub(crate) fn head(connection: &Connection) -> rusqlite::Result<(i64, [u8; 32])> {
    connection
        .prepare_cached("SELECT facts, link FROM head")?
        .query_row((), |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Version and last position of a stream.
pub(crate) fn stream_end(
    connection: &Connection,
    customer: CustomerId,
) -> rusqlite::Result<Option<(i64, i64)>> {
    connection
        .prepare_cached("SELECT version, last FROM stream WHERE customer = ?1")?
        .query_row([customer.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

pub(crate) fn find(connection: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    connection.prepare_cached("SELECT position FROM fact WHERE id = ?1")
}

/// What stands under a key, if it is what was written.
pub(crate) fn entry(
    connection: &Connection,
    file: &Name,
    key: &EntryKey,
) -> Result<Option<Vec<u8>>, StoreError> {
    let entry: Option<(Vec<u8>, i64)> = connection
        .prepare_cached("SELECT value, sum FROM entry WHERE space = ?1 AND key = ?2")
        .and_then(|mut entry| {
            entry.query_row((&key.space, &key.key), |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
        .of(file)?;
    entry.map(|(value, sum)| whole_entry(file, key, value, sum)).transpose()
}

fn whole_entry(file: &Name, key: &EntryKey, value: Vec<u8>, sum: i64) -> Result<Vec<u8>, StoreError> {
    if entry_sum(key, &value) == sum {
        Ok(value)
    } else {
        Err(file.damaged(&format!("the entry {key} does not fit its checksum")))
    }
}

/// The checksum over an entry.
pub(crate) fn entry_sum(key: &EntryKey, value: &[u8]) -> i64 {
    let place = xxh3_64_with_seed(&key.key, xxh3_64(key.space.as_bytes()));
    xxh3_64_with_seed(value, place).cast_signed()
}

fn version(row: &Row<'_>) -> i64 {
    row.get(1).unwrap_or_default()
}

fn undecodable(position: i64, version: i64, source: Unreadable) -> StoreError {
    StoreError::Undecodable {
        position: Position(position.unsigned_abs()),
        version: Version(version.unsigned_abs()),
        source,
    }
}
