//! From a row of PostgreSQL to the row of a fact.

use tenure_core::log::{FactBlock, Read};
use tenure_core::{CustomerId, EventId, Kind, Position, Version};
use tenure_store::row::{Body, Column, Content, Decoder, Header, Place};
use tenure_store::{Follower, StoreError, Unreadable, VerifyError};
use tokio_postgres::Row;

use crate::value::{Micros, Raw};

/// Checks a row and, where it passes the read, copies the fact to the end of a block.
pub(crate) fn take(
    decoder: &mut Decoder,
    row: &Row,
    read: Option<&Read>,
    block: &mut FactBlock,
) -> Result<(), Unreadable> {
    decoder.take(&header(row)?, || body(row), read, block)
}

/// Where a row says that it stands, for errors; 0 where it does not say.
pub(crate) fn place(row: &Row) -> (i64, i64) {
    (integer(row, Column::Position).unwrap_or_default(), integer(row, Column::Version).unwrap_or_default())
}

/// What is wrong with the fact at a place.
pub(crate) fn undecodable((position, version): (i64, i64), source: Unreadable) -> StoreError {
    StoreError::Undecodable {
        position: Position(position.unsigned_abs()),
        version: Version(version.unsigned_abs()),
        source,
    }
}

fn header(row: &Row) -> Result<Header<'_>, Column> {
    let kind = text(row, Column::Kind)?.ok_or(Column::Kind)?;
    let content = Content {
        id: EventId::from_bytes(array(row, Column::Id)?),
        customer: CustomerId::from_bytes(array(row, Column::Customer)?),
        customer_key: text(row, Column::CustomerKey)?,
        occurred_at: Micros::since_1970(integer(row, Column::OccurredAt)?),
        kind,
        schema: i64::from(i32::from_be_bytes(array(row, Column::Schema)?)),
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
        recorded_at: Micros::since_1970(integer(row, Column::RecordedAt)?),
    };
    let sum = integer(row, Column::HeaderSum)?;
    Ok(Header { kind: Kind::named(kind).unwrap_or(Kind::Foreign), content, place, sum })
}

fn body(row: &Row) -> Result<Body<'_>, Column> {
    Ok(Body {
        data: text(row, Column::Data)?.unwrap_or_default(),
        context: text(row, Column::Context)?.unwrap_or_default(),
        sum: integer(row, Column::BodySum)?,
    })
}

/// Goes on along the chain to this row, which holds its link too.
pub(crate) fn follow(row: &Row, head: i64, follower: &mut Follower) -> Result<(), VerifyError> {
    let (position, _) = place(row);
    follower.step(position, head, header(row), || body(row), array(row, Column::Link))
}

#[inline]
fn bytes(row: &Row, column: Column) -> Result<Option<&[u8]>, Column> {
    let value: Option<Raw<'_>> = row.try_get(column as usize).map_err(|_| column)?;
    Ok(value.map(|Raw(bytes)| bytes))
}

#[inline]
fn array<const N: usize>(row: &Row, column: Column) -> Result<[u8; N], Column> {
    bytes(row, column)?.and_then(|bytes| bytes.try_into().ok()).ok_or(column)
}

#[inline]
fn integer(row: &Row, column: Column) -> Result<i64, Column> {
    array(row, column).map(i64::from_be_bytes)
}

#[inline]
fn optional(row: &Row, column: Column) -> Result<Option<i64>, Column> {
    bytes(row, column)?.map(|bytes| bytes.try_into().map(i64::from_be_bytes).map_err(|_| column)).transpose()
}

#[inline]
fn text(row: &Row, column: Column) -> Result<Option<&str>, Column> {
    bytes(row, column)?.map(|bytes| core::str::from_utf8(bytes).map_err(|_| column)).transpose()
}
