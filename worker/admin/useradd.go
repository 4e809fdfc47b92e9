package admin

import (
	"net/http"

	"multiproc/store"
)

func newUserForm() *form {
	fields := userFields(store.User{Role: store.RoleViewer, Active: true})
	fields[0].Focus = true
	return &form{Fields: append(fields, passwordFields()...), Submit: "Add user", Cancel: usersPath}
}

func (r *request) renderNewUser(status int, f *form) error {
	return r.render(status, "form", page{Title: "Add user", Crumbs: userCrumbs(), Data: f})
}

func showNewUser(r *request) error { return r.renderNewUser(http.StatusOK, newUserForm()) }

func addUser(r *request) error {
	f := newUserForm()
	f.fill(r)
	hash, err := r.newPassword(f)
	if err != nil {
		return err
	}
	if !f.Bad() {
		err = r.change(func(c *change) error {
			user, err := c.CreateUser(userOf(r), hash)
			if err != nil {
				return err
			}
			if err := c.record(store.ActionCreate, store.KindUser, user.ID, user.Name, store.Changes{"role": {"", user.Role}, "active": {false, user.Active}}); err != nil {
				return err
			}
			return c.say("The user %s was added.", user.Name)
		})
		if err == nil {
			return r.redirect(usersPath)
		}
		if !f.blame(err, "username") {
			return err
		}
	}
	return r.renderNewUser(http.StatusUnprocessableEntity, f)
}
