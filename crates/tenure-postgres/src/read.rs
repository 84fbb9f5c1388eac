//! Reading: pages of the log, streams along their chain, where the log ends.
//!
//! The head is read first and facts after it. Facts up to a head never change, so what two statements see of them is
//! what one snapshot holds.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;

use deadpool_postgres::Client;
use futures_util::TryStreamExt;
use tenure_core::log::{Cut, Direction, FactBlock, KindSet, KnownAt, Page, Read};
use tenure_core::{CustomerId, EventId, Position, Version};
use tenure_store::row::Decoder;
use tenure_store::{Entries, EntryKey, Head, LogHash, StoreError, StreamPage, Unreadable};
use tokio_postgres::types::ToSql;

use crate::chain::Chain;
use crate::error::InStore;
use crate::raw::Inner;
use crate::row;
use crate::value::Id;

/// The most facts that one page looks at, so that a filter that matches little still makes progress visible.
const LOOKED_AT: i64 = 1 << 16;

/// Facts that are fetched at once where a filter may leave some out.
const AT_ONCE: i64 = 1 << 12;

/// A connection with what reading through it needs.
pub(crate) struct Reader {
    pub(crate) inner: Arc<Inner>,
    pub(crate) client: Client,
}

impl Reader {
    pub(crate) async fn new(inner: &Arc<Inner>) -> Result<Self, StoreError> {
        let client = inner.readers.get().await.map_err(|error| inner.name.pool(error))?;
        Ok(Self { inner: Arc::clone(inner), client })
    }

    pub(crate) async fn head(&self) -> Result<(i64, [u8; 32]), StoreError> {
        let Inner { name, sql, log, .. } = &*self.inner;
        let statement = self.client.prepare_cached(&sql.head).await.of(name)?;
        let row = self.client.query_opt(&statement, &[log]).await.of(name)?;
        let row = row.ok_or_else(|| name.damaged("it has no head"))?;
        let link: &[u8] = row.try_get(1).of(name)?;
        let link = link.try_into().map_err(|_| name.damaged("the link of its head is none"))?;
        Ok((row.try_get(0).of(name)?, link))
    }

    pub(crate) async fn page(&self, read: &Read) -> Result<Page, StoreError> {
        let (head, _) = self.head().await?;
        let mut scan = Scan::of(read, head);
        let (mut facts, mut decoder) = (FactBlock::new(), Decoder::default());
        while scan.looked_at < LOOKED_AT && facts.len() < scan.limit {
            let more = self.fetch(read, &mut scan, &mut decoder, &mut facts).await?;
            if !more {
                break;
            }
        }
        let mut scanned_to = Position(scan.at.unsigned_abs());
        if read.direction == Direction::Forward {
            // A position that no log can have is behind the end, and the reader stays there.
            scanned_to = scanned_to.max(read.from);
        }
        Ok(Page { facts, scanned_to, head: Position(head.unsigned_abs()) })
    }

