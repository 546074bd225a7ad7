-- Works with programs since 00001: a table and two columns more, which stay empty until a process is given secret keys.

-- +goose Up

-- The keys that something is sealed with. Whoever seals holds its key's row until
-- the transaction ends, so a key whose row is gone seals nothing.
CREATE TABLE secret_keys (
    id         text PRIMARY KEY,
    proof      text        NOT NULL, -- sealed with it: another key of the same id does not open this
    used_since timestamptz NOT NULL DEFAULT now()
);

-- Sealed, where there are keys: what the url would have before its @, and the
-- headers, which are then {} in their own column. endpoint_secrets.secret holds
-- either form.
ALTER TABLE endpoints ADD COLUMN userinfo text, ADD COLUMN sealed_headers text;

-- +goose Down
ALTER TABLE endpoints DROP COLUMN userinfo, DROP COLUMN sealed_headers;
DROP TABLE secret_keys;
