package admin

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"multiproc/store"
	"multiproc/worker"
)

// How long a session lasts: while its user does nothing, and at most. A working day, and a lunch with something after it.
const (
	sessionIdle     = 2 * time.Hour
	sessionAbsolute = 12 * time.Hour
)

// sessionNoted is how often it is written down that a session is in use: not every request is to write. A session can
// end that much too early.
const sessionNoted = time.Minute

// cookieName is the session's cookie. Under TLS it is one that only this host can have set, over TLS.
func cookieName(r *http.Request) string {
	if worker.Secure(r) {
		return "__Host-multiproc_session"
	}
	return "multiproc_session"
}

// setCookie gives the browser the secret of a session, or takes it away. The cookie is gone with the browser, if the session
// is not before. It comes along when a link of another site is followed (Lax), but not with what that site sends by itself.
//
// Secure is what TLS this server itself sees says, or a proxy that it trusts: a header of anybody else can be anybody's.
func setCookie(w http.ResponseWriter, r *http.Request, secret string) {
	c := &http.Cookie{
		Name: cookieName(r), Value: secret, Path: "/",
		Secure: worker.Secure(r), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if secret == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// secretOf is what the browser has for a session; empty: nothing.
func secretOf(r *http.Request) string {
	c, err := r.Cookie(cookieName(r))
	if err != nil {
		return ""
	}
	return c.Value
}

// findSession finds whose request it is, or errNoSession.
func (r *request) findSession() error {
	err := r.lookUpSession()
	if errors.Is(err, store.ErrNotFound) {
		return errNoSession
	}
	return err
}

func (r *request) lookUpSession() error {
	secret := secretOf(r.Request)
	if secret == "" {
		return store.ErrNotFound
	}
	var old bool
	err := r.view(func(tx *store.Tx) error {
		session, err := tx.SessionBySecret(secret, sessionIdle, sessionAbsolute)
		if err != nil {
			return err
		}
		old = tx.Now().Sub(session.Seen) >= sessionNoted
		r.secret, r.session = secret, session
		return nil
	})
	if err != nil || !old {
		return err
	}
	err = r.admin.store.Update(r.Context(), func(tx *store.Tx) error { return tx.TouchSession(r.session.ID) })
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		r.admin.outage.Tell(err) // who only looks can do so while nobody can write
		return nil
	}
	return err
}

// sendToLogin asks the browser to log in, and then to come back: to what was asked for, where that only shows something.
func (r *request) sendToLogin() {
	next := ""
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		next = r.URL.RequestURI()
	}
	_ = r.redirect(loginPath(next))
}

func loginPath(next string) string {
	if ownPath(next) == home {
		return home + "login"
	}
	return home + "login?" + url.Values{"next": {next}}.Encode()
}

// ownPath is where to go after a login: the path that was asked for if it is one of the site, whatever browsers make of it,
// else the first page.
func ownPath(next string) string {
	u, err := url.Parse(next)
	switch {
	case err != nil, len(next) > maxNext, strings.ContainsFunc(next, neverInPath):
		return home
	case u.Scheme != "", u.Host != "", u.User != nil, u.Opaque != "", u.Fragment != "":
		return home
	case u.Path != home && path.Clean(u.Path) != u.Path, !strings.HasPrefix(u.Path, home), u.Path == home+"login":
		return home
	}
	return next
}

// maxNext is how long a path can be to come back to: the head of a request is limited, too.
const maxNext = 2000

// neverInPath is what browsers leave out of a path, or take for something else.
func neverInPath(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' }
