package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Action is an action on an object.
type Action string

// Actions.
const (
	ActionCreate Action = "create"
	ActionChange Action = "change"
	ActionDelete Action = "delete" // Entry.Changes has the fields that were lost
	ActionLogin  Action = "login"  // the object is the user
	ActionLogout Action = "logout" // the object is the user
)

// Changes maps the fields of an object to their values before and after, which is nil if the object was deleted. A secret is
// ["",""]. The values must be such that encoding/json can encode them.
type Changes map[string][2]any

// Differ adds a field if its values differ. They must be comparable.
func (c Changes) Differ(field string, before, after any) {
	if before != after {
		c[field] = [2]any{before, after}
	}
}

// Changes returns the fields that differ after a change of n.
func (n Named) Changes(after Named) Changes {
	c := Changes{}
	c.Differ("name", n.Name, after.Name)
	c.Differ("description", n.Description, after.Description)
	c.Differ("params", string(n.Params), string(after.Params))
	return c
}

// Changes returns the fields that differ after a change of t.
func (t Transaction) Changes(after Transaction) Changes {
	c := Changes{}
	c.Differ("api", t.API, after.API)
	c.Differ("status", t.Status, after.Status)
	c.Differ("amount", t.Amount.String(), after.Amount.String())
	return c
}

// Lost returns the fields that are lost with t.
func (t Transaction) Lost() Changes {
	return Changes{"api": {t.API, nil}, "status": {t.Status, nil}, "amount": {t.Amount.String(), nil}}
}

// Label returns what the audit log calls t: a transaction has no name.
func (t Transaction) Label() string { return t.API + " " + t.Amount.String() }

// lose adds a field that was lost, unless it was empty.
func (c Changes) lose(field, before string) {
	if before != "" {
		c[field] = [2]any{before, nil}
	}
}

// JSON returns the changes in the form of Entry.Changes.
func (c Changes) JSON() json.RawMessage {
	if len(c) == 0 {
		return json.RawMessage("{}")
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		panic(fmt.Sprintf("BUG: changes that cannot be encoded: %v", err))
	}
	return bytes.TrimSpace(text.Bytes())
}

// Entry is an entry of the audit log.
type Entry struct {
	ID       int64     // 0: derived from a transaction that was created with a token, as long as that exists
	Time     time.Time // UTC
	Actor    string    // such as a user's name
	Action   Action
	Kind     Kind // of the object
	ObjectID int64
	Object   string          // its name at that time
	Changes  json.RawMessage // by field; nil: {}
}

// Record adds an entry to the audit log, in the same transaction as the action. ID and Time are ignored.
func (tx *Tx) Record(e Entry) error {
	if e.Changes == nil {
		e.Changes = json.RawMessage("{}")
	}
	_, err := tx.insert(fmt.Sprintf("audit of %s %d", e.Kind, e.ObjectID),
		"INSERT INTO audit_log (time, actor, action, kind, object_id, object, changes) VALUES (?, ?, ?, ?, ?, ?, ?)",
		micros(tx.now), e.Actor, string(e.Action), string(e.Kind), e.ObjectID, e.Object, string(e.Changes))
	return err
}

// creations selects an entry for each transaction that was created with a token. Recording these would cost two fifths of the
// inserts per second.
const creations = `SELECT 0 AS id, t.time_created AS time, 'token ' || k.name AS actor, 'create' AS action, 'transaction' AS kind,
	t.id AS object_id, a.name AS object, '{}' AS changes
	FROM transactions t JOIN api_tokens k ON k.id = t.token_id JOIN apis a ON a.id = t.api_id`

// EntryQuery asks for a page of the audit log.
type EntryQuery struct {
	Kind        Kind      // empty: see Kinds
	ObjectID    int64     // of that kind; 0: any
	Kinds       []Kind    // if Kind is empty; none: any
	Actor       string    // empty: any
	From, Until time.Time // From <= t < Until; zero: any
	Page
}

// Entries lists the entries that a query asks for, the newest first. Entries of a kind, an actor or a time are in the order of
// time, all others and those of one object in the order in which they were recorded, which differs if the clock was set back.
// The entries of one transaction include its creation with a token. The error may be an *InvalidError, for the cursor.
func (tx *Tx) Entries(q EntryQuery) (Slice[Entry], error) {
	query, args, err := q.query()
	if err != nil {
		return Slice[Entry]{}, err
	}
	at := func(e Entry) (any, int64) { return e.ID, e.ID }
	if q.byTime() {
		at = func(e Entry) (any, int64) { return e.Time.UnixMicro(), e.ID }
	}
	return list(tx, q.keyset(""), scanEntry, at, query, args...)
}

func (q EntryQuery) byTime() bool {
	return q.Kind != "" && q.ObjectID == 0 || q.Actor != "" || !q.From.IsZero() || !q.Until.IsZero()
}

// keyset returns the order of the list. before is put before the columns of indexes that SQLite must not use.
func (q EntryQuery) keyset(before string) keyset {
	k := newest(q.Page)
	if q.byTime() {
		k.list, k.key = "time", before+"time"
	}
	return k
}

// query returns a query that reads an index in its order. Only the entries of one object, which are few, are found by the index of
// objects, and sorted.
func (q EntryQuery) query() (string, []any, error) {
	s, object := clause{from: "audit_log", where: "TRUE"}, ""
	switch {
	case q.ObjectID != 0:
		if q.Kind == KindTransaction {
			s.from = "(SELECT " + entryColumns + " FROM audit_log UNION ALL " + creations + ")"
		}
		object = "+"
		s.and("kind = ? AND object_id = ?", string(q.Kind), q.ObjectID)
	case q.Kind != "":
		s.and("kind = ?", string(q.Kind))
	case len(q.Kinds) > 0:
		kinds := make([]any, len(q.Kinds))
		for i, kind := range q.Kinds {
			kinds[i] = string(kind)
		}
		s.and("+kind IN (?"+strings.Repeat(", ?", len(kinds)-1)+")", kinds...)
	}
	if q.Actor != "" {
		s.and(object+"actor = ?", q.Actor)
	}
	if !q.From.IsZero() {
		s.and(object+"time >= ?", q.From.UnixMicro())
	}
	if !q.Until.IsZero() {
		s.and(object+"time < ?", q.Until.UnixMicro())
	}
	k := q.keyset(object)
	if err := k.beyond(&s); err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s %s LIMIT ?", entryColumns, s.from, s.where, k.order()), s.args, nil
}

const entryColumns = "id, time, actor, action, kind, object_id, object, changes"

func scanEntry(r row) (e Entry, err error) {
	err = r.Scan(&e.ID, moment{&e.Time}, &e.Actor, &e.Action, &e.Kind, &e.ObjectID, &e.Object, (*[]byte)(&e.Changes))
	return e, err
}
