CREATE SCHEMA IF NOT EXISTS {schema};

CREATE TABLE {schema}.migration (
    format integer PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- Room on the page for the new version of a row, which every commit writes.
CREATE TABLE {schema}.log (
    log integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL UNIQUE,
    identity uuid NOT NULL DEFAULT gen_random_uuid(),
    position bigint NOT NULL DEFAULT 0,
    link bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    recorded_at timestamptz NOT NULL DEFAULT 'epoch'
) WITH (fillfactor = 50);

CREATE TABLE {schema}.stream (
    log integer NOT NULL,
    customer uuid NOT NULL,
    version bigint NOT NULL,
    last bigint NOT NULL,
    PRIMARY KEY (log, customer)
) WITH (fillfactor = 80);

CREATE TABLE {schema}.fact (
    log integer NOT NULL,
    schema integer NOT NULL,
    position bigint NOT NULL,
    version bigint NOT NULL,
    previous bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    header_sum bigint NOT NULL,
    body_sum bigint NOT NULL,
    id uuid NOT NULL,
    customer uuid NOT NULL,
    minor bigint,
    number bigint,
    kind text NOT NULL,
    customer_key text,
    subject text,
    currency text,
    channel text,
    actor text,
    data text,
    context text,
    link bytea NOT NULL,
    PRIMARY KEY (log, position)
);

CREATE UNIQUE INDEX fact_id ON {schema}.fact (log, id);

CREATE INDEX fact_correction ON {schema}.fact (log, position)
    WHERE kind IN ('event_voided', 'identity_merged');

CREATE TABLE {schema}.entry (
    log integer NOT NULL,
    space text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (log, space, key)
);

-- The keys of personal data, for no dump that is kept: whoever has the key and the facts can read them. The row of a
-- destroyed key stays without its secret.
CREATE TABLE {schema}.key (
    log integer NOT NULL,
    id bytea NOT NULL,
    customer uuid NOT NULL,
    secret bytea,
    PRIMARY KEY (log, id)
);

CREATE UNIQUE INDEX key_of ON {schema}.key (log, customer) WHERE secret IS NOT NULL;

CREATE TABLE {schema}.mark (
    log integer NOT NULL,
    mark bytea NOT NULL,
    customer uuid NOT NULL,
    PRIMARY KEY (log, mark, customer)
);

CREATE INDEX mark_of ON {schema}.mark (log, customer);

CREATE TABLE {schema}.marking (
    log integer PRIMARY KEY,
    secret bytea NOT NULL
);

CREATE FUNCTION {schema}.fact_is_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a fact is never changed or deleted' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER fact_is_never_changed BEFORE UPDATE OR DELETE ON {schema}.fact
    FOR EACH ROW EXECUTE FUNCTION {schema}.fact_is_never_changed();

CREATE TRIGGER fact_is_never_emptied BEFORE TRUNCATE ON {schema}.fact
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.fact_is_never_changed();

CREATE VIEW {schema}.facts AS
    SELECT log.name AS log, fact.position, fact.version, fact.id, fact.customer, fact.customer_key,
        fact.occurred_at, fact.recorded_at, fact.kind, fact.schema, fact.subject, fact.minor, fact.currency,
        fact.number, fact.channel, fact.actor, fact.data, fact.context
    FROM {schema}.fact JOIN {schema}.log USING (log);

INSERT INTO {schema}.migration (format) VALUES (1);
