-- +goose Up

-- Who counts transactions anew, counts those of all times, too: also a program of before there was that, which makes the
-- window anew at the end and knows nothing of counts_all.

-- +goose StatementBegin
CREATE TRIGGER counts_all_recount AFTER INSERT ON counts_window BEGIN
	DELETE FROM counts_all;
	INSERT INTO counts_all SELECT api_id, status_id, COUNT(*) FROM transactions
		WHERE api_id IN (SELECT id FROM apis) AND status_id IN (SELECT id FROM transaction_statuses)
		GROUP BY api_id, status_id;
END;
-- +goose StatementEnd
