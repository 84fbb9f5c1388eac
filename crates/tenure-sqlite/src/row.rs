//! One fact as a row: checksums, the link of the chain, and the way back into a block of facts.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use tenure_core::log::{FactBlock, Read};
use tenure_core::{
    Currency, Customer, CustomerId, CustomerKey, Event, EventId, EventView, FactError, Kind, Money, Position,
    RecordedView, Timestamp, Version, Wire,
};
use tenure_store::Unreadable;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The columns that are read, in the order of the statements.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    Position,
    Version,
    Previous,
    Id,
    Customer,
    CustomerKey,
    OccurredAt,
    RecordedAt,
    Kind,
    Schema,
    Subject,
    Minor,
    Currency,
    Number,
    Channel,
    Actor,
    Data,
    Context,
    HeaderSum,
    BodySum,
    Link,
}

/// The value of a column is none that can be there. Small, because every value that is read may be one.
impl From<Column> for Unreadable {
    fn from(column: Column) -> Self {
        Self::Column { column: column.name() }
    }
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Version => "version",
            Self::Previous => "previous",
            Self::Id => "id",
            Self::Customer => "customer",
            Self::CustomerKey => "customer_key",
            Self::OccurredAt => "occurred_at",
            Self::RecordedAt => "recorded_at",
            Self::Kind => "kind",
            Self::Schema => "schema",
            Self::Subject => "subject",
            Self::Minor => "minor",
            Self::Currency => "currency",
            Self::Number => "number",
            Self::Channel => "channel",
            Self::Actor => "actor",
            Self::Data => "data",
            Self::Context => "context",
            Self::HeaderSum => "header_sum",
            Self::BodySum => "body_sum",
            Self::Link => "link",
        }
    }
}

/// What a fact says in its header, as it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content<'a> {
    pub(crate) id: EventId,
    pub(crate) customer: CustomerId,
    pub(crate) customer_key: Option<&'a str>,
    pub(crate) occurred_at: i64,
    pub(crate) kind: &'a str,
    pub(crate) schema: i64,
    pub(crate) subject: Option<&'a str>,
    pub(crate) minor: Option<i64>,
    pub(crate) currency: Option<&'a str>,
    pub(crate) number: Option<i64>,
    pub(crate) channel: Option<&'a str>,
    pub(crate) actor: Option<&'a str>,
}

impl Content<'_> {
    /// The bytes that checksum and chain are taken over: fields of fixed size, the lengths of the texts, the texts.
    /// No two headers share their bytes.
    fn write(&self, bytes: &mut Vec<u8>) {
        let texts =
            [self.customer_key, Some(self.kind), self.subject, self.currency, self.channel, self.actor];
        let mut fixed = [0; 16 + 16 + 4 * 8 + 1 + 6 * 4];
        let mut rest = put(&mut fixed, self.id.as_bytes());
        rest = put(rest, self.customer.as_bytes());
        rest = put(rest, &self.occurred_at.to_le_bytes());
        rest = put(rest, &self.schema.to_le_bytes());
        rest = put(rest, &self.minor.unwrap_or_default().to_le_bytes());
        rest = put(rest, &self.number.unwrap_or_default().to_le_bytes());
        rest = put(rest, &[u8::from(self.minor.is_some()) | u8::from(self.number.is_some()) << 1]);
        for text in texts {
            // No text of a fact is as long as 4 GiB.
            let length = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
            rest = put(rest, &length.to_le_bytes());
        }
        bytes.extend_from_slice(&fixed);
        for text in texts.into_iter().flatten() {
            bytes.extend_from_slice(text.as_bytes());
        }
    }
}

/// Copies bytes to the front and gives what is left behind them.
#[inline]
fn put<'a>(to: &'a mut [u8], bytes: &[u8]) -> &'a mut [u8] {
    match to.split_at_mut_checked(bytes.len()) {
        Some((front, rest)) => {
            front.copy_from_slice(bytes);
            rest
        }
        // The sizes of the fields add up to the size of the array.
        None => &mut [],
    }
}

/// Where a fact stands, which only the writer knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) position: i64,
    pub(crate) version: i64,
    /// The position of the customer's previous fact; 0 for the first.
    pub(crate) previous: i64,
    pub(crate) recorded_at: i64,
}

