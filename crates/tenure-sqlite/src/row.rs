//! From a row of SQLite to the row of a fact.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use tenure_core::log::{FactBlock, Read};
use tenure_core::{CustomerId, EventId, Kind};
use tenure_store::row::{self, Body, Column, Content, Header, Place};
use tenure_store::{Follower, Unreadable, VerifyError};

/// Reads rows into blocks. It belongs to one connection, whose dictionary of kinds it remembers.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The kind of each number, from 1.
    kinds: Vec<(Kind, Box<str>)>,
    rows: row::Decoder,
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

    /// How many names it knows.
    pub(crate) const fn kinds(&self) -> usize {
        self.kinds.len()
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
        let header = header(row, &self.kinds)?;
        self.rows.take(&header, || body(row), read, block)
    }

    /// Goes on along the chain to this row.
    pub(crate) fn follow(
        &self,
        row: &Row<'_>,
        head: i64,
        follower: &mut Follower,
    ) -> Result<(), VerifyError> {
        let position = integer(row, Column::Position).unwrap_or_default();
        follower.step(position, head, header(row, &self.kinds), || body(row), blob(row, Column::Link))
    }
}

#[inline]
fn header<'a>(row: &'a Row<'_>, kinds: &'a [(Kind, Box<str>)]) -> Result<Header<'a>, Column> {
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
    Ok(Header { kind: *kind, content, place, sum: integer(row, Column::HeaderSum)? })
}

fn kind_of<'a>(row: &Row<'_>, kinds: &'a [(Kind, Box<str>)]) -> Result<&'a (Kind, Box<str>), Column> {
    let ordinal = integer(row, Column::Kind)?;
    usize::try_from(ordinal.wrapping_sub(1)).ok().and_then(|index| kinds.get(index)).ok_or(Column::Kind)
}

#[inline]
fn body<'a>(row: &'a Row<'_>) -> Result<Body<'a>, Column> {
    Ok(Body {
        data: text(row, Column::Data)?.unwrap_or_default(),
        context: text(row, Column::Context)?.unwrap_or_default(),
        sum: integer(row, Column::BodySum)?,
    })
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
