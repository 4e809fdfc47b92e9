-- +goose Up

-- How many transactions were modified in the last 24 hours is known at a cost that does not grow with their number: they
-- are counted by minute, and the minutes of about the last day are added up. window.go says how.

-- The minute since 1970, also before it: a division rounds towards zero.
ALTER TABLE transactions ADD COLUMN minute INTEGER AS (time_modified / 60000000 - (time_modified % 60000000 < 0));

-- The transactions of each minute from the horizon on; a minute without any has no row, or one with 0.
CREATE TABLE counts_minute (
	minute INTEGER NOT NULL,
	api_id INTEGER NOT NULL,
	status_id INTEGER NOT NULL,
	n INTEGER NOT NULL,
	PRIMARY KEY (minute, api_id, status_id)
) STRICT, WITHOUT ROWID;

-- The transactions of the minutes from since on, until.
CREATE TABLE counts_total (
	api_id INTEGER NOT NULL,
	status_id INTEGER NOT NULL,
	n INTEGER NOT NULL,
	PRIMARY KEY (api_id, status_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE counts_window (
	only INTEGER PRIMARY KEY CHECK (only = 1),
	horizon INTEGER NOT NULL,
	since INTEGER NOT NULL CHECK (horizon <= since),
	until INTEGER NOT NULL CHECK (since <= until)
) STRICT;

INSERT INTO counts_window SELECT 1, now - 7 * 24 * 60, now, now FROM (SELECT unixepoch() / 60 AS now);
INSERT INTO counts_minute
	SELECT minute, api_id, status_id, COUNT(*) FROM transactions
	WHERE time_modified >= (SELECT horizon FROM counts_window) * 60000000
	GROUP BY minute, api_id, status_id;

-- What a statement says of conflicts (INSERT OR REPLACE, OR IGNORE) holds in the triggers that it sets off, whatever these
-- say, but for an upsert. A row that is replaced is deleted unseen where recursive_triggers is off, as it is for other
-- programs: then only a recount helps.

-- +goose StatementBegin
CREATE TRIGGER counts_insert AFTER INSERT ON transactions BEGIN
	INSERT INTO counts_minute
		SELECT new.minute, new.api_id, new.status_id, 1 FROM counts_window WHERE horizon <= new.minute
		ON CONFLICT (minute, api_id, status_id) DO UPDATE SET n = n + 1;
	INSERT INTO counts_total
		SELECT new.api_id, new.status_id, 1 FROM counts_window WHERE since <= new.minute AND new.minute < until
		ON CONFLICT (api_id, status_id) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER counts_delete AFTER DELETE ON transactions BEGIN
	UPDATE counts_minute SET n = n - 1
		WHERE minute = old.minute AND api_id = old.api_id AND status_id = old.status_id;
	UPDATE counts_total SET n = n - 1
		WHERE api_id = old.api_id AND status_id = old.status_id
		AND EXISTS (SELECT 1 FROM counts_window WHERE since <= old.minute AND old.minute < until);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER counts_update AFTER UPDATE OF api_id, status_id, time_modified ON transactions BEGIN
	UPDATE counts_minute SET n = n - 1
		WHERE minute = old.minute AND api_id = old.api_id AND status_id = old.status_id;
	UPDATE counts_total SET n = n - 1
		WHERE api_id = old.api_id AND status_id = old.status_id
		AND EXISTS (SELECT 1 FROM counts_window WHERE since <= old.minute AND old.minute < until);
	INSERT INTO counts_minute
		SELECT new.minute, new.api_id, new.status_id, 1 FROM counts_window WHERE horizon <= new.minute
		ON CONFLICT (minute, api_id, status_id) DO UPDATE SET n = n + 1;
	INSERT INTO counts_total
		SELECT new.api_id, new.status_id, 1 FROM counts_window WHERE since <= new.minute AND new.minute < until
		ON CONFLICT (api_id, status_id) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
