//! Every statement that is run on an open log, with the name of its schema filled in.

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};

use crate::transaction::TYPES;

/// What is read of a fact, in the order of [`Column`](tenure_store::row::Column).
const COLUMNS: &str = "position, version, previous, id, customer, customer_key, occurred_at, recorded_at, kind, \
     schema, subject, minor, currency, number, channel, actor, data, context, header_sum, body_sum";

/// Whether streams and facts agree: each fact follows the one it names, each stream ends at its last fact, and
/// together the streams are as long as the log, so that no fact is outside of them.
const DISAGREEMENT: &str = "
    SELECT CASE
        WHEN EXISTS (
            SELECT FROM {schema}.fact LEFT JOIN {schema}.fact AS before
                ON before.log = fact.log AND before.position = fact.previous
            WHERE fact.log = $1 AND fact.position <= $2 AND fact.previous > 0
                AND (before.customer, before.version) IS DISTINCT FROM (fact.customer, fact.version - 1)
        ) THEN 'a fact does not follow the one that it names'
        WHEN EXISTS (
            SELECT FROM {schema}.stream LEFT JOIN {schema}.fact
                ON fact.log = stream.log AND fact.position = stream.last
            WHERE stream.log = $1
                AND (fact.customer, fact.version) IS DISTINCT FROM (stream.customer, stream.version)
        ) THEN 'a stream does not end at its last fact'
        WHEN (SELECT coalesce(sum(version), 0) FROM {schema}.stream WHERE log = $1)
            <> (SELECT count(*) FROM {schema}.fact WHERE log = $1)
            THEN 'the streams do not hold all of them'
    END";

/// A statement that looks up rows of the log `$1` by the keys of the array `$2`, whatever the planner believes of the table.
///
/// What it believes of one that grows is old, and while a log seems to be small, to look through all of it seems to be as
/// good as to look up. What is first behind a pair of log and key is found in one index alone.
pub(crate) fn each(what: &str, table: &str, key: &str, of: &Type, only: &str) -> String {
    format!(
        "SELECT {what} FROM unnest($2::{of}[]) AS wanted (one) CROSS JOIN LATERAL (
             SELECT * FROM {table} WHERE (log, {key}) >= ($1, wanted.one) AND {only} ORDER BY log, {key} LIMIT 1
         ) AS found
         WHERE log = $1 AND {key} = wanted.one"
    )
}

/// A row for each place of arrays of these types, the first of which is `$first`, behind the log. `unnest` makes a table of
/// each array first, and for a single row that takes longer than to insert it.
fn rows(first: usize, types: &[Type]) -> String {
    let arrays = || (first..).zip(types).map(|(number, of)| format!("${number}::{of}[]"));
    let columns: Vec<String> = arrays().map(|array| format!("({array})[place]")).collect();
    let places = arrays().next().unwrap_or_default();
    format!("SELECT $1::int4, {} FROM generate_series(1, cardinality({places})) AS place", columns.join(", "))
}

/// The statements that read.
#[derive(Debug)]
pub(crate) struct Sql {
    pub(crate) head: String,
    pub(crate) forward: String,
    pub(crate) backward: String,
    pub(crate) corrections: String,
    pub(crate) these: String,
    pub(crate) links: String,
    pub(crate) known: String,
    pub(crate) stream_end: String,
    pub(crate) chain: String,
    pub(crate) all_of: String,
    pub(crate) entries: String,
    pub(crate) scan_from: String,
    pub(crate) scan_after: String,
    pub(crate) disagreement: String,
    schema: String,
}

impl Sql {
    pub(crate) fn new(schema: &str) -> Self {
        let fact = format!("{schema}.fact");
        let facts =
            |what: &str, rest: &str| format!("SELECT {what} FROM {schema}.fact WHERE log = $1 AND {rest}");
        let scan = |than: &str| {
            format!(
                "SELECT key, value FROM {schema}.entry WHERE log = $1 AND space = $2 AND key {than} $3
                 ORDER BY key LIMIT $4"
            )
        };
        Self {
            head: format!("SELECT position, link FROM {schema}.log WHERE log = $1"),
            forward: facts(COLUMNS, "position > $2 AND position <= $3 ORDER BY position"),
            backward: facts(COLUMNS, "position < $2 AND position >= $3 ORDER BY position DESC"),
            corrections: facts(
                COLUMNS,
                "kind IN ('event_voided', 'identity_merged') AND position > $2 AND position <= $3 \
                 ORDER BY position LIMIT $4",
            ),
            these: format!("{} ORDER BY position", each(COLUMNS, &fact, "position", &Type::INT8, "true")),
            links: facts(&format!("{COLUMNS}, link"), "position > $2 AND position <= $3 ORDER BY position"),
            known: each("id, position", &fact, "id", &Type::UUID, "true"),
            stream_end: format!("SELECT version, last FROM {schema}.stream WHERE log = $1 AND customer = $2"),
            chain: format!(
                "WITH RECURSIVE chain (position, version, previous) AS (
                     SELECT position, version, previous FROM {schema}.fact
                     WHERE log = $1 AND position = $3 AND customer = $2
                     UNION ALL
                     SELECT fact.position, fact.version, fact.previous
                     FROM chain JOIN {schema}.fact ON fact.log = $1 AND fact.position = chain.previous
                     WHERE fact.customer = $2 AND fact.version = chain.version - 1 AND chain.version > $4
                 )
                 SELECT position, version FROM chain ORDER BY version"
            ),
            all_of: facts("position", "customer = $2 ORDER BY position"),
            entries: format!(
                "SELECT found.space, found.key, value
                 FROM unnest($2::text[], $3::bytea[]) AS wanted (space, key) CROSS JOIN LATERAL (
                     SELECT * FROM {schema}.entry
                     WHERE log = $1 AND entry.space = wanted.space AND entry.key = wanted.key OFFSET 0
                 ) AS found"
            ),
            scan_from: scan(">="),
            scan_after: scan(">"),
            disagreement: DISAGREEMENT.replace("{schema}", schema),
            schema: schema.to_owned(),
        }
    }
}

