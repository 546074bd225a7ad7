-- Roles of PostgreSQL for Postrider, one for each stage, so that who gets hold of a
-- process can do no more than that stage must. They are optional: with one role for
-- everything nothing changes.
--
-- Run it once, as a superuser and in Postrider's database, and give each a password:
--
--     psql -d postrider -f roles.sql
--     psql -d postrider -c '\password postrider_ingest'    -- and so on
--
-- Then "postrider bootstrap -database-roles postrider_", as the owner of the tables, gives
-- them their rights, and has to be run with that at every upgrade. Roles are shared by
-- all databases of a server: for a second Postrider there, use another prefix.
--
--     postrider_api       the API (POSTRIDER_API_DATABASE_URL of ingest); sees only the
--                         tenant that it serves at the moment
--     postrider_ingest    the rest of ingest, and so on: POSTRIDER_DATABASE_URL of each
--     postrider_fanout
--     postrider_deliver
--     postrider_retry
--     postrider_dlq       dlq, and postrider reconcile
--     postrider_read      for people: everything but keys and secrets
--
-- postrider token makes API keys as postrider_api or as the owner; postrider rekey comes as
-- the owner.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['postrider_api', 'postrider_ingest', 'postrider_fanout', 'postrider_deliver', 'postrider_retry',
        'postrider_dlq', 'postrider_read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', name);
        END IF;
    END LOOP;
    -- Nobody but the owner makes tables, not even for a moment.
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
END $$;

ALTER ROLE postrider_read SET default_transaction_read_only = on;
ALTER ROLE postrider_read SET statement_timeout = '1min';
