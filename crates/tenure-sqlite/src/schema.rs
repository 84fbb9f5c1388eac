//! The tables of a store file, and what marks a file as one.
//!
//! ```text
//! meta    what the file is                         one row a name
//! head    facts, last link, last recorded_at       one row, apart from the tail that it vouches for
//! stream  version and last position of a customer  one row a customer
//! kind    names of kinds                           the numbers stay in the file
//! fact    the log                                  one row a fact, never changed
//! entry   what is kept beside the log              one row a space and key
//! ```
//!
//! Each fact names the position of its customer's previous fact, and a stream is read along that chain: an index over
//! (customer, version) would cost every append a write at a random place and save a read nothing, because the facts
//! of one customer lie scattered over the table either way. What is written at random places is one row of `stream`
//! for each customer of a commit.
//!
//! The one index over the whole log is that of ids, which makes an append idempotent. Ids begin with their time
//! (UUID versions 7 and 8), so it grows at its right end; ids without time make it grow everywhere, which costs more.

/// "tnr1" in ASCII: marks the file as ours, in bytes 68 to 71 of its header.
pub(crate) const APPLICATION_ID: i64 = 0x746e_7231;

/// The format that this build reads and writes, in `user_version`. In format 0 personal data was not sealed.
pub(crate) const FORMAT: i64 = 1;

/// The kinds that correct have the numbers 1 and 2 in every file, because an index names them.
pub(crate) const CREATE: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    facts INTEGER NOT NULL,
    link BLOB NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE TABLE stream (
    customer BLOB PRIMARY KEY,
    version INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE kind (ordinal INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE fact (
    position INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    id BLOB NOT NULL,
    customer BLOB NOT NULL,
    customer_key TEXT,
    occurred_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    schema INTEGER NOT NULL,
    subject TEXT,
    minor INTEGER,
    currency TEXT,
    number INTEGER,
    channel TEXT,
    actor TEXT,
    data TEXT,
    context TEXT,
    header_sum INTEGER NOT NULL,
    body_sum INTEGER NOT NULL,
    link BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX fact_id ON fact (id);
CREATE INDEX fact_correction ON fact (position) WHERE kind IN (1, 2);
CREATE TABLE entry (
    space TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (space, key)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER fact_is_never_changed BEFORE UPDATE ON fact
    BEGIN SELECT RAISE(ABORT, 'a fact is never changed'); END;
CREATE TRIGGER fact_is_never_deleted BEFORE DELETE ON fact
    BEGIN SELECT RAISE(ABORT, 'a fact is never deleted'); END;
CREATE VIEW facts AS
    SELECT position, version, lower(hex(id)) AS id, lower(hex(customer)) AS customer, customer_key,
        strftime('%FT%TZ', occurred_at / 1000000, 'unixepoch') AS occurred_at,
        strftime('%FT%TZ', recorded_at / 1000000, 'unixepoch') AS recorded_at,
        kind.name AS kind, schema, subject, minor, currency, number, channel, actor, data, context
    FROM fact JOIN kind ON kind.ordinal = fact.kind;
INSERT INTO kind VALUES (1, 'event_voided'), (2, 'identity_merged');
INSERT INTO head VALUES (1, 0, zeroblob(32), 0);
INSERT INTO meta VALUES ('format', '1'), ('in_use', 'no'), ('chain', 'blake3'), ('checksum', 'xxh3');
";

/// What is read of a fact, in the order of [`Column`](tenure_store::row::Column).
macro_rules! columns {
    () => {
        "position, version, previous, id, customer, customer_key, occurred_at, recorded_at, kind, schema, subject, \
         minor, currency, number, channel, actor, data, context, header_sum, body_sum"
    };
}
pub(crate) use columns;

pub(crate) const INSERT_FACT: &str = concat!(
    "INSERT INTO fact (",
    columns!(),
    ", link) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)"
);
