-- +goose Up

-- The number of all transactions of each API in each status, for lists and for the deletion of an API or a status. Counting them
-- each time would take time in proportion to their number.
CREATE TABLE counts_all (
	api_id INTEGER NOT NULL REFERENCES apis (id) ON DELETE CASCADE,
	status_id INTEGER NOT NULL REFERENCES transaction_statuses (id) ON DELETE CASCADE,
	n INTEGER NOT NULL,
	PRIMARY KEY (api_id, status_id)
) STRICT, WITHOUT ROWID;

INSERT INTO counts_all SELECT api_id, status_id, COUNT(*) FROM transactions
	WHERE api_id IN (SELECT id FROM apis) AND status_id IN (SELECT id FROM transaction_statuses)
	GROUP BY api_id, status_id;

-- As for the other counts, the conflict clause of a statement overrides those in the triggers, except for an upsert.

-- +goose StatementBegin
CREATE TRIGGER counts_all_insert AFTER INSERT ON transactions BEGIN
	INSERT INTO counts_all VALUES (new.api_id, new.status_id, 1)
		ON CONFLICT (api_id, status_id) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER counts_all_delete AFTER DELETE ON transactions BEGIN
	UPDATE counts_all SET n = n - 1 WHERE api_id = old.api_id AND status_id = old.status_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER counts_all_update AFTER UPDATE OF api_id, status_id ON transactions
WHEN old.api_id <> new.api_id OR old.status_id <> new.status_id BEGIN
	UPDATE counts_all SET n = n - 1 WHERE api_id = old.api_id AND status_id = old.status_id;
	INSERT INTO counts_all VALUES (new.api_id, new.status_id, 1)
		ON CONFLICT (api_id, status_id) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd
