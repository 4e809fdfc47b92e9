package admin

import (
	"errors"
	"fmt"

	"multiproc/store"
)

// change is a transaction that writes for a user.
type change struct {
	*store.Tx
	actor   store.User // as of the transaction
	request *request
	message string // for the next page
}

// change calls f with a transaction that writes. Everything that f does is done or nothing of it, and the message that f leaves is
// shown only then. The user may have lost the right to the route since the request came; then f is not called.
func (r *request) change(f func(*change) error) error {
	c := &change{request: r}
	err := r.admin.store.Update(r.Context(), func(tx *store.Tx) error {
		session, err := tx.SessionBySecret(r.secret, sessionIdle, sessionAbsolute)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return errSessionGone
		case err != nil:
			return err
		case accessOf(session.User.Role) < r.route.least:
			return errForbidden
		}
		if tx.Now().Sub(session.Seen) >= sessionTouched {
			if err := tx.TouchSession(session.ID); err != nil {
				return err
			}
		}
		c.Tx, c.actor = tx, session.User
		return f(c)
	})
	if err == nil && c.message != "" {
		r.sendMessage(c.message)
	}
	return err
}

// record records in the audit log what was done to an object.
func (c *change) record(action store.Action, kind store.Kind, id int64, name string, changes store.Changes) error {
	return c.Record(store.Entry{Actor: c.actor.Name, Action: action, Kind: kind, ObjectID: id, Object: name, Changes: changes.JSON()})
}

// say leaves a message for the next page.
func (c *change) say(format string, args ...any) error {
	c.message = fmt.Sprintf(format, args...)
	return nil
}
