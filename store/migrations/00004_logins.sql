-- +goose Up

-- What a user is to be told by the next page.
ALTER TABLE sessions ADD COLUMN message TEXT NOT NULL DEFAULT '';

-- Logins that failed, or have not succeeded yet. Of the name that was tried, which may be anything, a password typed into the
-- wrong field too, there is only a hash. The address is that of an attempt from elsewhere; where it tells nobody apart, empty.
CREATE TABLE login_attempts (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	time INTEGER NOT NULL,
	name BLOB NOT NULL CHECK (length(name) = 32),
	address TEXT NOT NULL
) STRICT;
CREATE INDEX login_attempts_time ON login_attempts (time);
CREATE INDEX login_attempts_name ON login_attempts (name, address, time);
CREATE INDEX login_attempts_address ON login_attempts (address, time);
