package admin

import (
	"errors"
	"fmt"

	"multiproc/store"
)

// change is a transaction that writes for somebody.
type change struct {
	*store.Tx
	request *request
	actor   store.User // as the database knows them now
}

// change calls f with a transaction that writes. All that f does, and what it tells of it (record, say), is done or nothing
// of it. Whose request it is may have lost the right to it since the request came; then f is not called.
func (r *request) change(f func(*change) error) error {
	return r.admin.store.Update(r.Context(), func(tx *store.Tx) error {
		session, err := tx.SessionBySecret(r.secret, sessionIdle, sessionAbsolute)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return errSessionGone
		case err != nil:
			return err
		case accessOf(session.User.Role) < r.route.least:
			return errForbidden
		}
		return f(&change{tx, r, session.User})
	})
}

// record says in the audit log what was done to an object, which has this name.
func (c *change) record(action store.Action, kind store.Kind, id int64, name string, changes store.Changes) error {
	return c.Record(store.Entry{Actor: c.actor.Name, Action: action, Kind: kind, ObjectID: id, Object: name, Changes: changes.JSON()})
}

// say leaves a message for the next page that whose request it is looks at.
func (c *change) say(format string, args ...any) error {
	return c.SetMessage(c.request.session.ID, fmt.Sprintf(format, args...))
}
