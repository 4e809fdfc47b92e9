-- +goose Up

-- The token that a transaction was created with, which is never deleted; NULL: it was created otherwise. With an entry of
-- the audit log for each, there would be two fifths fewer inserts in a second.
ALTER TABLE transactions ADD COLUMN token_id INTEGER;
