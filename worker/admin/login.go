package admin

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"multiproc/store"
)

func loginForm(name string) *form {
	return &form{
		Submit: "Log in",
		Fields: []*field{
			{Name: "username", Label: "User name", Value: name, Required: true, Autocomplete: "username", Focus: name == ""},
			{Name: "password", Label: "Password", Kind: "password", Required: true, Autocomplete: "current-password", Focus: name != ""},
		},
	}
}

func (r *request) renderLogin(status int, f *form) error {
	return r.render(status, "login", page{Title: "Log in", Data: f})
}

// showLogin asks for name and password, unless the browser has a session already.
func showLogin(r *request) error {
	switch err := r.findSession(); {
	case err == nil:
		return r.redirect(ownPath(r.Form.Get("next")))
	case !errors.Is(err, errNoSession):
		return err
	}
	return r.renderLogin(http.StatusOK, loginForm(""))
}

// login begins a session. The page to return to is in the query of the form's action.
func login(r *request) error {
	name := r.PostForm.Get("username")
	_, secret, err := r.admin.store.Login(r.Context(), r.credentials(name, r.PostForm.Get("password")), cookieValue(r.Request, sessionCookie))
	f := loginForm(name)
	switch {
	case err == nil:
		setCookie(r.w, r.Request, secret)
		return r.redirect(ownPath(r.Form.Get("next")))
	case errors.Is(err, store.ErrCredentials):
		// Without the name: it may be a password typed into the wrong field.
		r.admin.log.Warn("login failed", "remote", r.RemoteAddr)
		f.Fault = "Wrong user name or password."
		return r.renderLogin(http.StatusUnauthorized, f)
	case r.refuseLogin(f, err):
		return r.renderLogin(http.StatusTooManyRequests, f)
	}
	return err
}

// refuseLogin reports whether credentials were not tried because too many attempts failed or wait. Then the form says when to
// try again.
func (r *request) refuseLogin(f *form, err error) bool {
	wait := 2
	switch locked, ok := errors.AsType[*store.LockedError](err); {
	case ok:
		wait = max(1, int(time.Until(locked.Until)/time.Second)+1)
		when := plural(int64(wait), "second")
		if wait > 60 {
			when = plural(int64(wait+59)/60, "minute")
		}
		f.Fault = "Too many failed logins. Try again in " + when + "."
	case errors.Is(err, store.ErrCrowded):
		f.Fault = "Too many people are logging in. Try again in a moment."
	default:
		return false
	}
	if n, ok := r.admin.refusals.Next(); ok { // a refusal costs next to nothing, so an attacker may cause any number
		r.admin.log.Warn("login refused", "remote", r.RemoteAddr, "logins", n, "error", err)
	}
	r.w.Header().Set("Retry-After", strconv.Itoa(wait))
	return true
}

// credentials returns name and password with the address of the client: the peer of the connection, or what a trusted proxy
// reports. A unix socket has none.
func (r *request) credentials(name, password string) store.Credentials {
	c := store.Credentials{Name: name, Password: password}
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.From = from.Addr()
	}
	return c
}

// logout ends the session.
func logout(r *request) error {
	err := r.change(func(c *change) error {
		if err := c.DeleteSession(r.session.ID); err != nil {
			return err
		}
		return c.record(store.ActionLogout, store.KindUser, c.actor.ID, c.actor.Name, nil)
	})
	if err != nil && !errors.Is(err, errSessionGone) {
		return err
	}
	setCookie(r.w, r.Request, "")
	return r.redirect(home + "login")
}