impl Place {
    fn bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let numbers = [self.position, self.version, self.previous, self.recorded_at];
        for (to, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            to.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The checksum over content and place.
    pub(crate) fn header_sum(self, content_sum: u64) -> i64 {
        xxh3_64_with_seed(&self.bytes(), content_sum).cast_signed()
    }

    /// The next link of the chain.
    pub(crate) fn link(self, before: &[u8; 32], digest: &[u8; 32]) -> [u8; 32] {
        let mut bytes = [0; 96];
        let (first, rest) = bytes.split_at_mut(32);
        let (second, third) = rest.split_at_mut(32);
        first.copy_from_slice(before);
        second.copy_from_slice(&self.bytes());
        third.copy_from_slice(digest);
        *blake3::hash(&bytes).as_bytes()
    }
}

fn body_sum(data: &str, context: &str) -> i64 {
    xxh3_64_with_seed(context.as_bytes(), xxh3_64(data.as_bytes())).cast_signed()
}

/// The hash of all content: header, body and context with their lengths. `header` holds the header's bytes and is
/// written on, because hashing one run of bytes is twice as fast as hashing four.
fn digest(header: &mut Vec<u8>, data: &str, context: &str) -> [u8; 32] {
    for text in [data, context] {
        header.extend_from_slice(&(text.len() as u64).to_le_bytes());
        header.extend_from_slice(text.as_bytes());
    }
    *blake3::hash(header).as_bytes()
}

/// All of a fact's row that does not depend on its place; made before the writer is asked.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) content_sum: u64,
    pub(crate) body_sum: i64,
    pub(crate) digest: [u8; 32],
    pub(crate) context: String,
}

impl Encoded {
    pub(crate) fn all(events: &[Event]) -> Vec<Self> {
        let mut bytes = Vec::new();
        events
            .iter()
            .map(|event| {
                bytes.clear();
                content(event).write(&mut bytes);
                let (data, context) = (event.stored_data(), event.context().to_text());
                let content_sum = xxh3_64(&bytes);
                let digest = digest(&mut bytes, data, &context);
                Self { content_sum, body_sum: body_sum(data, &context), digest, context }
            })
            .collect()
    }
}

/// The header of a fact as it is to be stored: as it was given, in its own schema.
pub(crate) fn content(event: &Event) -> Content<'_> {
    let (view, stored) = (event.view(), event.stored());
    Content {
        id: event.id(),
        customer: event.customer().id(),
        customer_key: event.customer().key().map(CustomerKey::as_str),
        occurred_at: view.occurred_at.as_micros(),
        kind: &stored.kind,
        schema: i64::from(stored.schema),
        subject: stored.subject.as_deref(),
        minor: stored.amount.map(|amount| amount.minor),
        currency: stored.amount.as_ref().map(|amount| amount.currency.code()),
        number: stored.number,
        channel: view.channel,
        actor: stored.actor.as_deref(),
    }
}

/// Reads rows into blocks. It belongs to one connection, whose dictionary of kinds it remembers.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The kind of each number, from 1.
    kinds: Vec<(Kind, Box<str>)>,
    bytes: Vec<u8>,
    currency: Option<Currency>,
}

/// A row whose header was found to be what was written.
#[derive(Debug)]
struct Header<'a> {
    content: Content<'a>,
    place: Place,
    kind: Kind,
}

impl Decoder {
    /// Reads the names of kinds that were added since the last time.
    pub(crate) fn learn_kinds(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let known = i64::try_from(self.kinds.len()).unwrap_or(i64::MAX);
        let mut names =
            connection.prepare_cached("SELECT name FROM kind WHERE ordinal > ?1 ORDER BY ordinal")?;
        let mut names = names.query([known])?;
        while let Some(row) = names.next()? {
            let name: Box<str> = row.get(0)?;
            self.kinds.push((Kind::named(&name).unwrap_or(Kind::Foreign), name));
        }
        Ok(())
    }

    /// Forgets the names of kinds, after a transaction that may have given some out came to nothing.
    pub(crate) fn forget_kinds(&mut self) {
        self.kinds.clear();
    }

