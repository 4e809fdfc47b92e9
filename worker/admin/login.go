package admin

import (
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"multiproc/store"
)

func (a *Admin) accountRoutes() []route {
	return []route{
		{method: "GET", path: home + "login", least: everybody, handle: showLogin},
		{method: "POST", path: home + "login", least: everybody, handle: login},
		{method: "POST", path: home + "logout", least: viewers, handle: logout},
		{method: "GET", path: home + "password", least: viewers, handle: showOwnPassword},
		{method: "POST", path: home + "password", least: viewers, handle: changeOwnPassword},
	}
}

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

// showLogin asks for name and password, whom nobody knows yet.
func showLogin(r *request) error {
	switch err := r.findSession(); {
	case err == nil:
		return r.redirect(ownPath(r.Form.Get("next")))
	case !errors.Is(err, errNoSession):
		return err
	}
	return r.renderLogin(http.StatusOK, loginForm(""))
}

// login begins a session. The page to come back to is in the query, which the form was sent to.
func login(r *request) error {
	name := r.PostForm.Get("username")
	who := r.credentials(name, r.PostForm.Get("password"))
	session, secret, err := r.admin.store.Login(r.Context(), who, secretOf(r.Request))
	f := loginForm(name)
	switch {
	case err == nil:
		setCookie(r.w, r.Request, secret)
		r.rememberDevice(session.User.ID)
		return r.redirect(ownPath(r.Form.Get("next")))
	case errors.Is(err, store.ErrCredentials):
		// The name is not told: it may be a password that was typed into the wrong field.
		r.admin.log.Warn("a login failed", "remote", r.RemoteAddr)
		f.Fault = "This is no user's name and password."
		return r.renderLogin(http.StatusUnauthorized, f)
	}
	wait, fault, ok := refusedLogin(err)
	if !ok {
		return err
	}
	r.admin.refusals.tell(who.From, time.Now().Add(time.Duration(wait)*time.Second), err)
	f.Fault = fault
	r.w.Header().Set("Retry-After", strconv.Itoa(wait))
	return r.renderLogin(http.StatusTooManyRequests, f)
}

// refusedLogin tells in how many seconds credentials that were not tried may be, and says so, if that is what the error is.
func refusedLogin(err error) (wait int, fault string, ok bool) {
	if locked, is := errors.AsType[*store.LockedError](err); is {
		wait := max(1, int(time.Until(locked.Until)/time.Second)+1)
		return wait, "Too many logins have failed. Try again in " + strconv.Itoa((wait+59)/60) + " minutes.", true
	}
	if errors.Is(err, store.ErrCrowded) {
		return 2, "Too many others are logging in. Try again in a moment.", true
	}
	return 0, "", false
}

// credentials are name and password, what the browser has of an earlier login, and where the request comes from: the other end of
// the connection, or what a proxy says that is trusted. On a unix socket that is nowhere.
func (r *request) credentials(name, password string) store.Credentials {
	c := store.Credentials{Name: name, Password: password, Device: deviceOf(r.Request)}
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
