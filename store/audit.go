package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Action is what was done to an object.
type Action string

// Actions.
const (
	ActionCreate Action = "create" // it was not there before
	ActionChange Action = "change" // Entry.Changes says what of it
	ActionDelete Action = "delete" // Entry.Changes says what it was
	ActionLogin  Action = "login"  // of the user that it is about
	ActionLogout Action = "logout" // of the user that it is about
)

// Changes are what became of the fields of an object: what each was and what it is, nil where it is no more. A secret is
// ["",""]. The values must be what JSON can have.
type Changes map[string][2]any

// Differ adds a field if it differs. The values must be comparable.
func (c Changes) Differ(field string, before, after any) {
	if before != after {
		c[field] = [2]any{before, after}
	}
}

// lose adds what a field had, if that is anything, which is no more.
func (c Changes) lose(field, before string) {
	if before != "" {
		c[field] = [2]any{before, nil}
	}
}

// JSON is how an Entry has them.
func (c Changes) JSON() json.RawMessage {
	if len(c) == 0 {
		return json.RawMessage("{}")
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		panic(fmt.Sprintf("BUG: changes that are no JSON: %v", err))
	}
	return bytes.TrimSpace(text.Bytes())
}

// Entry of the audit log says who did what when.
type Entry struct {
	ID       int64     // 0: of what was created through the API, which is known of as long as it is there
	Time     time.Time // UTC
	Actor    string    // e.g. a user's name
	Action   Action
	Kind     Kind // of the object
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
		micros(tx.now), e.Actor, string(e.Action), string(e.Kind), e.ObjectID, e.Object, string(e.Changes))
	return err
}

// creations gives the entries that there would be of transactions that were created with a token, if they were recorded: each
// transaction has its own alone. What it was in the beginning is what it is, but for later changes.
const creations = `SELECT 0 AS id, t.time_created AS time, 'token ' || k.name AS actor, 'create' AS action, 'transaction' AS kind,
	t.id AS object_id, a.name AS object, '{}' AS changes
	FROM transactions t JOIN api_tokens k ON k.id = t.token_id JOIN apis a ON a.id = t.api_id`

// EntryQuery asks for a part of the audit log: all of it, what is of some kinds or of one, or of one object of a kind; of
// that, what somebody did, and what was done at a time.
type EntryQuery struct {
	Kind        Kind      // empty: any
	ObjectID    int64     // 0: any
	Kinds       []Kind    // where Kind is empty; none: any
	Actor       string    // exactly; empty: anybody
	From, Until time.Time // From <= t < Until; zero: any
	Page
}

// Entries lists what was recorded, the newest first. Of a kind, an actor or a time it is listed by time, else, and of one object, as
// it was recorded, which differs where the clock was put back. What is asked about one transaction has its creation, too, where that was by a token.
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

// keyset returns the order of the list, with this before the columns of indexes that are not to be used.
func (q EntryQuery) keyset(before string) keyset {
	k := newest(q.Page)
	if q.byTime() {
		k.list, k.key = "time", before+"time"
	}
	return k
}

// query goes through an index in its order. That of objects is for those of one alone, whose entries are few: with it others
// would have to be sorted.
func (q EntryQuery) query() (string, []any, error) {
	s, object := search{from: "audit_log", where: "TRUE"}, ""
	switch {
	case q.ObjectID != 0:
		if q.Kind == KindTransaction {
			s.from = "(SELECT " + entryColumns + " FROM audit_log UNION ALL " + creations + ")"
		}
		object = "+" // before the columns of other indexes
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
