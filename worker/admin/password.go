package admin

import (
	"errors"
	"net/http"

	"multiproc/store"
)

func passwordFields() []*field {
	const help = "At least 8 characters. Several unrelated words are safe and easy to remember."
	return []*field{
		{Name: "password", Label: "New password", Kind: "password", Required: true, Autocomplete: "new-password", Help: help},
		{Name: "again", Label: "Repeat new password", Kind: "password", Required: true, Autocomplete: "new-password"},
	}
}

// checkRepeated checks that a form has the new password twice.
func (r *request) checkRepeated(f *form) {
	if r.PostForm.Get("password") != r.PostForm.Get("again") {
		f.problem("again", "Passwords do not match.")
	}
}

// newPassword returns the hash of the new password in a form. It fails with errFaulty if the two differ.
func (r *request) newPassword(f *form) (store.PasswordHash, error) {
	if r.checkRepeated(f); f.Bad() {
		return "", errFaulty
	}
	return r.admin.store.HashPassword(r.Context(), r.PostForm.Get("password"))
}

func ownPasswordForm(user store.User) *form {
	return &form{
		title:  "Change password",
		Submit: "Change password",
		Cancel: home,
		Fields: append([]*field{
			// Password managers need the name of the user.
			{Name: "username", Label: "User name", Value: user.Name, Autocomplete: "username", Fixed: true},
			{Name: "old", Label: "Old password", Kind: "password", Required: true, Autocomplete: "current-password", Focus: true},
		}, passwordFields()...),
	}
}

func showOwnPassword(r *request) error {
	return r.renderForm(http.StatusOK, ownPasswordForm(r.session.User))
}

// changeOwnPassword ends all sessions of the user, and begins a new one in place of this.
func changeOwnPassword(r *request) error {
	f := ownPasswordForm(r.session.User)
	if r.checkRepeated(f); f.Bad() {
		return r.renderForm(http.StatusUnprocessableEntity, f)
	}
	// The old password first: its failures are limited, and only a user who knows it may cause the work of a new hash.
	err := r.admin.store.Confirm(r.Context(), r.credentials(r.session.User.Name, r.PostForm.Get("old")))
	switch {
	case errors.Is(err, store.ErrCredentials):
		f.problem("old", "is not your password")
		return r.renderForm(http.StatusUnprocessableEntity, f)
	case r.refuseLogin(f, err):
		return r.renderForm(http.StatusTooManyRequests, f)
	case err != nil:
		return err
	}
	hash, err := r.newPassword(f)
	if err == nil {
		err = r.change(func(c *change) error {
			if err := c.SetPassword(c.actor.ID, hash); err != nil {
				return err
			}
			if r.session, r.secret, err = c.CreateSession(c.actor.ID); err != nil {
				return err
			}
			c.setMessage("Your password was changed. You were logged out everywhere else.")
			return c.recordPassword(c.actor)
		})
	}
	if err == nil {
		setCookie(r.w, r.Request, r.secret)
	}
	return r.saved(err, f, "", home, (*request).renderForm, nil)
}

// userPassword returns the user in the path and the form for a new password.
func (r *request) userPassword() (user store.User, f *form, err error) {
	err = r.view(func(tx *store.Tx) error {
		user, err = tx.User(r.id)
		return err
	})
	if err != nil {
		return user, nil, err
	}
	path, fields := pathOf(store.KindUser, r.id), passwordFields()
	fields[0].Focus = true
	return user, &form{
		title: "Set password", crumbs: append(userCrumbs(), crumb{user.Name, path}), Fields: fields, Submit: "Set password", Cancel: path,
	}, nil
}

func showUserPassword(r *request) error {
	_, f, err := r.userPassword()
	switch {
	case err != nil:
		return err
	case r.id == r.session.User.ID:
		return r.redirect(home + "password") // which asks for the old one
	}
	return r.renderForm(http.StatusOK, f)
}

func changeUserPassword(r *request) error {
	user, f, err := r.userPassword()
	if err != nil {
		return err
	}
	if r.id == r.session.User.ID {
		return errForbidden
	}
	hash, err := r.newPassword(f)
	if err == nil {
		err = r.change(func(c *change) error {
			if err := c.SetPassword(user.ID, hash); err != nil {
				return err
			}
			c.setMessage("The password of %s was changed. All sessions of %[1]s have ended.", user.Name)
			return c.recordPassword(user)
		})
	}
	return r.saved(err, f, "", pathOf(store.KindUser, r.id), (*request).renderForm, nil)
}

// recordPassword records a new password in the audit log.
func (c *change) recordPassword(u store.User) error {
	return c.record(store.ActionChange, store.KindUser, u.ID, u.Name, store.Changes{"password": {"", ""}})
}
