-- Works with programs since 00001: functions more.

-- +goose Up

-- Partitions are made and dropped by whoever owns the tables, and every hour by
-- ingest, which is not to be their owner. So these functions do it as the owner, do
-- nothing else, and leave alone what may still be needed. Who may call them is for
-- the rights to say (store.Grant); at first nobody but the owner may.

-- The table of a day.

-- +goose StatementBegin
CREATE FUNCTION day_table(parent text, day date) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT parent || to_char(day, '_YYYYMMDD')
$$;
-- +goose StatementEnd

-- The first id that can be made on a day.

-- +goose StatementBegin
CREATE FUNCTION first_id(day date) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0') || '7' || repeat('0', 19))::uuid
$$;
-- +goose StatementEnd

-- A day of which nobody needs a row any more: keys are looked up for two.

-- +goose StatementBegin
CREATE FUNCTION is_over(day date) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT day < (now() AT TIME ZONE 'UTC')::date - 2
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION make_day(parent text, day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    bounds text[];
BEGIN
    IF parent IN ('events', 'batches', 'attempts') THEN
        bounds := ARRAY[first_id(day)::text, first_id(day + 1)::text];
    ELSIF parent IN ('event_keys', 'request_keys') THEN
        bounds := ARRAY[to_char(day, 'YYYY-MM-DD'), to_char(day + 1, 'YYYY-MM-DD')];
    END IF;
    IF bounds IS NULL OR is_over(day + 1) OR day > now() + interval '30 days' THEN
        RAISE EXCEPTION 'no partition of % is made for %', parent, day;
    END IF;
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
        day_table(parent, day), parent, bounds[1], bounds[2]);
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION drop_day(parent text, day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF parent NOT IN ('events', 'batches', 'attempts', 'event_keys', 'request_keys', 'dead_letters') OR NOT is_over(day) THEN
        RAISE EXCEPTION '% of % is not dropped', parent, day;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS %I', day_table(parent, day));
END $$;
-- +goose StatementEnd

-- A partition becomes a table by itself, an empty one where there is none. Whoever
-- may have that done may read it, to put it into an archive.

-- +goose StatementBegin
CREATE FUNCTION retire_day(parent text, day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF parent NOT IN ('events', 'attempts') OR NOT is_over(day) THEN
        RAISE EXCEPTION '% of % is not retired', parent, day;
    END IF;
    EXECUTE format('CREATE TABLE IF NOT EXISTS %I (LIKE %I INCLUDING INDEXES)', day_table(parent, day), parent);
    IF (SELECT relispartition FROM pg_class WHERE oid = to_regclass(quote_ident(day_table(parent, day)))) THEN
        EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, day_table(parent, day));
    END IF;
    PERFORM let_retirers_read(day_table(parent, day));
END $$;
-- +goose StatementEnd

-- The dead letters of a day's events, and of earlier ones, which died after their day
-- was retired. That there is a table says that it is done.

-- +goose StatementBegin
CREATE FUNCTION retire_dead_letters(day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT is_over(day) THEN
        RAISE EXCEPTION 'dead letters of % are not retired', day;
    END IF;
    IF to_regclass(quote_ident(day_table('dead_letters', day))) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE dead_letters INCLUDING INDEXES)', day_table('dead_letters', day));
    EXECUTE format('WITH gone AS (DELETE FROM dead_letters WHERE event_id < $1 RETURNING *) INSERT INTO %I SELECT * FROM gone',
        day_table('dead_letters', day)) USING first_id(day + 1);
    PERFORM let_retirers_read(day_table('dead_letters', day));
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION let_retirers_read(retired text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    reader regrole;
BEGIN
    FOR reader IN SELECT DISTINCT grantee::regrole FROM pg_proc, aclexplode(proacl)
        WHERE oid = 'retire_day(text, date)'::regprocedure AND grantee <> 0
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO %s', retired, reader);
    END LOOP;
END $$;
-- +goose StatementEnd

-- What runs as the owner finds tables where they are now, whatever its caller's
-- search path says.

-- +goose StatementBegin
DO $$
DECLARE
    f text;
BEGIN
    FOREACH f IN ARRAY ARRAY['make_day(text, date)', 'drop_day(text, date)', 'retire_day(text, date)', 'retire_dead_letters(date)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION retire_dead_letters, retire_day, drop_day, make_day, let_retirers_read, is_over, first_id, day_table;
