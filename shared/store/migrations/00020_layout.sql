-- Works with programs since 00001: a table more.

-- +goose Up

-- How the streams of JetStream are laid out, as the bootstrap step decided last:
-- what they are made again by, and what all stages go by.
CREATE TABLE layout (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    streams    jsonb       NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE layout;
