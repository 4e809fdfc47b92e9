-- +goose Up

-- What was done to objects of a kind, by somebody or by anybody, is found in the order of time.
CREATE INDEX audit_log_kind ON audit_log (kind, time);
CREATE INDEX audit_log_actor_kind ON audit_log (actor, kind, time);
