package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"multiproc/store"
	"multiproc/worker"
)

// Limits on a session: the time after the last change that its user made, and after the login. Pages that only read do not
// count, as they never write to the database: a working day of reading must fit.
const (
	sessionIdle     = 8 * time.Hour
	sessionAbsolute = 12 * time.Hour
)

// sessionTouched is the shortest time between two records of the last use of a session.
const sessionTouched = time.Minute

// cookie returns a cookie of the site. Under TLS its name makes browsers refuse one that another host or a plain connection
// has set. An empty value deletes it.
//
// Secure depends on TLS as this server or a trusted proxy sees it, never on a header that any client can send.
func cookie(r *http.Request, name, value string) *http.Cookie {
	c := &http.Cookie{
		Name: name, Value: value, Path: "/",
		// Lax: sent when a link of another site is followed, but not with that site's own requests.
		Secure: worker.Secure(r), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if c.Secure {
		c.Name = "__Host-" + name
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// cookieValue returns the value of a cookie of the site, empty if the browser has none.
func cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(cookie(r, name, "").Name)
	if err != nil {
		return ""
	}
	return c.Value
}

const (
	sessionCookie = "multiproc_session" // the secret of a session, until the browser is closed
	messageCookie = "multiproc_message" // a message for the next page
)

// setCookie gives the browser the secret of a session, or deletes it.
func setCookie(w http.ResponseWriter, r *http.Request, secret string) {
	http.SetCookie(w, cookie(r, sessionCookie, secret))
}

// sendMessage leaves a message for the next page of the session, in a cookie: a page that only reads must not write to the
// database.
func (r *request) sendMessage(text string) {
	sealed := append(messageMAC(r.secret, text), text...)
	http.SetCookie(r.w, cookie(r.Request, messageCookie, base64.RawURLEncoding.EncodeToString(sealed)))
}

// takeMessage returns the message for this page, empty if there is none, and deletes its cookie.
func (r *request) takeMessage() string {
	value := cookieValue(r.Request, messageCookie)
	if value == "" {
		return ""
	}
	http.SetCookie(r.w, cookie(r.Request, messageCookie, ""))
	sealed, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(sealed) < sha256.Size {
		return ""
	}
	text := string(sealed[sha256.Size:])
	if !hmac.Equal(sealed[:sha256.Size], messageMAC(r.secret, text)) {
		return "" // of another session, or not ours
	}
	return text
}

func messageMAC(secret, text string) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// findSession finds the session of the request, or fails with errNoSession.
func (r *request) findSession() error {
	secret := cookieValue(r.Request, sessionCookie)
	if secret == "" {
		return errNoSession
	}
	err := r.view(func(tx *store.Tx) error {
		session, err := tx.SessionBySecret(secret, sessionIdle, sessionAbsolute)
		if err == nil {
			r.secret, r.session = secret, session
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return errNoSession
	}
	return err
}

// sendToLogin redirects to the login, and from there back to the page, if the request only reads.
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

// ownPath returns the path to go to after a login: the given one if every browser takes it for a path of the site, else home.
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

// maxNext bounds the path to return to, as headers are limited too.
const maxNext = 2000

// neverInPath reports whether browsers drop a character from a path, or take it for another one.
func neverInPath(c rune) bool { return c <= ' ' || c == 0x7f || c == '\\' }
