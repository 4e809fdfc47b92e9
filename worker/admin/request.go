package admin

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"multiproc/store"
	"multiproc/worker"
	"multiproc/worker/internal/web"
)

// request is a request that is being answered.
type request struct {
	*http.Request
	admin *Admin
	route route
	w     *answer

	id      int64         // in the path; 0: the path has none
	secret  string        // of the session
	session store.Session // zero for a route that everybody may take
}

// request returns the request for a route. Its answer has the security headers.
func (a *Admin) request(w http.ResponseWriter, r *http.Request, route route) *request {
	secure(w.Header())
	return &request{Request: r, admin: a, route: route, w: &answer{ResponseWriter: w}}
}

// answer is an http.ResponseWriter that records whether the answer has begun.
type answer struct {
	http.ResponseWriter
	begun bool
}

func (w *answer) WriteHeader(code int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(code)
}

func (w *answer) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Limits of forms.
const (
	maxForm       = 1 << 20  // bytes; the params of an API are 64 KiB before they are escaped
	maxPublicForm = 16 << 10 // bytes, without a login
	maxValues     = 5000
)

// admit fails unless the request may take its route.
func (r *request) admit() error {
	if r.route.least == nobody {
		return errForbidden
	}
	if err := r.admin.crossOrigin.Check(r.Request); err != nil {
		return errCrossOrigin
	}
	if r.route.least == everybody {
		return r.readForm(maxPublicForm)
	}
	if err := r.findSession(); err != nil {
		return err
	}
	if !r.may(r.route.least) {
		return errForbidden
	}
	worker.LimitBody(r.Context(), formTimeout)
	if err := r.readForm(maxForm); err != nil {
		return err
	}
	if r.id = web.ID(r.Request); r.id == 0 && strings.Contains(r.route.path, "{id}") {
		return errNoPage
	}
	return nil
}

// may reports whether the user has an access.
func (r *request) may(least access) bool { return accessOf(r.session.User.Role) >= least }

// readForm reads the query and the body of a request.
func (r *request) readForm(most int64) error {
	if r.Method == http.MethodPost {
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/x-www-form-urlencoded" {
			return &failure{status: http.StatusUnsupportedMediaType, detail: "This page accepts forms only."}
		}
	}
	r.Body = http.MaxBytesReader(r.w, r.Body, most)
	if err := r.ParseForm(); err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errSlowForm
		}
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return &failure{status: http.StatusRequestEntityTooLarge, detail: "The form is too large."}
		}
		return &failure{status: http.StatusBadRequest, detail: "The form cannot be read."}
	}
	n := 0
	for _, values := range r.Form {
		if n += len(values); n > maxValues {
			return &failure{status: http.StatusRequestEntityTooLarge, detail: "The form has too many values."}
		}
	}
	return nil
}

// formTimeout limits the time for a form of a user. The worker has a shorter limit for everybody else.
const formTimeout = 30 * time.Second

// view is the store's View.
func (r *request) view(f func(*store.Tx) error) error { return r.admin.store.View(r.Context(), f) }

// batchTime bounds one batch of a long request.
const batchTime = time.Minute

// progress extends the deadline of a long request by the time of its next batch.
func (r *request) progress() { worker.ExtendDeadline(r.Context(), batchTime) }

// redirect sends the browser to another page of the site.
func (r *request) redirect(path string) error {
	r.w.Header().Set("Location", path)
	r.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// change is a transaction that writes for a user.
type change struct {
	*store.Tx
	actor   store.User // as of the transaction
	message string     // for the next page
}

// change calls f with a transaction that writes. All changes of f are committed or none, and its message is shown only if they
// are. The user may have lost the right to the route since the request came; then f is not called.
func (r *request) change(f func(*change) error) error {
	var c change
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
		c = change{Tx: tx, actor: session.User}
		return f(&c)
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

// setMessage sets the message for the next page.
func (c *change) setMessage(format string, args ...any) { c.message = fmt.Sprintf(format, args...) }
