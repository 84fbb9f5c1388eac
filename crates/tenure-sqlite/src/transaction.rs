//! One transaction of the writer: deciding appends, inserting facts, and what is remembered from one to the next.

use core::mem;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, OptionalExtension, params};
use tenure_core::log::{Append, Decision, Found};
use tenure_core::{CustomerId, Event, EventId, Position, Timestamp, Version};
use tenure_store::row::{Content, Encoded, Place};
use tenure_store::{Commit, StoreError};

use crate::error::{InStore, Name};
use crate::kinds::Kinds;
use crate::read::{self, Reader};
use crate::row::Decoder;
use crate::schema::INSERT_FACT;
use crate::writer::Job;

/// Customers whose place is remembered; beyond it all are forgotten and looked up again (about 12 MB).
const REMEMBERED_STREAMS: usize = 1 << 18;

/// What the writer remembers of the log, true as long as nobody else writes.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) data_version: i64,
    pub(crate) position: i64,
    /// Whether the file says that somebody writes to it.
    pub(crate) marked: bool,
    link: [u8; 32],
    recorded_at: i64,
    /// The greatest id; a greater one is new for certain, so that facts in order of time are not looked up.
    greatest: Option<EventId>,
    streams: HashMap<CustomerId, (i64, i64), RandomState>,
    kinds: Kinds,
}

impl Known {
    pub(crate) fn load(connection: &Connection, data_version: i64) -> rusqlite::Result<Self> {
        let (position, link, recorded_at) = connection
            .prepare_cached("SELECT facts, link, recorded_at FROM head")?
            .query_row((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let greatest: Option<[u8; 16]> =
            connection.prepare_cached("SELECT max(id) FROM fact")?.query_row((), |row| row.get(0))?;
        let greatest = greatest.map(EventId::from_bytes);
        let kinds = Kinds::load(connection)?;
        Ok(Self {
            data_version,
            marked: false,
            position,
            link,
            recorded_at,
            greatest,
            streams: HashMap::default(),
            kinds,
        })
    }

    /// The last position and its link.
    pub(crate) const fn head(&self) -> (i64, [u8; 32]) {
        (self.position, self.link)
    }

    fn stream(&mut self, connection: &Connection, customer: CustomerId) -> rusqlite::Result<(i64, i64)> {
        if let Some(end) = self.streams.get(&customer) {
            return Ok(*end);
        }
        let end = read::stream_end(connection, customer)?.unwrap_or_default();
        self.streams.insert(customer, end);
        Ok(end)
    }

    /// Sets the end of a stream and gives its last position before.
    fn moved(
        &mut self,
        connection: &Connection,
        customer: CustomerId,
        end: (i64, i64),
    ) -> rusqlite::Result<i64> {
        if let Some(known) = self.streams.get_mut(&customer) {
            return Ok(mem::replace(known, end).1);
        }
        let (_, last) = self.stream(connection, customer)?;
        self.streams.insert(customer, end);
        Ok(last)
    }
}

impl Known {
    /// Writes the ends of streams and log.
    pub(crate) fn finish(
        &mut self,
        connection: &Connection,
        mut touched: Vec<CustomerId>,
    ) -> rusqlite::Result<()> {
        touched.sort_unstable();
        touched.dedup();
        let mut put = connection.prepare_cached(
            "INSERT INTO stream (customer, version, last) VALUES (?1, ?2, ?3)
             ON CONFLICT (customer) DO UPDATE SET version = excluded.version, last = excluded.last",
        )?;
        for customer in touched {
            let (version, last) = self.streams.get(&customer).copied().unwrap_or_default();
            put.execute(params![customer.as_bytes(), version, last])?;
        }
        connection
            .prepare_cached("UPDATE head SET facts = ?1, link = ?2, recorded_at = ?3")?
            .execute(params![self.position, self.link, self.recorded_at])?;
        if self.streams.len() > REMEMBERED_STREAMS {
            self.streams.clear();
        }
        Ok(())
    }
}

/// What deciding and inserting need of the writer.
pub(crate) struct Transaction<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) decoder: &'a mut Decoder,
    pub(crate) name: &'a Name,
    pub(crate) known: &'a mut Known,
    pub(crate) touched: &'a mut Vec<CustomerId>,
}

