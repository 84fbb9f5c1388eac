//! One transaction that appends: lock the head, look up, decide, write.
//!
//! The row of the log is the one lock. It is taken before anything is decided and held until the commit is visible,
//! so positions are contiguous in the order of commits, and whatever was looked up while the head stood where it
//! stands now is still true. A second lock would only be a way to wait for each other in a ring.

use std::collections::HashMap;
use std::pin::Pin;

use foldhash::fast::RandomState;
use futures_util::future::{try_join, try_join3};
use tenure_core::log::{Append, Appended, Decision, Found};
use tenure_core::{CustomerId, Event, EventId, Position, Timestamp, Version};
use tenure_store::StoreError;
use tenure_store::row::{Content, Encoded, Place};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::error::Severity;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use crate::known::{End, Known};
use crate::sql::Statements;
use crate::value::{Id, Link, Micros};

/// New facts of a commit from which on they are copied in instead of inserted: it takes one round trip more, and
/// less time for each.
const COPIED: usize = 64;

/// New facts of a commit from which on it is worth the while to plan how their streams are written.
const PLANNED: usize = 4_096;

/// Where a transaction runs.
#[derive(Clone, Copy)]
pub(crate) struct Session<'a> {
    pub(crate) client: &'a Client,
    pub(crate) statements: &'a Statements,
    pub(crate) log: i32,
    /// The channel on which a commit is told.
    pub(crate) channel: &'a str,
}

/// A fact to be written.
struct New<'a> {
    event: &'a Event,
    encoded: &'a Encoded,
    place: Place,
}

impl New<'_> {
    /// The link of this fact behind the one given, which it takes the place of.
    fn chain(&self, link: &mut [u8; 32]) -> Link {
        *link = self.place.link(link, &self.encoded.digest);
        Link(*link)
    }
}

/// The facts of one transaction, decided upon and neither chained nor written yet.
#[derive(Default)]
pub(crate) struct Writes<'a> {
    facts: Vec<New<'a>>,
    by_id: HashMap<EventId, usize, RandomState>,
}

/// How a transaction begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Not at all: look, so that less is to be looked up once the head is locked.
    Looking,
    /// With a transaction of its own.
    Own,
    /// Within a transaction that is there.
    Within,
}

