-- +goose Up

-- For the entries of an actor, or of a time, in the order of time.
CREATE INDEX audit_log_actor ON audit_log (actor, time);
CREATE INDEX audit_log_time ON audit_log (time);