    /// Checks a row and, where it passes the read, copies the fact to the end of a block.
    pub(crate) fn take(
        &mut self,
        row: &Row<'_>,
        read: Option<&Read>,
        block: &mut FactBlock,
    ) -> Result<(), Unreadable> {
        let Self { kinds, bytes, currency } = self;
        let header = header(row, kinds, bytes)?;
        let Header { content, place, kind } = &header;
        if read.is_some_and(|read| !read.kinds.contains(*kind)) {
            return Ok(());
        }
        let (data, context) = body(row)?;
        let amount = match (content.minor, content.currency) {
            (None, None) => None,
            (Some(minor), Some(code)) => {
                if currency.is_none_or(|last| last.code() != code) {
                    *currency = Some(code.parse().map_err(|_| Column::Currency)?);
                }
                currency.map(|currency| Money::from_minor(minor, currency))
            }
            _ => return Err(Column::Currency.into()),
        };
        let schema = u16::try_from(content.schema).map_err(|_| Column::Schema)?;
        let fact = RecordedView {
            event: EventView {
                id: content.id,
                customer: content.customer,
                occurred_at: instant(content.occurred_at, Column::OccurredAt)?,
                kind: *kind,
                kind_name: content.kind,
                subject: content.subject,
                amount,
                number: content.number,
                channel: content.channel,
                actor: content.actor,
                data,
            },
            position: Position(unsigned(place.position, Column::Position)?),
            version: Version(unsigned(place.version, Column::Version)?),
            recorded_at: instant(place.recorded_at, Column::RecordedAt)?,
            schema,
            customer_key: content.customer_key,
            context,
        };
        if read.is_some_and(|read| !read.cut.holds(&fact)) {
            return Ok(());
        }
        if *kind == Kind::Foreign || schema == kind.schema() {
            block.push(&fact);
        } else {
            let event = upcast(&fact)?;
            block.push(&event.recorded((fact.position, fact.version), fact.recorded_at, context));
        }
        Ok(())
    }

    /// What the chain is taken over, for whoever follows it.
    pub(crate) fn link(&mut self, row: &Row<'_>, before: &[u8; 32]) -> Result<Linked, Unreadable> {
        let header = header(row, &self.kinds, &mut self.bytes)?;
        let (data, context) = body(row)?;
        let stored = blob(row, Column::Link)?;
        let computed = header.place.link(before, &digest(&mut self.bytes, data, context));
        Ok(Linked { place: header.place, stored, computed })
    }

    /// The position at which this row's header would be right, if it is right anywhere up to `head`: it was moved.
    pub(crate) fn belongs_at(&mut self, row: &Row<'_>, head: i64) -> Option<i64> {
        let (_, content, place, sum) = columns(row, &self.kinds).ok()?;
        self.bytes.clear();
        content.write(&mut self.bytes);
        let content_sum = xxh3_64(&self.bytes);
        (1..=head).find(|&position| Place { position, ..place }.header_sum(content_sum) == sum)
    }
}

/// One step along the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linked {
    pub(crate) place: Place,
    /// The link in the row.
    pub(crate) stored: [u8; 32],
    /// The link that the row should have.
    pub(crate) computed: [u8; 32],
}

/// The fact in the current schema of its kind.
fn upcast(fact: &RecordedView<'_>) -> Result<Event, Unreadable> {
    let event = &fact.event;
    let customer = match fact.customer_key {
        Some(key) => Customer::from(key.parse::<CustomerKey>().map_err(|_| Column::CustomerKey)?),
        None => event.customer.into(),
    };
    let data = match event.data {
        "" => serde_json::Map::new(),
        text => match tenure_core::json::parse(text).map_err(FactError::from)? {
            serde_json::Value::Object(data) => data,
            _ => return Err(Column::Data.into()),
        },
    };
    let wire = Wire {
        kind: event.kind_name.into(),
        schema: fact.schema,
        subject: event.subject.map(Into::into),
        amount: event.amount,
        number: event.number,
        actor: event.actor.map(Into::into),
        data,
    };
    let current = Event::from_wire(event.id, customer, event.occurred_at, wire)?;
    Ok(match event.channel {
        Some(channel) => current.with_channel(channel)?,
        None => current,
    })
}

