package admin

import (
	"errors"
	"net/http"

	"multiproc/store"
)

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
	if r.refuseLogin(f, err) {
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
	err = r.change(func(c *change) error {
		if err := c.SetPassword(c.actor.ID, hash); err != nil {
			return err
		}
		if r.session, r.secret, err = c.CreateSession(c.actor.ID); err != nil {
			return err
		}
		if err := c.record(store.ActionChange, store.KindUser, c.actor.ID, c.actor.Name, store.Changes{"password": {"", ""}}); err != nil {
			return err
		}
		return c.say("Your password was changed. You were logged out everywhere else.")
	})
	if err != nil {
		return err
	}
	setCookie(r.w, r.Request, r.secret)
	return r.redirect(home)
}
