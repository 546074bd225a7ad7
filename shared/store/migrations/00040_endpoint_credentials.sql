-- Works with programs since 00001: a table more.

-- +goose Up

-- What endpoints are called with beside their signing keys. Few have a row, and
-- each part of one may be missing.
CREATE TABLE endpoint_credentials (
    endpoint_id   uuid PRIMARY KEY REFERENCES endpoints,
    tenant_id     uuid NOT NULL REFERENCES tenants,
    certificates  text,  -- PEM: what is shown to the receiver, its own first
    private_key   text,  -- of the first certificate
    server_ca     text,  -- PEM: whose word the receiver's certificate needs; NULL: the system's
    oauth         jsonb, -- how to get access tokens: all but the secret
    client_secret text
);
CREATE INDEX endpoint_credentials_by_tenant ON endpoint_credentials (tenant_id);

CREATE TRIGGER credential_changes AFTER INSERT OR UPDATE OR DELETE ON endpoint_credentials
    FOR EACH ROW EXECUTE FUNCTION tenant_of_row_changes();

-- +goose Down
DROP TABLE endpoint_credentials;
