-- Works with programs since 00001: a column more, which may be null.

-- +goose Up

-- The headers of few attempts, as store.AttemptHeaders. json and not jsonb: nobody
-- looks for anything in it, so nothing is gained by taking it apart.
ALTER TABLE attempts ADD COLUMN headers json;

-- Days that are retired are tables by themselves by now.

-- +goose StatementBegin
DO $$
DECLARE
    retired regclass;
BEGIN
    FOR retired IN
        SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition AND relname ~ '^attempts_[0-9]{8}$'
    LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN headers json', retired);
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down

-- +goose StatementBegin
DO $$
DECLARE
    retired regclass;
BEGIN
    FOR retired IN
        SELECT oid FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition AND relname ~ '^attempts_[0-9]{8}$'
    LOOP
        EXECUTE format('ALTER TABLE %s DROP COLUMN headers', retired);
    END LOOP;
END $$;
-- +goose StatementEnd

ALTER TABLE attempts DROP COLUMN headers;
