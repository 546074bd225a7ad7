-- Works with programs since 00001: a table more.

-- +goose Up

-- What of a retired day is in the archive already, so that whoever goes on after
-- a crash begins where the other ended. Rows go with the tables of their day.
CREATE TABLE archive_parts (
    day    date    NOT NULL,
    kind   text    NOT NULL, -- events, attempts, dead_letters
    part   integer NOT NULL, -- from 0
    rows   bigint  NOT NULL,
    bytes  bigint  NOT NULL, -- of the object
    sha256 bytea   NOT NULL, -- of the object
    first  uuid[]  NOT NULL, -- the key of its first row,
    last   uuid[]  NOT NULL, -- and of its last; the next part begins after it
    PRIMARY KEY (day, kind, part)
);

-- +goose Down
DROP TABLE archive_parts;