impl Transaction<'_> {
    /// Checks what a commit expects and decides about its facts; none if it has none.
    pub(crate) fn decide(&mut self, commit: &Commit) -> Result<Option<Vec<Decision>>, StoreError> {
        let head = Position(self.known.position.unsigned_abs());
        commit.check(head, |key| read::entry(self.connection, self.name, key))?;
        commit.facts().map(|append| self.decide_append(append)).transpose()
    }

    fn decide_append(&mut self, append: &Append) -> Result<Vec<Decision>, StoreError> {
        let Self { connection, decoder, name, known, .. } = self;
        let greatest = known.greatest;
        let mut find = read::find(connection).of(name)?;
        let find = |event: &Event| {
            if greatest.is_none_or(|greatest| event.id() > greatest) {
                return Ok::<_, StoreError>(None);
            }
            let position: Option<i64> =
                find.query_row([event.id().as_bytes()], |row| row.get(0)).optional().of(name)?;
            let Some(position) = position else { return Ok(None) };
            let stored = Reader::fact(connection, decoder, name, position)?;
            Ok(stored.get(0).map(|stored| Found {
                position: stored.position,
                version: stored.version,
                same: stored.event.same_content(&event.view()),
            }))
        };
        let version = |customer| {
            let (version, _) = known.stream(connection, customer).of(name)?;
            Ok(Version(version.unsigned_abs()))
        };
        Ok(append.decide(find, version)??)
    }

    /// Writes what is new of a commit.
    pub(crate) fn insert(
        &mut self,
        job: &Job,
        decisions: &[Decision],
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        if let Some(append) = job.commit.facts() {
            self.insert_facts(append.events(), &job.encoded, decisions, now)?;
        }
        for (key, value) in job.commit.writes() {
            match value {
                Some(value) => self
                    .connection
                    .prepare_cached(
                        "INSERT INTO entry VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (space, key) DO UPDATE SET value = ?3, sum = ?4",
                    )?
                    .execute((&key.space, &key.key, value, read::entry_sum(key, value)))?,
                None => self
                    .connection
                    .prepare_cached("DELETE FROM entry WHERE space = ?1 AND key = ?2")?
                    .execute((&key.space, &key.key))?,
            };
        }
        Ok(())
    }

    fn insert_facts(
        &mut self,
        events: &[Event],
        encoded: &[Encoded],
        decisions: &[Decision],
        now: Timestamp,
    ) -> rusqlite::Result<()> {
        let known = &mut *self.known;
        let recorded_at = known.recorded_at.max(now.as_micros());
        let mut insert = self.connection.prepare_cached(INSERT_FACT)?;
        for ((event, encoded), decision) in events.iter().zip(encoded).zip(decisions) {
            let Decision::New { version } = decision else { continue };
            let customer = event.customer().id();
            let position = known.position.saturating_add(1);
            let version = i64::try_from(version.0).unwrap_or(i64::MAX);
            let previous = known.moved(self.connection, customer, (version, position))?;
            let place = Place { position, version, previous, recorded_at };
            let link = place.link(&known.link, &encoded.digest);
            let content = Content::of(event);
            let kind = known.kinds.ordinal(self.connection, event.view().kind, content.kind)?;
            insert.execute(params![
                place.position,
                place.version,
                place.previous,
                content.id.as_bytes(),
                content.customer.as_bytes(),
                content.customer_key,
                content.occurred_at,
                place.recorded_at,
                kind,
                content.schema,
                content.subject,
                content.minor,
                content.currency,
                content.number,
                content.channel,
                content.actor,
                not_empty(event.stored_data()),
                not_empty(&encoded.context),
                place.header_sum(encoded.content_sum),
                encoded.body_sum,
                link,
            ])?;
            known.position = place.position;
            known.link = link;
            known.recorded_at = recorded_at;
            known.greatest = known.greatest.max(Some(content.id));
            self.touched.push(customer);
        }
        // A name that is new to the file is new to who reads its facts on this connection.
        if self.decoder.kinds() < known.kinds.len() {
            self.decoder.learn_kinds(self.connection)?;
        }
        Ok(())
    }
}

const fn not_empty(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}
