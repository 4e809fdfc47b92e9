-- +goose Up

-- What somebody did, and what was done at a time, is found in the order of time.
CREATE INDEX audit_log_actor ON audit_log (actor, time);
CREATE INDEX audit_log_time ON audit_log (time);
