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
	who.Device = deviceOf(r.Request)
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

// credentials are name and password, and where the request comes from: the other end of the connection, or what a proxy says
// that is trusted. On a unix socket that is nowhere.
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
		return c.record(store.ActionLogout, kindUser, c.actor.ID, c.actor.Name, nil)
	})
	if err != nil && !errors.Is(err, errSessionGone) {
		return err
	}
	setCookie(r.w, r.Request, "")
	return r.redirect(home + "login")
}

func ownPasswordForm(user store.User) *form {
	return &form{
		Submit: "Change password",
		Cancel: home,
		Fields: []*field{
			// For password managers, which want to know whose it is.
			{Name: "username", Label: "User name", Value: user.Name, Autocomplete: "username", Fixed: true},
			{Name: "old", Label: "Old password", Kind: "password", Required: true, Autocomplete: "current-password", Focus: true},
			{Name: "password", Label: "New password", Kind: "password", Required: true, Autocomplete: "new-password", Help: passwordHelp},
			{Name: "again", Label: "New password again", Kind: "password", Required: true, Autocomplete: "new-password"},
		},
	}
}

const passwordHelp = "At least 8 characters. A few words that nobody else would put together are easy to remember."

func (r *request) renderOwnPassword(status int, f *form) error {
	return r.render(status, "form", page{Title: "Change password", Data: f})
}

func showOwnPassword(r *request) error {
	return r.renderOwnPassword(http.StatusOK, ownPasswordForm(r.session.User))
}

// changeOwnPassword ends all sessions of the user, and begins another one in place of this.
func changeOwnPassword(r *request) error {
	f := ownPasswordForm(r.session.User)
	r.checkAgain(f)
	if f.Bad() {
		return r.renderOwnPassword(http.StatusUnprocessableEntity, f)
	}
	// First, since it is bounded how often somebody may guess: to hash the new one is work for who knows the old one.
	err := r.admin.store.Confirm(r.Context(), r.credentials(r.session.User.Name, r.PostForm.Get("old")))
	if errors.Is(err, store.ErrCredentials) {
		f.problem("old", "is not your password")
		return r.renderOwnPassword(http.StatusUnprocessableEntity, f)
	}
	if wait, fault, ok := refusedLogin(err); ok {
		f.Fault = fault
		r.w.Header().Set("Retry-After", strconv.Itoa(wait))
		return r.renderOwnPassword(http.StatusTooManyRequests, f)
	}
	if err != nil {
		return err
	}
	hash, err := r.newPassword(f)
	if err != nil {
		return err
	}
	if f.Bad() {
		return r.renderOwnPassword(http.StatusUnprocessableEntity, f)
	}
	var secret string
	err = r.change(func(c *change) error {
		if err := c.SetPassword(c.actor.ID, hash); err != nil {
			return err
		}
		session, s, err := c.CreateSession(c.actor.ID)
		if err != nil {
			return err
		}
		secret, r.session = s, session
		if err := c.record(store.ActionChange, kindUser, c.actor.ID, c.actor.Name, store.Changes{"password": {"", ""}}); err != nil {
			return err
		}
		return c.say("Your password was changed. Wherever else you were logged in, you are not any more.")
	})
	if err != nil {
		return err
	}
	setCookie(r.w, r.Request, secret)
	r.rememberDevice(r.session.User.ID)
	return r.redirect(home)
}

// checkAgain sees to it that a form gives the new password twice.
func (r *request) checkAgain(f *form) {
	if r.PostForm.Get("password") != r.PostForm.Get("again") {
		f.problem("again", "is not the same")
	}
}

// newPassword is the hash of the password that a form gives twice, or the form says what is wrong with it.
func (r *request) newPassword(f *form) (store.PasswordHash, error) {
	if r.checkAgain(f); f.Bad() {
		return "", nil
	}
	hash, err := r.admin.store.HashPassword(r.Context(), r.PostForm.Get("password"))
	if err != nil && f.blame(err, "") {
		return "", nil
	}
	return hash, err
}
