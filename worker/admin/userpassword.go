package admin

import (
	"net/http"

	"multiproc/store"
)

func userPasswordForm(u store.User) *form {
	fields := passwordFields()
	fields[0].Focus = true
	return &form{Fields: fields, Submit: "Set password", Cancel: userPath(u.ID)}
}

func (r *request) renderUserPassword(status int, u store.User, f *form) error {
	return r.render(status, "form", page{
		Title:  "Set password",
		Crumbs: append(userCrumbs(), crumb{u.Name, userPath(u.ID)}),
		Data:   f,
	})
}

func showUserPassword(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	if user.ID == r.session.User.ID {
		return r.redirect(home + "password") // where the old one is asked for
	}
	return r.renderUserPassword(http.StatusOK, user, userPasswordForm(user))
}

func changeUserPassword(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	if user.ID == r.session.User.ID {
		return errForbidden
	}
	f := userPasswordForm(user)
	hash, err := r.newPassword(f)
	if err != nil {
		return err
	}
	if f.Bad() {
		return r.renderUserPassword(http.StatusUnprocessableEntity, user, f)
	}
	err = r.change(func(c *change) error {
		if err := c.SetPassword(user.ID, hash); err != nil {
			return err
		}
		if err := c.record(store.ActionChange, store.KindUser, user.ID, user.Name, store.Changes{"password": {"", ""}}); err != nil {
			return err
		}
		return c.say("The user %s has another password, and is logged in nowhere.", user.Name)
	})
	if err != nil {
		return err
	}
	return r.redirect(userPath(user.ID))
}
