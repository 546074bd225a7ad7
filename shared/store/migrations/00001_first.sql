-- +goose Up

-- Ids are UUIDv7: they sort by time, tables of what happens are partitioned by
-- them (one partition a day, made ahead and dropped by shared/store), and
-- created_at is nowhere a column because it is in the id.

CREATE TABLE tenants (
    id            uuid PRIMARY KEY,
    uid           text COLLATE "C",
    name          text        NOT NULL,
    throttle_rate integer,
    weight        integer     NOT NULL DEFAULT 1, -- of its turns among all tenants
    paused        boolean     NOT NULL DEFAULT false, -- deliveries wait until it is resumed
    retry_schedule interval[],     -- delays after failed attempts; NULL: the installation's
    metadata      jsonb       NOT NULL DEFAULT '{}',
    -- Grows with every change of the tenant or of its endpoints. An event is
    -- stamped with it at its commit, so that whoever expands the event can tell
    -- whether the endpoints that it remembers are recent enough.
    version       bigint      NOT NULL DEFAULT 1,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz
);
CREATE UNIQUE INDEX tenants_uid ON tenants (uid) WHERE deleted_at IS NULL;

-- The system tenant: its endpoints are told of what happens to those of all
-- others. It is nobody's application and does not show among them.
INSERT INTO tenants (id, name) VALUES ('00000000-0000-7000-8000-000000000000', 'system');

