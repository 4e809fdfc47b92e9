package admin

import (
	"errors"
	"net/http"
	"strconv"

	"multiproc/store"
)

func userPath(id int64) string { return usersPath + "/" + strconv.FormatInt(id, 10) }

func userCrumbs() []crumb { return []crumb{{"Users", usersPath}} }

// userFields returns the fields that a new and a stored user have.
func userFields(u store.User) []*field {
	return []*field{
		{Name: "username", Label: "User name", Value: u.Name, Required: true, Autocomplete: "off", Help: "Letters, digits and @ . + - _"},
		{
			Name: "role", Label: "Role", Kind: "select", Value: string(u.Role),
			Options: []option{
				{string(store.RoleViewer), "Viewer: can read"},
				{string(store.RoleStaff), "Staff: can also change transactions, APIs and statuses"},
				{string(store.RoleSuperuser), "Superuser: can also manage users and tokens"},
			},
		},
		{Name: "active", Label: "Active", Kind: "checkbox", Checked: u.Active, Help: "Only active users can log in."},
	}
}

// userOf returns the user that a form describes.
func userOf(r *request) store.User {
	return store.User{
		Name:   r.PostForm.Get("username"),
		Role:   store.Role(r.PostForm.Get("role")),
		Active: r.PostForm.Get("active") != "",
	}
}

// userForm returns the form of a stored user.
func userForm(u store.User) *form {
	f := &form{Fields: userFields(u), Submit: "Save", Cancel: usersPath}
	return f.versioned()
}

func newUserForm() *form {
	fields := userFields(store.User{Role: store.RoleViewer, Active: true})
	fields[0].Focus = true
	return &form{Fields: append(fields, passwordFields()...), Submit: "Add user", Cancel: usersPath}
}

// userView is the page of one user.
type userView struct {
	Path    string
	Form    *form
	History objectHistory
}

// user returns the user in the path.
func (r *request) user() (user store.User, err error) {
	id, err := r.id()
	if err != nil {
		return store.User{}, err
	}
	err = r.view(func(tx *store.Tx) error {
		user, err = tx.User(id)
		return err
	})
	return user, err
}

func showUser(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	return r.renderUser(http.StatusOK, user, userForm(user))
}

func (r *request) renderUser(status int, u store.User, f *form) error {
	view := userView{Path: userPath(u.ID), Form: f}
	err := r.view(func(tx *store.Tx) (err error) {
		view.History, err = historyOf(tx, store.KindUser, u.ID)
		return err
	})
	if err != nil {
		return err
	}
	return r.render(status, "user", page{Title: u.Name, Crumbs: userCrumbs(), Data: view})
}

func showNewUser(r *request) error { return r.renderNewUser(http.StatusOK, newUserForm()) }

func (r *request) renderNewUser(status int, f *form) error {
	return r.render(status, "form", page{Title: "Add user", Crumbs: userCrumbs(), Data: f})
}

func addUser(r *request) error {
	f := newUserForm()
	f.fill(r)
	hash, err := r.newPassword(f)
	if err != nil {
		return err
	}
	if f.Bad() {
		return r.renderNewUser(http.StatusUnprocessableEntity, f)
	}
	err = r.change(func(c *change) error {
		user, err := c.CreateUser(userOf(r), hash)
		if err != nil {
			return err
		}
		c.say("The user %s was added.", user.Name)
		changes := store.Changes{"role": {"", user.Role}, "active": {false, user.Active}}
		return c.record(store.ActionCreate, store.KindUser, user.ID, user.Name, changes)
	})
	return r.saved(err, f, "username", usersPath, func(status int) error { return r.renderNewUser(status, f) }, nil)
}

func changeUser(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	var before store.User
	var f *form
	err = r.change(func(c *change) (err error) {
		if before, err = c.User(id); err != nil {
			return err
		}
		f = userForm(before)
		f.fill(r)
		after := userOf(r)
		after.ID = before.ID
		changes := store.Changes{}
		changes.Differ("name", before.Name, after.Name)
		changes.Differ("role", before.Role, after.Role)
		changes.Differ("active", before.Active, after.Active)
		if len(changes) == 0 {
			c.say("Nothing was changed.")
			return nil
		}
		if err := f.checkVersion(); err != nil {
			return err
		}
		if err := c.UpdateUser(after); err != nil {
			return err
		}
		if err := c.keepSuperuser(); err != nil {
			return err
		}
		c.say("The user %s was changed.", after.Name) // unless that has ended the session
		return c.record(store.ActionChange, store.KindUser, after.ID, after.Name, changes)
	})
	if errors.Is(err, errLastSuperuser) {
		f.Fault, err = lastSuperuser, nil
	}
	again := func(status int) error { return r.renderUser(status, before, f) }
	return r.saved(err, f, "username", usersPath, again, func() error {
		return r.renderDeleted(newUserForm(), usersPath+"/add", userCrumbs())
	})
}

// errLastSuperuser reports a change that would leave no active superuser.
var errLastSuperuser = errors.New("last active superuser")

const lastSuperuser = "Nothing was changed: this is the last active superuser, and no other user could manage users."

// keepSuperuser fails if the transaction leaves no active superuser. Writers take turns, so two superusers cannot demote each
// other at once.
func (c *change) keepSuperuser() error {
	n, err := c.ActiveSuperusers()
	if err == nil && n == 0 {
		err = errLastSuperuser
	}
	return err
}

func showDeleteUser(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	return r.renderDeleteUser(http.StatusOK, user.ID, "")
}

func (r *request) renderDeleteUser(status int, id int64, fault string) error {
	return r.renderDeletion(status, fault, func(tx *store.Tx) (deletion, error) {
		u, err := tx.User(id)
		return deletion{
			One: "user", Name: u.Name, Path: userPath(id), Crumbs: userCrumbs(), stored: userForm(u),
			Note: "All sessions of this user end. The user's actions and history stay. To only prevent logins, make the user inactive instead.",
		}, err
	})
}

func deleteUser(r *request) error {
	id, err := r.id()
	if err != nil {
		return err
	}
	err = r.change(func(c *change) error {
		user, err := c.User(id)
		if err != nil {
			return err
		}
		if err := r.checkDeletion(userForm(user)); err != nil {
			return err
		}
		if err := c.DeleteUser(id); err != nil {
			return err
		}
		if err := c.keepSuperuser(); err != nil {
			return err
		}
		c.say("The user %s was deleted.", user.Name)
		return c.record(store.ActionDelete, store.KindUser, id, user.Name, nil)
	})
	switch {
	case err == nil:
		return r.redirect(usersPath)
	case errors.Is(err, errStale):
		return r.renderDeleteUser(http.StatusConflict, id, changedBeforeDeletion)
	case errors.Is(err, errLastSuperuser):
		return r.renderDeleteUser(http.StatusConflict, id, lastSuperuser)
	}
	return err
}