/// The statements of a writer, prepared on its connection.
pub(crate) struct Statements {
    pub(crate) head: Statement,
    pub(crate) lock: Statement,
    pub(crate) greatest: Statement,
    pub(crate) stored: Statement,
    pub(crate) streams: Statement,
    pub(crate) insert: Statement,
    pub(crate) copy: Statement,
    pub(crate) advance: Statement,
    /// Planned anew each time, as the size of the log asks for it.
    pub(crate) advance_many: String,
    pub(crate) linked: Statement,
    pub(crate) entries: Statement,
    pub(crate) put_entries: Statement,
    pub(crate) remove_entries: Statement,
}

impl Statements {
    pub(crate) async fn prepare(client: &Client, sql: &Sql, notify: bool) -> Result<Self, Error> {
        let schema = &sql.schema;
        let end = "SELECT position, link, recorded_at FROM";
        let columns = format!("log, {COLUMNS}, link");
        // Streams and head in one statement, and with `insert` the facts too: it is sent or not, as a whole, so a
        // commit that is sent right behind it can commit nothing else. A plan that is kept must be good for any log and
        // any number of rows, which that of an upsert is.
        let put_streams = format!(
            "INSERT INTO {schema}.stream (log, customer, version, last)
             {}
             ON CONFLICT (log, customer) DO UPDATE SET version = excluded.version, last = excluded.last",
            rows(2, &[Type::UUID, Type::INT8, Type::INT8])
        );
        let wake = if notify { "pg_notify($8, $5::int8::text)" } else { "$8::text" };
        let head = format!(
            "UPDATE {schema}.log SET position = $5::int8, link = $6::bytea, recorded_at = $7::timestamptz
             WHERE log = $1::int4 RETURNING {wake}"
        );
        let advance = format!("WITH streams AS ({put_streams}) {head}");
        // Of many rows, those that are known to be there are updated in less time.
        let advance_many = format!(
            "WITH moved AS (
                 UPDATE {schema}.stream SET version = new.version, last = new.last
                 FROM unnest($2::uuid[], $3::int8[], $4::int8[]) AS new (customer, version, last)
                 WHERE stream.log = $1::int4 AND stream.customer = new.customer
             ), begun AS (
                 INSERT INTO {schema}.stream (log, customer, version, last)
                 SELECT $1::int4, * FROM unnest($9::uuid[], $10::int8[], $11::int8[])
             ) {head}"
        );
        let insert = format!(
            "WITH facts AS (
                 INSERT INTO {schema}.fact ({columns})
                 {}
             ), streams AS ({put_streams}) {head}",
            rows(9, TYPES.get(1..).unwrap_or_default())
        );
        let [head, lock, greatest, stored, streams, copy, linked, put_entries, remove_entries] = [
            format!("{end} {schema}.log WHERE log = $1"),
            format!("{end} {schema}.log WHERE log = $1 FOR NO KEY UPDATE"),
            format!("SELECT id FROM {schema}.fact WHERE log = $1 ORDER BY id DESC LIMIT 1"),
            each(COLUMNS, &format!("{schema}.fact"), "id", &Type::UUID, "true"),
            each("customer, version, last", &format!("{schema}.stream"), "customer", &Type::UUID, "true"),
            format!("COPY {schema}.fact ({columns}) FROM STDIN BINARY"),
            format!("SELECT link FROM {schema}.fact WHERE log = $1 AND position = $2"),
            format!(
                "INSERT INTO {schema}.entry (log, space, key, value)
                 SELECT $1::int4, * FROM unnest($2::text[], $3::bytea[], $4::bytea[])
                 ON CONFLICT (log, space, key) DO UPDATE SET value = excluded.value"
            ),
            format!(
                "DELETE FROM {schema}.entry
                 WHERE log = $1 AND (space, key) IN (SELECT * FROM unnest($2::text[], $3::bytea[]))"
            ),
        ];
        let (head, lock, greatest, stored, streams, insert, advance) = tokio::try_join!(
            client.prepare(&head),
            client.prepare(&lock),
            client.prepare(&greatest),
            client.prepare(&stored),
            client.prepare(&streams),
            client.prepare(&insert),
            client.prepare(&advance),
        )?;
        let (copy, linked, entries, put_entries, remove_entries) = tokio::try_join!(
            client.prepare(&copy),
            client.prepare(&linked),
            client.prepare(&sql.entries),
            client.prepare(&put_entries),
            client.prepare(&remove_entries),
        )?;
        Ok(Self {
            head,
            lock,
            greatest,
            stored,
            streams,
            insert,
            copy,
            advance,
            advance_many,
            linked,
            entries,
            put_entries,
            remove_entries,
        })
    }
}

#[cfg(test)]
mod tests {
    use tenure_store::row::Column;

    use super::*;

    #[test]
    fn columns_are_read_in_the_order_of_the_decoder() {
        let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).take(20).collect();
        assert_eq!(COLUMNS, names.join(", "));
    }
}
