-- +goose Up

-- A message for the next page of the session; programs of later versions keep it in a cookie.
ALTER TABLE sessions ADD COLUMN message TEXT NOT NULL DEFAULT '';

-- Logins that failed, or have not succeeded yet. Only a hash of the name is stored, since it may be a password that was typed into
-- the wrong field. The address is empty if it does not distinguish clients.
CREATE TABLE login_attempts (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	time INTEGER NOT NULL,
	name BLOB NOT NULL CHECK (length(name) = 32),
	address TEXT NOT NULL
) STRICT;
CREATE INDEX login_attempts_time ON login_attempts (time);
CREATE INDEX login_attempts_name ON login_attempts (name, address, time);
CREATE INDEX login_attempts_address ON login_attempts (address, time);