CREATE TABLE event_types (
    name         text COLLATE "C" PRIMARY KEY,
    description  text        NOT NULL,
    archived     boolean     NOT NULL DEFAULT false,
    deprecated   boolean     NOT NULL DEFAULT false,
    schemas      jsonb,
    feature_flags text[],
    group_name   text,
    retry_schedule interval[],     -- delays after failed attempts; NULL: the application's
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE endpoints (
    id            uuid PRIMARY KEY,
    tenant_id     uuid        NOT NULL REFERENCES tenants,
    uid           text COLLATE "C",
    url           text        NOT NULL,
    description   text        NOT NULL DEFAULT '',
    event_types   text[],
    channels      text[],
    headers       jsonb       NOT NULL DEFAULT '{}',
    disabled      boolean     NOT NULL DEFAULT false,
    disabled_reason text,          -- failing, gone; NULL: its owner's wish
    disabled_at   timestamptz,
    paused        boolean     NOT NULL DEFAULT false, -- deliveries wait until it is resumed
    ordered       boolean     NOT NULL DEFAULT false,
    ordered_policy text       NOT NULL DEFAULT 'block', -- block, skip: what one that fails does to those behind it
    throttle_rate integer,
    retry_schedule interval[],     -- delays after failed attempts; NULL: the event type's
    timeout       interval,        -- of an attempt; NULL: the installation's
    api_version   integer     NOT NULL DEFAULT 1,
    metadata      jsonb       NOT NULL DEFAULT '{}',
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz
);
CREATE UNIQUE INDEX endpoints_uid ON endpoints (tenant_id, uid) WHERE deleted_at IS NULL;
CREATE INDEX endpoints_by_tenant ON endpoints (tenant_id, id) WHERE deleted_at IS NULL;

-- Endpoints that have had nothing but failures, and since when. No columns of
-- endpoints, or every first failure would make the tenant's version grow and be
-- read again by everybody; and nearly always as good as empty, so that looking
-- into it costs a success next to nothing.
CREATE TABLE endpoint_failures (
    endpoint_id uuid PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    since       timestamptz NOT NULL
);

-- Endpoints whose circuit breaker is open: nothing but a probe now and then goes
-- to them. No columns of endpoints, or every failed probe would be a new version.
CREATE TABLE endpoint_breakers (
    endpoint_id   uuid PRIMARY KEY REFERENCES endpoints,
    tenant_id     uuid        NOT NULL,
    opened_at     timestamptz NOT NULL,
    next_probe_at timestamptz NOT NULL,
    failed_probes integer     NOT NULL DEFAULT 0
);
CREATE INDEX endpoint_breakers_by_tenant ON endpoint_breakers (tenant_id);

-- The signing keys of an endpoint: the one without end signs, and so do those
-- whose end has not come yet (rotation with overlap).
CREATE TABLE endpoint_secrets (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    endpoint_id uuid NOT NULL REFERENCES endpoints,
    secret      text NOT NULL,
    expires_at  timestamptz
);
CREATE UNIQUE INDEX endpoint_secrets_current ON endpoint_secrets (endpoint_id) WHERE expires_at IS NULL;
CREATE INDEX endpoint_secrets_by_tenant ON endpoint_secrets (tenant_id);

-- Every change of a tenant, its endpoints or their keys makes the version grow
-- and tells those who remember the tenant, in the transaction of the change.

-- +goose StatementBegin
CREATE FUNCTION tenant_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    PERFORM pg_notify('postrider_tenants', NEW.id::text);
    RETURN NEW;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION tenant_of_row_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tenants SET version = version WHERE id = COALESCE(NEW.tenant_id, OLD.tenant_id);
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER tenant_changes BEFORE UPDATE ON tenants
    FOR EACH ROW EXECUTE FUNCTION tenant_changes();
CREATE TRIGGER endpoint_changes AFTER INSERT OR UPDATE OR DELETE ON endpoints
    FOR EACH ROW EXECUTE FUNCTION tenant_of_row_changes();
CREATE TRIGGER breaker_changes AFTER INSERT OR DELETE OR UPDATE OF opened_at ON endpoint_breakers
    FOR EACH ROW EXECUTE FUNCTION tenant_of_row_changes();
CREATE TRIGGER secret_changes AFTER INSERT OR UPDATE OR DELETE ON endpoint_secrets
    FOR EACH ROW EXECUTE FUNCTION tenant_of_row_changes();

-- Event types are few and known to everybody as a whole.

-- +goose StatementBegin
CREATE FUNCTION event_types_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('postrider_event_types', '');
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER event_types_change AFTER INSERT OR UPDATE OR DELETE ON event_types
    FOR EACH STATEMENT EXECUTE FUNCTION event_types_change();

CREATE TABLE events (
    id          uuid NOT NULL,
    tenant_id   uuid NOT NULL,
    -- The transaction that stored it, so that readers can tell what was committed
    -- since they last came (store.Position). Here it needs no padding.
    tx          xid8 NOT NULL DEFAULT pg_current_xact_id(),
    event_type  text NOT NULL,
    uid         text COLLATE "C",
    channels    text[],
    tags        text[],
    endpoint_id uuid,        -- the only one that it is for; NULL: everyone who wants it
    deliver_at  timestamptz, -- NULL: at once
    priority    text,
    payload     bytea NOT NULL,
    expires_at  timestamptz, -- when the payload is to be removed; NULL: with the row
    expunged_at timestamptz, -- when the payload was removed; it must not be delivered since
    PRIMARY KEY (tenant_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX events_uid ON events (tenant_id, uid) WHERE uid IS NOT NULL;
CREATE INDEX events_expiring ON events (expires_at) WHERE expires_at IS NOT NULL AND expunged_at IS NULL;

-- What a producer may say only once: idempotency keys and its own event ids.
-- Looked up in the partitions of today and yesterday, so a key holds for 24 to
-- 48 hours. Day is the day of the event's id (UTC).
CREATE TABLE event_keys (
    day         date  NOT NULL,
    tenant_id   uuid  NOT NULL,
    scope       smallint NOT NULL, -- 0: idempotency key, 1: the producer's event id
    key         text COLLATE "C" NOT NULL,
    event_id    uuid  NOT NULL,
    fingerprint bytea,             -- of the request that the key came with
    PRIMARY KEY (day, tenant_id, scope, key)
) PARTITION BY RANGE (day);

-- What requests with an idempotency key were answered, so that one that comes
-- again gets the same. Written in the transaction of what the request did, and
-- looked up like event_keys. Day is that of the transaction (UTC).
CREATE TABLE request_keys (
    day         date     NOT NULL,
    digest      bytea    NOT NULL, -- of the caller, the operation and the key
    fingerprint bytea    NOT NULL, -- of the request that the key came with
    status      smallint NOT NULL,
    answer      bytea,             -- the body; NULL: none
    PRIMARY KEY (day, digest)
) PARTITION BY RANGE (day);

-- The outbox: a row is one message on EVENTS, whose id it is.
CREATE TABLE batches (
    id           uuid   NOT NULL,
    tenant_ids   uuid[] NOT NULL,
    event_ids    uuid[] NOT NULL,
    published_at timestamptz,
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE INDEX batches_unpublished ON batches (id) WHERE published_at IS NULL;

-- One row an attempt. The newest attempt of an event at an endpoint is the
-- state of the delivery.
CREATE TABLE attempts (
    id          uuid     NOT NULL,
    tenant_id   uuid     NOT NULL,
    event_id    uuid     NOT NULL,
    endpoint_id uuid     NOT NULL,
    run_id      uuid,              -- the task that caused it; NULL: the event itself
    attempt     integer  NOT NULL, -- from 1 in each run
    outcome     text     NOT NULL, -- of the closed set of deliver.Outcome
    next_at     timestamptz,       -- when the next attempt is due; NULL: this was the last
    status_code integer  NOT NULL, -- 0: there was no answer
    duration_ms integer  NOT NULL,
    url         text     NOT NULL,
    response    bytea    NOT NULL, -- the answer's body, or what went wrong
    lane        text,              -- that the delivery came through,
    queued_at   timestamptz,       -- and since when it waited there
    PRIMARY KEY (event_id, endpoint_id, id)
) PARTITION BY RANGE (id);
CREATE INDEX attempts_by_endpoint ON attempts (endpoint_id, id);
CREATE INDEX attempts_by_delivery ON attempts (endpoint_id, event_id, id);

CREATE TABLE dead_letters (
    endpoint_id uuid    NOT NULL,
    event_id    uuid    NOT NULL,
    tenant_id   uuid    NOT NULL,
    event_type  text    NOT NULL,
    reason      text    NOT NULL,
    attempts    integer NOT NULL, -- made in the last run; 0: it was not even tried
    died_at     timestamptz NOT NULL DEFAULT now(),
    run_id      uuid,             -- the last run; NULL: what the event itself caused
    deferrals   integer NOT NULL DEFAULT 0, -- how often its attempt was put off
    PRIMARY KEY (endpoint_id, event_id)
);
CREATE INDEX dead_letters_by_tenant ON dead_letters (tenant_id, event_id, endpoint_id);
-- They go with the partition of their event; few pages are read to find them.
CREATE INDEX dead_letters_by_age ON dead_letters USING brin (event_id);

-- Jobs that dlq does part by part: deliver again, purge, remove content.
CREATE TABLE tasks (
    id          uuid PRIMARY KEY,
    tenant_id   uuid,              -- NULL: all tenants
    kind        text NOT NULL,
    endpoint_id uuid,              -- NULL: all of the tenant's
    event_id    uuid,              -- NULL: all in the range
    since       uuid,              -- of event ids; NULL: from the beginning
    until       uuid,
    selection   jsonb  NOT NULL,   -- which of them: store.Selection
    position    uuid[],            -- tenant, event and endpoint looked at last
    total       bigint,            -- how many there are to look at; NULL: not counted yet
    done        bigint NOT NULL DEFAULT 0, -- looked at
    affected    bigint NOT NULL DEFAULT 0, -- handed out, or removed
    status      text   NOT NULL DEFAULT 'running', -- running, finished, failed
    cancelled   boolean NOT NULL DEFAULT false,
    created_at  timestamptz NOT NULL DEFAULT now(), -- the database's clock, like died_at
    updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tasks_by_kind ON tasks (kind, id);
CREATE INDEX tasks_running ON tasks (updated_at) WHERE status = 'running';

-- What operators' programs authenticate with. The secret part of a key is
-- random, so its digest needs no salt.
CREATE TABLE api_keys (
    id         uuid PRIMARY KEY,
    name       text   NOT NULL,
    scopes     text[] NOT NULL,
    digest     bytea  NOT NULL,    -- SHA-256 of the secret
    expires_at timestamptz,
    used_at    timestamptz,        -- to a minute
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Tokens of a tenant's people that end before their time: all those made from
-- first to last (ids of tokens sort by time, as all do), of one session or of
-- any. A row is of no use once the tokens would have ended by themselves.
CREATE TABLE revocations (
    tenant_id  uuid NOT NULL REFERENCES tenants,
    first      uuid NOT NULL,
    last       uuid NOT NULL,
    session    text COLLATE "C",   -- NULL: of any
    since      timestamptz NOT NULL
);
CREATE INDEX revocations_by_tenant ON revocations (tenant_id, last);

-- How far those have read who ask for a tenant's events. A row goes when it has
-- not moved for the retention.
CREATE TABLE poll_consumers (
    tenant_id  uuid NOT NULL REFERENCES tenants,
    sink       text COLLATE "C" NOT NULL,
    consumer   text COLLATE "C" NOT NULL,
    position   bytea NOT NULL,     -- of store.Position
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sink, consumer)
);

-- +goose Down
DROP TABLE poll_consumers, revocations, api_keys;
DROP TABLE tasks, dead_letters, attempts, batches, request_keys, event_keys, events,
    endpoint_secrets, endpoint_breakers, endpoint_failures, endpoints, event_types, tenants;
DROP FUNCTION event_types_change, tenant_of_row_changes, tenant_changes;
