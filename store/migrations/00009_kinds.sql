-- +goose Up

-- For the entries of a kind, of one actor or of all, in the order of time.
CREATE INDEX audit_log_kind ON audit_log (kind, time);
CREATE INDEX audit_log_actor_kind ON audit_log (actor, kind, time);
