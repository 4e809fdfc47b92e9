package admin

import (
	"errors"
	"net/http"
	"strconv"

	"multiproc/store"
)

const usersPath = home + "users"

func (a *Admin) userRoutes() []route {
	const one = usersPath + "/{id}"
	return []route{
		{method: "GET", path: usersPath, least: superusers, handle: listUsers, nav: "Users"},
		{method: "GET", path: usersPath + "/add", least: superusers, handle: showNewUser},
		{method: "POST", path: usersPath + "/add", least: superusers, handle: addUser},
		{method: "GET", path: one, least: superusers, handle: showUser},
		{method: "POST", path: one, least: superusers, handle: changeUser},
		{method: "GET", path: one + "/password", least: superusers, handle: showUserPassword},
		{method: "POST", path: one + "/password", least: superusers, handle: changeUserPassword},
		{method: "GET", path: one + "/delete", least: superusers, handle: confirmUserDeletion},
		{method: "POST", path: one + "/delete", least: superusers, handle: deleteUser},
	}
}

func userPath(id int64) string { return usersPath + "/" + strconv.FormatInt(id, 10) }

func userCrumbs() []crumb { return []crumb{{"Users", usersPath}} }

// userFields are those that both a new user and one that is there have.
func userFields(u store.User) []*field {
	return []*field{
		{Name: "username", Label: "User name", Value: u.Name, Required: true, Autocomplete: "off", Help: "Letters, digits and @ . + - _"},
		{
			Name: "role", Label: "Role", Kind: "select", Value: string(u.Role),
			Options: []option{
				{string(store.RoleViewer), "Viewer: reads"},
				{string(store.RoleStaff), "Staff: also changes transactions, APIs and statuses"},
				{string(store.RoleSuperuser), "Superuser: also manages users and tokens"},
			},
		},
		{Name: "active", Label: "Active", Kind: "checkbox", Checked: u.Active, Help: "Only active users can log in."},
	}
}

// userOf is what a form says of a user.
func userOf(r *request) store.User {
	return store.User{
		Name:   r.PostForm.Get("username"),
		Role:   store.Role(r.PostForm.Get("role")),
		Active: r.PostForm.Get("active") != "",
	}
}

// userPage is what the page of a user shows.
type userPage struct {
	User    store.User
	Path    string
	Form    *form
	History objectHistory
}

// user is the one of the path.
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

// renderUser shows one; f is the form as it was filled in, or nil.
func (r *request) renderUser(status int, u store.User, f *form) error {
	var entries []entryView
	err := r.view(func(tx *store.Tx) (err error) {
		if f == nil {
			if u, err = tx.User(u.ID); err != nil {
				return err
			}
			if f, err = userForm(tx, u); err != nil {
				return err
			}
		}
		entries, err = historyOf(tx, store.KindUser, u.ID)
		return err
	})
	if err != nil {
		return err
	}
	data := userPage{u, userPath(u.ID), f, objectHistoryOf(store.KindUser, u.ID, entries)}
	return r.render(status, "user", page{Title: u.Name, Crumbs: userCrumbs(), Data: data})
}

// userForm is the form of one that is there.
func userForm(tx *store.Tx, u store.User) (*form, error) {
	f := &form{Fields: userFields(u), Submit: "Save", Cancel: usersPath}
	return f, f.versioned(tx, store.KindUser, u.ID)
}

func showUser(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	return r.renderUser(http.StatusOK, user, nil)
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
		if f, err = userForm(c.Tx, before); err != nil {
			return err
		}
		f.fill(r)
		after := userOf(r)
		after.ID = before.ID
		what := store.Changes{}
		what.Differ("name", before.Name, after.Name)
		what.Differ("role", before.Role, after.Role)
		what.Differ("active", before.Active, after.Active)
		if len(what) == 0 {
			return c.say("Nothing was changed.")
		}
		if err := f.checkVersion(c.Tx, store.KindUser, before.ID); err != nil {
			return err
		}
		if err := c.UpdateUser(after); err != nil {
			return err
		}
		if err := c.keepSuperuser(); err != nil {
			return err
		}
		if err := c.record(store.ActionChange, store.KindUser, after.ID, after.Name, what); err != nil {
			return err
		}
		if after.ID == c.actor.ID && (before.Role != after.Role || !after.Active) {
			return nil // that was the end of the session, and there is nobody to be told
		}
		return c.say("The user %s was saved.", after.Name)
	})
	switch {
	case err == nil:
		return r.redirect(usersPath)
	case f == nil && errors.Is(err, store.ErrNotFound):
		empty := func(*store.Tx) (*form, error) { return newUserForm(), nil }
		return r.renderGone(gone{kind: store.KindUser, id: id, page: page{Crumbs: userCrumbs()}, add: usersPath + "/add", form: empty})
	case f == nil:
		return err
	case errors.Is(err, errStale):
		return r.renderUser(http.StatusConflict, before, f)
	}
	if f.blameLastSuperuser(err) || f.blame(err, "username") {
		return r.renderUser(http.StatusUnprocessableEntity, before, f)
	}
	return err
}
