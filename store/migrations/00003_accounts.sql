-- +goose Up

-- Times are in microseconds since 1970.
CREATE TABLE users (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL COLLATE NOCASE UNIQUE,
	role TEXT NOT NULL CHECK (role IN ('viewer', 'staff', 'superuser')),
	active INTEGER NOT NULL CHECK (active IN (0, 1)),
	created INTEGER NOT NULL,
	last_login INTEGER,
	password TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
	user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	created INTEGER NOT NULL,
	seen INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_created ON sessions (created);

-- Tokens are revoked, never deleted, so that references to them stay valid.
CREATE TABLE api_tokens (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
	name TEXT NOT NULL,
	read_only INTEGER NOT NULL CHECK (read_only IN (0, 1)),
	created INTEGER NOT NULL,
	expires INTEGER,
	revoked INTEGER,
	created_by TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX api_tokens_name ON api_tokens (name) WHERE revoked IS NULL;

-- The objects and the actors may have been deleted.
CREATE TABLE audit_log (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	time INTEGER NOT NULL,
	actor TEXT NOT NULL,
	action TEXT NOT NULL,
	kind TEXT NOT NULL,
	object_id INTEGER NOT NULL,
	object TEXT NOT NULL,
	changes TEXT NOT NULL CHECK (json_valid(changes))
) STRICT;
CREATE INDEX audit_log_object ON audit_log (kind, object_id);

CREATE TABLE idempotency_keys (
	id INTEGER PRIMARY KEY,
	token_id INTEGER NOT NULL,
	key TEXT NOT NULL,
	fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
	status INTEGER NOT NULL,
	location TEXT NOT NULL,
	body BLOB NOT NULL,
	created INTEGER NOT NULL,
	UNIQUE (token_id, key)
) STRICT;
CREATE INDEX idempotency_keys_created ON idempotency_keys (created);
