-- Works with programs since 00001: two indexes more.

-- +goose Up

-- What pages list: the tasks of a tenant, and the dead letters of all tenants, newest
-- first.
CREATE INDEX tasks_by_tenant ON tasks (tenant_id, id);
CREATE INDEX dead_letters_by_event ON dead_letters (event_id, endpoint_id);

-- +goose Down
DROP INDEX dead_letters_by_event, tasks_by_tenant;