/// Reads and checks the header; its bytes are left in `bytes`.
fn header<'a>(
    row: &'a Row<'_>,
    kinds: &'a [(Kind, Box<str>)],
    bytes: &mut Vec<u8>,
) -> Result<Header<'a>, Unreadable> {
    let (kind, content, place, sum) = columns(row, kinds)?;
    bytes.clear();
    content.write(bytes);
    if place.header_sum(xxh3_64(bytes)) != sum {
        return Err(Unreadable::Checksum { part: "header" });
    }
    Ok(Header { content, place, kind })
}

fn columns<'a>(
    row: &'a Row<'_>,
    kinds: &'a [(Kind, Box<str>)],
) -> Result<(Kind, Content<'a>, Place, i64), Column> {
    let (kind, kind_name) = kind_of(row, kinds)?;
    let content = Content {
        id: EventId::from_bytes(blob(row, Column::Id)?),
        customer: CustomerId::from_bytes(blob(row, Column::Customer)?),
        customer_key: text(row, Column::CustomerKey)?,
        occurred_at: integer(row, Column::OccurredAt)?,
        kind: kind_name,
        schema: integer(row, Column::Schema)?,
        subject: text(row, Column::Subject)?,
        minor: optional(row, Column::Minor)?,
        currency: text(row, Column::Currency)?,
        number: optional(row, Column::Number)?,
        channel: text(row, Column::Channel)?,
        actor: text(row, Column::Actor)?,
    };
    let place = Place {
        position: integer(row, Column::Position)?,
        version: integer(row, Column::Version)?,
        previous: integer(row, Column::Previous)?,
        recorded_at: integer(row, Column::RecordedAt)?,
    };
    Ok((*kind, content, place, integer(row, Column::HeaderSum)?))
}

fn kind_of<'a>(row: &Row<'_>, kinds: &'a [(Kind, Box<str>)]) -> Result<&'a (Kind, Box<str>), Column> {
    let ordinal = integer(row, Column::Kind)?;
    usize::try_from(ordinal.wrapping_sub(1)).ok().and_then(|index| kinds.get(index)).ok_or(Column::Kind)
}

fn body<'a>(row: &'a Row<'_>) -> Result<(&'a str, &'a str), Unreadable> {
    let data = text(row, Column::Data)?.unwrap_or_default();
    let context = text(row, Column::Context)?.unwrap_or_default();
    if body_sum(data, context) == integer(row, Column::BodySum)? {
        Ok((data, context))
    } else {
        Err(Unreadable::Checksum { part: "body" })
    }
}

#[inline]
fn value<'a>(row: &'a Row<'_>, column: Column) -> Result<ValueRef<'a>, Column> {
    row.get_ref(column as usize).map_err(|_| column)
}

#[inline]
fn integer(row: &Row<'_>, column: Column) -> Result<i64, Column> {
    match value(row, column)? {
        ValueRef::Integer(number) => Ok(number),
        _ => Err(column),
    }
}

#[inline]
fn optional(row: &Row<'_>, column: Column) -> Result<Option<i64>, Column> {
    match value(row, column)? {
        ValueRef::Integer(number) => Ok(Some(number)),
        ValueRef::Null => Ok(None),
        _ => Err(column),
    }
}

#[inline]
fn text<'a>(row: &'a Row<'_>, column: Column) -> Result<Option<&'a str>, Column> {
    match value(row, column)? {
        ValueRef::Text(bytes) => core::str::from_utf8(bytes).map(Some).map_err(|_| column),
        ValueRef::Null => Ok(None),
        _ => Err(column),
    }
}

#[inline]
fn blob<const N: usize>(row: &Row<'_>, column: Column) -> Result<[u8; N], Column> {
    match value(row, column)? {
        ValueRef::Blob(bytes) => bytes.try_into().map_err(|_| column),
        _ => Err(column),
    }
}

fn instant(micros: i64, column: Column) -> Result<Timestamp, Column> {
    Timestamp::from_micros(micros).ok_or(column)
}

fn unsigned(number: i64, column: Column) -> Result<u64, Column> {
    u64::try_from(number).map_err(|_| column)
}
