-- Works with programs since 00001: a column more, which may be null.

-- +goose Up

-- The W3C traceparent of the request that brought the event, of few of them: what is
-- made of the event later, by a sweep or a replay, belongs to that trace.
ALTER TABLE events ADD COLUMN traceparent text;

-- +goose Down
ALTER TABLE events DROP COLUMN traceparent;
