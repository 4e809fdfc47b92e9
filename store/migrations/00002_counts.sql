-- +goose Up

-- Transactions are counted by the minute of their modification, and the minutes of about the last day are added up, so that the
-- cost of counting the last 24 hours does not grow with the number of transactions. See window.go.

-- The minute since 1970; the comparison is for times before 1970, since division rounds towards zero.
ALTER TABLE transactions ADD COLUMN minute INTEGER AS (time_modified / 60000000 - (time_modified % 60000000 < 0));

-- The number of transactions of each minute from the horizon on. A minute without any has no row, or one with 0.
CREATE TABLE counts_minute (
	minute INTEGER NOT NULL,
	api_id INTEGER NOT NULL,
	status_id INTEGER NOT NULL,
	n INTEGER NOT NULL,
	PRIMARY KEY (minute, api_id, status_id)
) STRICT, WITHOUT ROWID;

-- The number of transactions of the minutes from since on, before until.
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

-- The conflict clause of a statement (INSERT OR REPLACE, OR IGNORE) overrides those in the triggers that it runs, except for
-- an upsert. Unless recursive_triggers is on, which other programs may not know, no trigger runs for a row that is replaced: then
-- only a recount helps.

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
