-- Works with programs since 00001: two tables more, which may be behind.

-- +goose Up

-- Attempts by the hour in which they began, how they ended and about how long they
-- took: what charts need of them, so that nobody has to look at all. Written by one
-- process at a time, some minutes after the fact.
CREATE TABLE activity (
    endpoint_id uuid        NOT NULL,
    tenant_id   uuid        NOT NULL,
    hour        timestamptz NOT NULL,
    outcome     text        NOT NULL,
    class       integer     NOT NULL, -- of the duration: store.LatencyClass
    attempts    bigint      NOT NULL,
    PRIMARY KEY (endpoint_id, hour, outcome, class)
);
CREATE INDEX activity_by_hour ON activity USING brin (hour);

-- All attempts with ids below are in it.
CREATE TABLE activity_counted (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    until uuid NOT NULL
);

-- +goose Down
DROP TABLE activity_counted, activity;
