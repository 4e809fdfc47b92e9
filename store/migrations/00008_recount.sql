-- +goose Up

-- A recount, which ends by inserting the window, recounts counts_all, too, even if it is done by a program that does not know that
-- table.

-- +goose StatementBegin
CREATE TRIGGER counts_all_recount AFTER INSERT ON counts_window BEGIN
	DELETE FROM counts_all;
	INSERT INTO counts_all SELECT api_id, status_id, COUNT(*) FROM transactions
		WHERE api_id IN (SELECT id FROM apis) AND status_id IN (SELECT id FROM transaction_statuses)
		GROUP BY api_id, status_id;
END;
-- +goose StatementEnd
