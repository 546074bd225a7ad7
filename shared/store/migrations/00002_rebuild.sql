-- Works with programs since 00001: they leave the new columns NULL and the new
-- tables alone.

-- +goose Up

-- What is needed to make the streams again from what is here.

-- What the streams of NATS were like when somebody last looked at them.
CREATE TABLE stream_marks (
    stream     text PRIMARY KEY,
    created_at timestamptz NOT NULL, -- the stream, by its server's clock
    last_seq   bigint      NOT NULL, -- number of the newest message that it ever had
    config     jsonb       NOT NULL  -- enough to make it again
);

-- Since when the oldest message was waiting that was on its way to a first
-- attempt, whenever that changed. Never earlier than in the row before.
CREATE TABLE stream_floors (
    seen_at   timestamptz PRIMARY KEY,
    oldest_at timestamptz NOT NULL
);

-- The NATS servers that were ever met. One that starts again is another one.
CREATE TABLE nats_servers (
    id         text PRIMARY KEY,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  timestamptz NOT NULL DEFAULT now(),
    watched    boolean     NOT NULL DEFAULT false -- the streams were looked at since
);

-- What streams may have lost is looked for here and put on its way again. A row
-- is one such look at everything since a moment; a dlq process does it, part by part.
CREATE TABLE reconciliations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    since       timestamptz NOT NULL,
    lost        boolean     NOT NULL,  -- it is known that something is missing
    reason      text        NOT NULL,
    step        integer     NOT NULL DEFAULT 0,
    position    jsonb,                 -- in the step; NULL: at its beginning
    counts      jsonb       NOT NULL DEFAULT '{}', -- put on its way again, by kind
    created_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    merged_into bigint                 -- a later one does what was left
);
CREATE INDEX reconciliations_pending ON reconciliations (id) WHERE finished_at IS NULL;

-- How far attempts were looked at whose next one is overdue by some time.
CREATE TABLE overdue_looks (
    after   interval PRIMARY KEY,
    next_at timestamptz NOT NULL,
    id      uuid        NOT NULL
);
CREATE INDEX attempts_due ON attempts (next_at, id) WHERE next_at IS NOT NULL;
CREATE INDEX attempts_failed ON attempts (id) WHERE next_at IS NULL AND outcome <> 'success';
CREATE INDEX events_for_later ON events (deliver_at, id) WHERE deliver_at IS NOT NULL;

-- Dead letters that are no more: delivered again by a task, or purged.
CREATE TABLE letters_taken (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    endpoint_id uuid        NOT NULL,
    event_id    uuid        NOT NULL,
    attempts    integer     NOT NULL, -- of the letter; and so is what follows
    run_id      uuid,
    deferrals   integer     NOT NULL,
    redelivered uuid,                 -- the task that did; NULL: it was purged
    taken_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX letters_taken_by_delivery ON letters_taken (endpoint_id, event_id);
CREATE INDEX letters_taken_by_time ON letters_taken (taken_at, id);

-- The reconciliation that put the batch into the outbox once more; NULL: none.
ALTER TABLE batches ADD COLUMN round bigint;

-- +goose Down
ALTER TABLE batches DROP COLUMN round;
DROP INDEX events_for_later, attempts_failed, attempts_due;
DROP TABLE letters_taken, overdue_looks, reconciliations, nats_servers, stream_floors, stream_marks;
