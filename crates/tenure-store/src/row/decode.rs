//! From a row back to its fact: checks, the filters of a read, old schemas brought forward.

use tenure_core::log::{FactBlock, Read};
use tenure_core::{
    Currency, Customer, CustomerKey, Event, EventView, FactError, Kind, Money, Position, RecordedView,
    Timestamp, Version, Wire,
};
use xxhash_rust::xxh3::xxh3_64;

use super::encode::{body_sum, digest};
use super::{Column, Content, Place};
use crate::Unreadable;

/// The header of a row as it was read, not yet checked.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// The kind that [`Content::kind`] names; [`Kind::Foreign`] for a name that this build does not know.
    pub kind: Kind,
    /// What the fact says.
    pub content: Content<'a>,
    /// Where it stands.
    pub place: Place,
    /// The checksum that was stored.
    pub sum: i64,
}

/// The body of a row as it was read, not yet checked.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// Properties, as JSON text; empty where there are none.
    pub data: &'a str,
    /// Origin, as JSON text; empty where nothing is said.
    pub context: &'a str,
    /// The checksum that was stored.
    pub sum: i64,
}

/// Checks rows and copies facts into blocks. It keeps what spares work from one row to the next, and nothing that a
/// result depends on.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    currency: Option<Currency>,
}

impl Decoder {
    /// Checks a row and, where it passes the read (none: all do), copies the fact to the end of a block. The body is
    /// asked for only where the header passes.
    ///
    /// # Errors
    /// What makes the fact unreadable; the block is as it was.
    #[inline]
    pub fn take<'a>(
        &mut self,
        header: &Header<'_>,
        body: impl FnOnce() -> Result<Body<'a>, Column>,
        read: Option<&Read>,
        block: &mut FactBlock,
    ) -> Result<(), Unreadable> {
        self.check(header)?;
        let Header { kind, content, place, .. } = header;
        if read.is_some_and(|read| !read.kinds.contains(*kind)) {
            return Ok(());
        }
        let Body { data, context, .. } = check_body(body()?)?;
        let schema = u16::try_from(content.schema).map_err(|_| Column::Schema)?;
        let fact = RecordedView {
            event: EventView {
                id: content.id,
                customer: content.customer,
                occurred_at: instant(content.occurred_at, Column::OccurredAt)?,
                kind: *kind,
                kind_name: content.kind,
                subject: content.subject,
                amount: self.amount(content)?,
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

    /// The link that a row should have behind the one given, for whoever follows the chain.
    ///
    /// # Errors
    /// What makes the row unreadable.
    pub fn link<'a>(
        &mut self,
        header: &Header<'_>,
        body: impl FnOnce() -> Result<Body<'a>, Column>,
        before: &[u8; 32],
    ) -> Result<[u8; 32], Unreadable> {
        self.check(header)?;
        let Body { data, context, .. } = check_body(body()?)?;
        Ok(header.place.link(before, &digest(&mut self.bytes, data, context)))
    }

    /// The position at which this header would be right, if it is right anywhere up to `head`: the row was moved.
    pub fn belongs_at(&mut self, header: &Header<'_>, head: i64) -> Option<i64> {
        let content_sum = self.content_sum(&header.content);
        (1..=head).find(|&position| Place { position, ..header.place }.header_sum(content_sum) == header.sum)
    }

    /// Leaves the header's bytes in `bytes`.
    #[inline]
    fn content_sum(&mut self, content: &Content<'_>) -> u64 {
        self.bytes.clear();
        content.write(&mut self.bytes);
        xxh3_64(&self.bytes)
    }

    #[inline]
    fn check(&mut self, header: &Header<'_>) -> Result<(), Unreadable> {
        if header.place.header_sum(self.content_sum(&header.content)) == header.sum {
            Ok(())
        } else {
            Err(Unreadable::Checksum { part: "header" })
        }
    }

    #[inline]
    fn amount(&mut self, content: &Content<'_>) -> Result<Option<Money>, Column> {
        match (content.minor, content.currency) {
            (None, None) => Ok(None),
            (Some(minor), Some(code)) => {
                if self.currency.is_none_or(|last| last.code() != code) {
                    self.currency = Some(code.parse().map_err(|_| Column::Currency)?);
                }
                Ok(self.currency.map(|currency| Money::from_minor(minor, currency)))
            }
            _ => Err(Column::Currency),
        }
    }
}

#[inline]
fn check_body(body: Body<'_>) -> Result<Body<'_>, Unreadable> {
    if body_sum(body.data, body.context) == body.sum {
        Ok(body)
    } else {
        Err(Unreadable::Checksum { part: "body" })
    }
}

/// The fact in the current schema of its kind.
fn upcast(fact: &RecordedView<'_>) -> Result<Event, Unreadable> {
    let event = &fact.event;
    let customer = match fact.customer_key {
        Some(key) => Customer::from(key.parse::<CustomerKey>().map_err(|_| Column::CustomerKey)?),
        None => event.customer.into(),
    };
    // An upcaster sees what everybody may see; what is sealed goes along untouched.
    let sealed = event.sealed();
    let open = if sealed.is_some() { event.opened(None) } else { event.data.into() };
    let data = match &*open {
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
    let mut current = Event::from_wire(event.id, customer, event.occurred_at, wire)?;
    if let Some(sealed) = sealed {
        current = current.sealed(&serde_json::Map::new(), &sealed);
    }
    Ok(match event.channel {
        Some(channel) => current.with_channel(channel)?,
        None => current,
    })
}

#[inline]
fn instant(micros: i64, column: Column) -> Result<Timestamp, Column> {
    Timestamp::from_micros(micros).ok_or(column)
}

#[inline]
fn unsigned(number: i64, column: Column) -> Result<u64, Column> {
    u64::try_from(number).map_err(|_| column)
}
