package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Action is what was done to an object.
type Action string

// Actions.
const (
	ActionCreate Action = "create"
	ActionChange Action = "change"
	ActionDelete Action = "delete"
	ActionLogin  Action = "login"
	ActionLogout Action = "logout"
)

// Entry of the audit log says who did what when.
type Entry struct {
	ID       int64
	Time     time.Time
	Actor    string // e.g. a user's name
	Action   Action
	Kind     string // of the object: "api", "status", "transaction", "user", "token"
	ObjectID int64
	Object   string          // its name then
	Changes  json.RawMessage // by field; nil: {}
}

// Record adds an entry to the audit log, in the transaction that does what it tells of. ID and Time are ignored.
func (tx *Tx) Record(e Entry) error {
	if e.Changes == nil {
		e.Changes = json.RawMessage("{}")
	}
	_, err := tx.insert(fmt.Sprintf("audit of %s %d", e.Kind, e.ObjectID),
		"INSERT INTO audit_log (time, actor, action, kind, object_id, object, changes) VALUES (?, ?, ?, ?, ?, ?, ?)",
		micros(tx.now), e.Actor, string(e.Action), e.Kind, e.ObjectID, e.Object, string(e.Changes))
	return err
}

// EntryQuery asks for a part of the audit log: all of it, what is of some kinds or of one, or of one object of a kind.
type EntryQuery struct {
	Kind     string   // empty: any
	ObjectID int64    // 0: any
	Kinds    []string // where Kind is empty; none: any
	Page
}

// Entries lists what was recorded, the newest first.
func (tx *Tx) Entries(q EntryQuery) (Slice[Entry], error) {
	query := "SELECT id, time, actor, action, kind, object_id, object, changes FROM audit_log WHERE TRUE"
	var args []any
	switch {
	case q.ObjectID != 0:
		query, args = query+" AND kind = ? AND object_id = ?", []any{q.Kind, q.ObjectID}
	case q.Kind != "":
		query, args = query+" AND +kind = ?", []any{q.Kind} // from the newest on, rather than all of a kind to be sorted
	case len(q.Kinds) > 0:
		query += " AND +kind IN (?" + strings.Repeat(", ?", len(q.Kinds)-1) + ")"
		for _, kind := range q.Kinds {
			args = append(args, kind)
		}
	}
	return newest(tx, q.Page, scanEntry, func(e Entry) int64 { return e.ID }, query, args...)
}

func scanEntry(r row) (e Entry, err error) {
	err = r.Scan(&e.ID, moment{&e.Time}, &e.Actor, &e.Action, &e.Kind, &e.ObjectID, &e.Object, (*[]byte)(&e.Changes))
	return e, err
}