    /// Fetches some rows and takes them. Gives whether there may be more to fetch for this page.
    async fn fetch(
        &self,
        read: &Read,
        scan: &mut Scan,
        decoder: &mut Decoder,
        facts: &mut FactBlock,
    ) -> Result<bool, StoreError> {
        let Inner { name, sql, log, .. } = &*self.inner;
        let bound = scan.bound();
        let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX).min(LOOKED_AT);
        let (text, values): (_, &[&(dyn ToSql + Sync)]) = match (scan.whole, read.direction) {
            (false, _) => (&sql.corrections, &[log, &scan.at, &scan.end, &limit]),
            (true, Direction::Forward) => (&sql.forward, &[log, &scan.at, &bound]),
            (true, Direction::Backward) => (&sql.backward, &[log, &scan.at, &bound]),
        };
        let statement = self.client.prepare_cached(text).await.of(name)?;
        let rows = self.client.query_raw(&statement, values.iter().copied()).await.of(name)?;
        let (mut rows, mut fetched) = (pin!(rows), 0);
        loop {
            if facts.len() >= scan.limit {
                return Ok(false);
            }
            let next = scan.at.saturating_add(scan.step);
            let taken = match rows.try_next().await.of(name)? {
                // As many as were asked for, of which a cut may have left some out.
                None if !scan.whole && fetched == limit => return Ok(true),
                None if !scan.whole => {
                    scan.at = scan.done;
                    return Ok(false);
                }
                None if scan.at == bound => {
                    let more = bound != scan.end;
                    if !more {
                        scan.at = scan.done;
                    }
                    return Ok(more);
                }
                None => Err(((next, 0), Unreadable::Missing)),
                Some(stored) => {
                    fetched = fetched.saturating_add(1);
                    let place = row::place(&stored);
                    if place.0 == next || !scan.whole {
                        row::take(decoder, &stored, Some(read), facts)
                            .map(|()| place.0)
                            .map_err(|why| (place, why))
                    } else {
                        Err(((next, 0), Unreadable::Missing))
                    }
                }
            };
            match taken {
                Ok(position) => scan.at = position,
                Err((place, why)) if facts.is_empty() => return Err(row::undecodable(place, why)),
                // What was read comes first; the next read begins with the error.
                Err(_) => return Ok(false),
            }
            scan.looked_at += 1;
        }
    }

    pub(crate) async fn stream(
        &self,
        customer: CustomerId,
        after: Version,
        limit: usize,
    ) -> Result<StreamPage, StoreError> {
        let Inner { name, sql, log, .. } = &*self.inner;
        let mut facts = FactBlock::new();
        let id = Id(*customer.as_bytes());
        let statement = self.client.prepare_cached(&sql.stream_end).await.of(name)?;
        let Some(end) = self.client.query_opt(&statement, &[log, &id]).await.of(name)? else {
            return Ok(StreamPage { facts, version: Version(0) });
        };
        let (version, last): (i64, i64) = (end.try_get(0).of(name)?, end.try_get(1).of(name)?);
        let page = |facts| StreamPage { facts, version: Version(version.unsigned_abs()) };
        let first = i64::try_from(after.0).unwrap_or(i64::MAX).saturating_add(1);
        if first > version {
            return Ok(page(facts));
        }
        let most = limit.clamp(1, usize::try_from(LOOKED_AT).unwrap_or(usize::MAX));
        let wanted = Chain::positions(self, customer, (version, last), first, most).await?;
        let statement = self.client.prepare_cached(&sql.these).await.of(name)?;
        let values: [&(dyn ToSql + Sync); 2] = [log, &wanted];
        let rows = self.client.query_raw(&statement, values).await.of(name)?;
        let (mut rows, mut decoder) = (pin!(rows), Decoder::default());
        for (version, &position) in (first..).zip(&wanted) {
            let taken = match rows.try_next().await.of(name)? {
                Some(stored) if row::place(&stored).0 == position => {
                    row::take(&mut decoder, &stored, None, &mut facts)
                }
                _ => Err(Unreadable::Missing),
            };
            match taken {
                Err(why) if facts.is_empty() => return Err(row::undecodable((position, version), why)),
                Err(_) => break,
                Ok(()) => {}
            }
        }
        if facts.is_empty() {
            let what = format!("the stream of customer {customer} ends before version {first}");
            return Err(name.damaged(&what));
        }
        Ok(page(facts))
    }

    pub(crate) async fn whole_head(&self) -> Result<Head, StoreError> {
        let (position, link) = self.head().await?;
        Ok(Head { position: Position(position.unsigned_abs()), hash: Some(LogHash(link)) })
    }

    pub(crate) async fn known(&self, ids: &[EventId]) -> Result<Vec<Option<Position>>, StoreError> {
        let Inner { name, sql, log, .. } = &*self.inner;
        let asked: Vec<Id> = ids.iter().map(|id| Id(*id.as_bytes())).collect();
        let statement = self.client.prepare_cached(&sql.known).await.of(name)?;
        let rows = self.client.query(&statement, &[log, &asked]).await.of(name)?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            let (Id(id), position): (Id, i64) = (row.try_get(0).of(name)?, row.try_get(1).of(name)?);
            found.insert(id, Position(position.unsigned_abs()));
        }
        Ok(ids.iter().map(|id| found.get(id.as_bytes()).copied()).collect())
    }

    pub(crate) async fn entries(&self, keys: &[EntryKey]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let Inner { name, sql, log, .. } = &*self.inner;
        let (spaces, bytes): (Vec<&str>, Vec<&[u8]>) =
            keys.iter().map(|EntryKey { space, key }| (&**space, &**key)).unzip();
        let statement = self.client.prepare_cached(&sql.entries).await.of(name)?;
        let mut found: HashMap<EntryKey, Vec<u8>> = HashMap::new();
        for row in self.client.query(&statement, &[log, &spaces, &bytes]).await.of(name)? {
            let (space, key): (&str, &[u8]) = (row.try_get(0).of(name)?, row.try_get(1).of(name)?);
            found.insert(EntryKey::new(space, key), row.try_get(2).of(name)?);
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    pub(crate) async fn scan(
        &self,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Entries, StoreError> {
        let Inner { name, sql, log, .. } = &*self.inner;
        // An entry whose key is the prefix itself is the first, and nothing is less than it.
        let (text, from) = match after {
            Some(after) if after >= prefix => (&sql.scan_after, after),
            _ => (&sql.scan_from, prefix),
        };
        let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        let statement = self.client.prepare_cached(text).await.of(name)?;
        let mut entries = Entries::new();
        for row in self.client.query(&statement, &[log, &space, &from, &limit]).await.of(name)? {
            let key: &[u8] = row.try_get(0).of(name)?;
            if !key.starts_with(prefix) {
                break;
            }
            entries.push((key.into(), row.try_get(1).of(name)?));
        }
        Ok(entries)
    }
}

/// What one page looks at.
struct Scan {
    /// The last position looked at.
    at: i64,
    /// From one position to the next.
    step: i64,
    /// The last position of the scan.
    end: i64,
    /// Where the reader stands when there is nothing more to look at.
    done: i64,
    /// Whether every position is looked at, so that one without a fact is noticed.
    whole: bool,
    limit: usize,
    looked_at: i64,
    /// Facts to fetch at once.
    at_once: i64,
}

impl Scan {
    fn of(read: &Read, head: i64) -> Self {
        let from = i64::try_from(read.from.0).unwrap_or(i64::MAX);
        let limit = read.limit.max(1);
        let all = read.kinds == KindSet::ALL && read.cut == Cut::default();
        let at_once = i64::try_from(limit).unwrap_or(i64::MAX).max(if all { 1 } else { AT_ONCE });
        let at_once = at_once.min(LOOKED_AT);
        if read.direction == Direction::Backward {
            let at = from.min(head.saturating_add(1));
            let end = at.min(1);
            return Self { at, step: -1, end, done: end, whole: true, limit, looked_at: 0, at_once };
        }
        let to = match read.cut.known_at {
            KnownAt::Position(known) => i64::try_from(known.0).unwrap_or(i64::MAX).min(head),
            _ => head,
        };
        let whole = read.kinds != KindSet::CORRECTIONS;
        Self {
            at: from,
            step: 1,
            end: to.max(from),
            done: head.max(from),
            whole,
            limit,
            looked_at: 0,
            at_once,
        }
    }

    /// The last position to fetch next.
    fn bound(&self) -> i64 {
        if self.step > 0 {
            self.at.saturating_add(self.at_once).min(self.end)
        } else {
            self.at.saturating_sub(self.at_once).max(self.end)
        }
    }
}