impl Session<'_> {
    /// Brings what is known up to the head, which is locked unless this is only looking.
    pub(crate) async fn begin(
        self,
        begin: Begin,
        known: &mut Option<Known>,
        appends: &[&Append],
    ) -> Result<(), Error> {
        let Self { client, statements, log, .. } = self;
        let events = || appends.iter().flat_map(|append| append.events());
        let customers = || appends.iter().flat_map(|append| append.expected().map(|(customer, _)| customer));
        let wanted = known.as_mut().map(|known| known.want(events(), customers())).unwrap_or_default();
        let head = async {
            match begin {
                Begin::Looking => client.query_one(&statements.head, &[&log]).await,
                Begin::Within => client.query_one(&statements.lock, &[&log]).await,
                Begin::Own => {
                    let transaction = client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
                    let log: [&(dyn ToSql + Sync); 1] = [&log];
                    Ok(try_join(transaction, client.query_one(&statements.lock, &log)).await?.1)
                }
            }
        };
        // All are on their way at once, in this order: what is looked up behind the lock is seen under it.
        let (end, stored) = try_join(head, wanted.look_up(client, statements, log)).await?;
        let end = End::of(&end)?;
        if let Some(known) = known.as_mut().filter(|known| known.end == end) {
            return known.take_in(stored);
        }
        let known = known.insert(Known::load(client, statements, log, end).await?);
        let wanted = known.want(events(), customers());
        known.take_in(wanted.look_up(client, statements, log).await?)
    }

    /// Writes facts, streams and head, and commits unless the transaction is somebody else's. The link of the log's end is
    /// known from then on.
    pub(crate) async fn write(
        self,
        known: &mut Known,
        writes: &Writes<'_>,
        commit: bool,
    ) -> Result<(), WriteError> {
        let Self { client, statements, log, channel } = self;
        let facts = &writes.facts;
        let planned = facts.len() >= PLANNED;
        // The server takes facts in while the next ones are chained, and those who are touched are gathered.
        let (columns, copy) = if facts.len() < COPIED {
            (Columns::of(facts, &mut known.end.link), None)
        } else {
            let copy = self.copy(facts, &mut known.end.link).await.map_err(WriteError::Nothing)?;
            (Columns::default(), Some(copy))
        };
        // Who is touched, and at which version first.
        let mut touched: Vec<(CustomerId, i64)> =
            facts.iter().map(|fact| (fact.event.customer().id(), fact.place.version)).collect();
        touched.sort_unstable();
        touched.dedup_by_key(|(customer, _)| *customer);
        let begun: Vec<_> = touched.extract_if(.., |(_, first)| planned && *first == 1).collect();
        let (ends, begun) = (Ends::of(known, &touched), Ends::of(known, &begun));
        let End { position, link, recorded_at } = known.end;
        let (link, recorded_at) = (Link(link), Micros(recorded_at));
        let mut values: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&log, Type::INT4)];
        values.extend(ends.columns());
        values.extend([
            (&position as &(dyn ToSql + Sync), Type::INT8),
            (&link, Type::BYTEA),
            (&recorded_at, Type::TIMESTAMPTZ),
            (&channel, Type::TEXT),
        ]);
        let copying = copy.is_some();
        let copied = async {
            match copy {
                Some(mut copy) => copy.as_mut().finish().await.map(drop),
                None => Ok(()),
            }
        };
        let set = async {
            if !planned || !commit {
                return Ok(());
            }
            // The one statement for which it may be right to look through a whole table.
            client.batch_execute("SET LOCAL enable_seqscan = on").await
        };
        let written = async {
            if planned {
                values.extend(begun.columns());
                return client.query_typed(&statements.advance_many, &values).await.map(drop);
            }
            let mut values: Vec<_> = values.into_iter().map(|(value, _)| value).collect();
            if copying {
                return client.query(&statements.advance, &values).await.map(drop);
            }
            columns.add_to(&mut values);
            client.query(&statements.insert, &values).await.map(drop)
        };
        // All are on their way at once, in this order. If one is refused, so is what is behind it, and the commit rolls back.
        let written = try_join3(copied, set, written);
        if !commit {
            return written.await.map(drop).map_err(WriteError::Nothing);
        }
        let written = async { written.await.map_err(WriteError::with_commit) };
        try_join(written, commit_now(client)).await.map(drop)
    }

    /// Sends facts to be copied in. What is sent from then on comes behind them; where this is given up, the server refuses both.
    async fn copy(
        self,
        facts: &[New<'_>],
        link: &mut [u8; 32],
    ) -> Result<Pin<Box<BinaryCopyInWriter>>, Error> {
        let sink = self.client.copy_in(&self.statements.copy).await?;
        let mut copy = Box::pin(BinaryCopyInWriter::new(sink, &TYPES));
        for fact in facts {
            let (place, content) = (fact.place, Content::of(fact.event));
            let (recorded_at, occurred_at) = (Micros(place.recorded_at), Micros(content.occurred_at));
            let (id, customer) = (Id(*content.id.as_bytes()), Id(*content.customer.as_bytes()));
            let (data, origin) = (not_empty(fact.event.stored_data()), not_empty(&fact.encoded.context));
            let row: [&(dyn ToSql + Sync); 22] = [
                &self.log,
                &place.position,
                &place.version,
                &place.previous,
                &id,
                &customer,
                &content.customer_key,
                &occurred_at,
                &recorded_at,
                &content.kind,
                &schema(content.schema),
                &content.subject,
                &content.minor,
                &content.currency,
                &content.number,
                &content.channel,
                &content.actor,
                &data,
                &origin,
                &place.header_sum(fact.encoded.content_sum),
                &fact.encoded.body_sum,
                &fact.chain(link),
            ];
            copy.as_mut().write(&row).await?;
        }
        Ok(copy)
    }
}

/// Sends the commit, and tells apart what it can mean when it fails.
pub(crate) async fn commit_now(client: &Client) -> Result<(), WriteError> {
    client.batch_execute("COMMIT").await.map_err(WriteError::with_commit)
}

/// Whether the server itself said no and goes on; anything else may have come after the commit.
pub(crate) fn is_refusal(error: &Error) -> bool {
    error.as_db_error().is_some_and(|error| error.parsed_severity() == Some(Severity::Error))
}

/// Why nothing can be said to be written.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Nothing was written.
    Nothing(Error),
    /// The commit was sent, and nobody knows.
    Unknown(Error),
}

impl WriteError {
    /// What an error means when the commit is on its way: only a refusal says that nothing was written.
    fn with_commit(error: Error) -> Self {
        if is_refusal(&error) { Self::Nothing(error) } else { Self::Unknown(error) }
    }
}

