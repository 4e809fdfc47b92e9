-- +goose Up

-- The oldest version of the schema whose programs can still use the database.
CREATE TABLE compatibility (
	only INTEGER PRIMARY KEY CHECK (only = 1),
	oldest_reader INTEGER NOT NULL
) STRICT;
INSERT INTO compatibility VALUES (1, 1);

CREATE TABLE apis (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	description TEXT NOT NULL,
	params TEXT NOT NULL CHECK (json_valid(params))
) STRICT;

CREATE TABLE transaction_statuses (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	description TEXT NOT NULL
) STRICT;

-- Amounts are in 1/10,000, times in microseconds since 1970.
CREATE TABLE transactions (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	amount INTEGER NOT NULL,
	api_id INTEGER NOT NULL REFERENCES apis (id) ON DELETE CASCADE,
	status_id INTEGER NOT NULL REFERENCES transaction_statuses (id) ON DELETE CASCADE,
	time_created INTEGER NOT NULL,
	time_modified INTEGER NOT NULL
) STRICT;
CREATE INDEX transactions_modified ON transactions (time_modified, api_id, status_id);
CREATE INDEX transactions_created ON transactions (time_created, api_id, status_id);
-- No index on status_id alone: it would slow down every insert and speed up only the deletion of a status.
CREATE INDEX transactions_api_status ON transactions (api_id, status_id);
