package admin

import (
	"errors"
	"fmt"
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

// userList is what the page of users shows.
type userList struct {
	Path     string
	Search   string
	Role     *field
	Filtered bool
	Hidden   []hidden // what the form of the filter sends along
	Columns  []column
	Users    []userRow
	Pager    pager
}

// userOrders are those of the list, by the parameter "order".
var userOrders = map[string]store.UserOrder{"role": store.UsersByRole, "login": store.UsersByLastLogin, "created": store.UsersByCreated}

type userRow struct {
	store.User
	Path string
}

func userPath(id int64) string { return usersPath + "/" + strconv.FormatInt(id, 10) }

func listUsers(r *request) error {
	at := r.listURL(usersPath, "q", "role", "order", "down")
	list := userList{Path: usersPath, Search: at.query.Get("q"), Hidden: at.hiddenFields("q", "role")}
	list.Role = &field{Name: "role", Label: "Role", Kind: "select", Value: at.query.Get("role"), Options: []option{
		{"", "any"}, {string(store.RoleViewer), "viewer"}, {string(store.RoleStaff), "staff"}, {string(store.RoleSuperuser), "superuser"},
	}}
	list.Filtered = list.Search != "" || list.Role.Value != ""
	sorting := sortingOf(at)
	list.Columns = []column{
		sorting.column("User name", "", ""), sorting.column("Role", "role", ""),
		{Label: "Active"},
		sorting.column("Last login (UTC)", "login", "time"), sorting.column("Created (UTC)", "created", "time"),
	}
	q := store.UserQuery{
		Search: list.Search, Role: store.Role(list.Role.Value), Order: userOrders[sorting.order], Descending: sorting.down, Page: r.storePage(),
	}
	err := r.view(func(tx *store.Tx) error {
		users, err := tx.FindUsers(q)
		if err != nil {
			return badCursor(err)
		}
		for _, u := range users.Items {
			list.Users = append(list.Users, userRow{u, userPath(u.ID)})
		}
		list.Pager = pagerOf(at, q.Page, users)
		return nil
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "users", page{Title: "Users", Data: list})
}

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

func passwordFields() []*field {
	return []*field{
		{Name: "password", Label: "Password", Kind: "password", Required: true, Autocomplete: "new-password", Help: passwordHelp},
		{Name: "again", Label: "Password again", Kind: "password", Required: true, Autocomplete: "new-password"},
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
			if err := c.record(store.ActionCreate, kindUser, user.ID, user.Name, store.Changes{"role": {"", user.Role}, "active": {false, user.Active}}); err != nil {
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
		entries, err = historyOf(tx, kindUser, u.ID)
		return err
	})
	if err != nil {
		return err
	}
	data := userPage{u, userPath(u.ID), f, objectHistoryOf(kindUser, u.ID, entries)}
	return r.render(status, kindUser, page{Title: u.Name, Crumbs: userCrumbs(), Data: data})
}

// userForm is the form of one that is there.
func userForm(tx *store.Tx, u store.User) (*form, error) {
	f := &form{Fields: userFields(u), Submit: "Save", Cancel: usersPath}
	return f, f.versioned(tx, kindUser, u.ID)
}

func showUser(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	return r.renderUser(http.StatusOK, user, nil)
}

// errLastSuperuser says why a change is refused that would leave nobody who can manage users.
var errLastSuperuser = errors.New("this is the last active superuser")

// keepSuperuser fails where the transaction has left no active superuser. Writers take turns, so that two who take each
// other's right away cannot both succeed.
func (c *change) keepSuperuser() error {
	n, err := c.ActiveSuperusers()
	if err == nil && n == 0 {
		err = errLastSuperuser
	}
	return err
}

func changeUser(r *request) error {
	before, err := r.user()
	if err != nil {
		return err
	}
	var f *form
	err = r.change(func(c *change) error {
		before, err := c.User(before.ID)
		if err != nil {
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
		if err := f.checkVersion(c.Tx, kindUser, before.ID); err != nil {
			return err
		}
		if err := c.UpdateUser(after); err != nil {
			return err
		}
		if err := c.keepSuperuser(); err != nil {
			return err
		}
		if err := c.record(store.ActionChange, kindUser, after.ID, after.Name, what); err != nil {
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
		if err := c.record(store.ActionChange, kindUser, user.ID, user.Name, store.Changes{"password": {"", ""}}); err != nil {
			return err
		}
		return c.say("The user %s has another password, and is logged in nowhere.", user.Name)
	})
	if err != nil {
		return err
	}
	return r.redirect(userPath(user.ID))
}

func confirmUserDeletion(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	return r.renderUserDeletion(http.StatusOK, user, &form{})
}

func (r *request) renderUserDeletion(status int, user store.User, f *form) error {
	err := r.view(func(tx *store.Tx) (err error) {
		if user, err = tx.User(user.ID); err != nil {
			return err
		}
		version, err := versionOf(tx, kindUser, user.ID, &form{Fields: userFields(user)})
		f.Version = version.String()
		return err
	})
	if err != nil {
		return err
	}
	f.Submit, f.Cancel, f.Danger = "Delete", userPath(user.ID), true
	f.Text = []string{
		fmt.Sprintf("The user %s is to be deleted, and all sessions of that user end.", user.Name),
		"What the user has done stays, and so does what the history says of it. Who only must not log in any more can be made inactive instead.",
	}
	return r.render(status, "form", page{
		Title:  "Delete user",
		Crumbs: append(userCrumbs(), crumb{user.Name, userPath(user.ID)}),
		Data:   f,
	})
}

func deleteUser(r *request) error {
	user, err := r.user()
	if err != nil {
		return err
	}
	ask := &form{} // again, if need be
	err = r.change(func(c *change) error {
		user, err := c.User(user.ID)
		if err != nil {
			return err
		}
		if err := ask.checkDeletion(c, kindUser, user.ID, &form{Fields: userFields(user)}); err != nil {
			return err
		}
		if err := c.DeleteUser(user.ID); err != nil {
			return err
		}
		if err := c.keepSuperuser(); err != nil {
			return err
		}
		if err := c.record(store.ActionDelete, kindUser, user.ID, user.Name, nil); err != nil {
			return err
		}
		if user.ID == c.actor.ID {
			return nil // and so is the session
		}
		return c.say("The user %s was deleted.", user.Name)
	})
	if err == nil {
		return r.redirect(usersPath)
	}
	if errors.Is(err, errStale) || ask.blameLastSuperuser(err) {
		return r.renderUserDeletion(http.StatusConflict, user, ask)
	}
	return err
}

// blameLastSuperuser shows that the last active superuser stays one, if that is the error.
func (f *form) blameLastSuperuser(err error) bool {
	if !errors.Is(err, errLastSuperuser) {
		return false
	}
	f.Fault = "This is the last active superuser: nobody else could manage users any more."
	return true
}