impl<'a> Writes<'a> {
    /// Decides about an append and takes its new facts in, or refuses it and changes nothing.
    pub(crate) fn add(
        &mut self,
        known: &mut Known,
        append: &'a Append,
        encoded: &'a [Encoded],
        now: Timestamp,
    ) -> Result<Appended, StoreError> {
        let find = |event: &Event| match self.by_id.get(&event.id()).and_then(|index| self.facts.get(*index))
        {
            Some(New { event: waiting, place, .. }) => Ok(Some(Found {
                position: Position(place.position.unsigned_abs()),
                version: Version(place.version.unsigned_abs()),
                same: waiting.view().same_content(&event.view()),
            })),
            None => known.find(event),
        };
        let decisions = append.decide(find, |customer| Ok::<_, StoreError>(known.version(customer)))??;
        let appended = Appended::new(&decisions, Position(known.end.position.unsigned_abs()));
        let recorded_at = known.end.recorded_at.max(now.as_micros());
        for ((event, encoded), decision) in append.events().iter().zip(encoded).zip(&decisions) {
            let Decision::New { version } = decision else { continue };
            let position = known.end.position.saturating_add(1);
            let version = i64::try_from(version.0).unwrap_or(i64::MAX);
            let previous = known.add(event.id(), event.customer().id(), (version, position));
            let place = Place { position, version, previous, recorded_at };
            known.end = End { position, recorded_at, ..known.end };
            self.by_id.insert(event.id(), self.facts.len());
            self.facts.push(New { event, encoded, place });
        }
        Ok(appended)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }
}

/// The types of what is inserted or copied in: the log, and the columns in order.
pub(crate) const TYPES: [Type; 22] = [
    Type::INT4,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::UUID,
    Type::UUID,
    Type::TEXT,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::TEXT,
    Type::INT4,
    Type::TEXT,
    Type::INT8,
    Type::TEXT,
    Type::INT8,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
    Type::INT8,
    Type::BYTEA,
];

/// The ends of some streams by column.
struct Ends {
    customers: Vec<Id>,
    versions: Vec<i64>,
    lasts: Vec<i64>,
}

impl Ends {
    fn of(known: &Known, touched: &[(CustomerId, i64)]) -> Self {
        let customers = touched.iter().map(|(customer, _)| Id(*customer.as_bytes())).collect();
        let (versions, lasts) = touched.iter().map(|(customer, _)| known.stream(*customer)).unzip();
        Self { customers, versions, lasts }
    }

    fn columns(&self) -> [(&(dyn ToSql + Sync), Type); 3] {
        [
            (&self.customers, Type::UUID_ARRAY),
            (&self.versions, Type::INT8_ARRAY),
            (&self.lasts, Type::INT8_ARRAY),
        ]
    }
}

/// Facts by column, for one statement that inserts them all.
#[derive(Default)]
struct Columns<'a> {
    numbers: [Vec<i64>; 5],
    ids: [Vec<Id>; 2],
    instants: [Vec<Micros>; 2],
    schemas: Vec<i32>,
    optional: [Vec<Option<i64>>; 2],
    texts: [Vec<Option<&'a str>>; 8],
    links: Vec<Link>,
}

impl<'a> Columns<'a> {
    fn of(facts: &'a [New<'a>], link: &mut [u8; 32]) -> Self {
        let mut columns = Self::default();
        for fact in facts {
            let (place, content) = (fact.place, Content::of(fact.event));
            let header_sum = place.header_sum(fact.encoded.content_sum);
            let numbers = [place.position, place.version, place.previous, header_sum, fact.encoded.body_sum];
            let texts = [
                content.customer_key,
                Some(content.kind),
                content.subject,
                content.currency,
                content.channel,
                content.actor,
                not_empty(fact.event.stored_data()),
                not_empty(&fact.encoded.context),
            ];
            fill(&mut columns.numbers, numbers);
            fill(&mut columns.ids, [Id(*content.id.as_bytes()), Id(*content.customer.as_bytes())]);
            fill(&mut columns.instants, [Micros(content.occurred_at), Micros(place.recorded_at)]);
            columns.schemas.push(schema(content.schema));
            fill(&mut columns.optional, [content.minor, content.number]);
            fill(&mut columns.texts, texts);
            columns.links.push(fact.chain(link));
        }
        columns
    }

    /// Adds one array for each column, in their order.
    fn add_to<'b>(&'b self, values: &mut Vec<&'b (dyn ToSql + Sync)>) {
        let [position, version, previous, header_sum, body_sum] = &self.numbers;
        let [id, customer] = &self.ids;
        let [occurred_at, recorded_at] = &self.instants;
        let [minor, number] = &self.optional;
        let [customer_key, kind, subject, currency, channel, actor, data, context] = &self.texts;
        let columns: [&(dyn ToSql + Sync); 21] = [
            position,
            version,
            previous,
            id,
            customer,
            customer_key,
            occurred_at,
            recorded_at,
            kind,
            &self.schemas,
            subject,
            minor,
            currency,
            number,
            channel,
            actor,
            data,
            context,
            header_sum,
            body_sum,
            &self.links,
        ];
        values.extend(columns);
    }
}

fn fill<T, const N: usize>(columns: &mut [Vec<T>; N], values: [T; N]) {
    for (column, value) in columns.iter_mut().zip(values) {
        column.push(value);
    }
}

/// A schema is 16 bits wide, so it fits.
fn schema(schema: i64) -> i32 {
    i32::try_from(schema).unwrap_or(i32::MAX)
}

const fn not_empty(text: &str) -> Option<&str> {
    if text.is_empty() { None } else { Some(text) }
}
