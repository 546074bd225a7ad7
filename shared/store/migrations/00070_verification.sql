-- Works with programs since 00001: columns more, which stay empty until somebody asks for a verification.

-- +goose Up

-- Whether an endpoint wants what is sent to it. One that has to be asked first gets
-- nothing before it has answered.
ALTER TABLE endpoints
    ADD COLUMN verify        boolean NOT NULL DEFAULT false, -- deliveries wait until it is verified
    ADD COLUMN challenge     uuid,        -- the event that asks it now; NULL: none does
    ADD COLUMN checked_at    timestamptz, -- when the last challenge ended; NULL: none has
    ADD COLUMN check_failure text,        -- how, if not well: an outcome of the attempt
    ADD COLUMN challenge_due timestamptz; -- its challenges are paid for until then
ALTER TABLE tenants
    ADD COLUMN challenge_due timestamptz; -- and those of all its endpoints

-- +goose Down
ALTER TABLE endpoints DROP COLUMN verify, DROP COLUMN challenge, DROP COLUMN checked_at, DROP COLUMN check_failure, DROP COLUMN challenge_due;
ALTER TABLE tenants DROP COLUMN challenge_due;
