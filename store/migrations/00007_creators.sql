-- +goose Up

-- The token that a transaction was created with; NULL: none. An entry of the audit log for each transaction would cost two fifths
-- of the inserts per second.
ALTER TABLE transactions ADD COLUMN token_id INTEGER;
