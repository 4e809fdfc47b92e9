package admin

import (
	"errors"
	"net/http"

	"multiproc/store"
)

const usersPath = home + "users"

// usersView is the page of the list of users.
type usersView struct {
	Path     string
	Search   string
	Role     *field
	Filtered bool
	Hidden   []hidden // of the filter form
	Columns  []column
	Users    []userRow
	Pager    pager
}

type userRow struct {
	store.User
	Path string
}

func listUsers(r *request) error {
	list := r.listURL(usersPath, "q", "role")
	view := usersView{Path: usersPath, Search: list.query.Get("q"), Hidden: list.hiddenFields("q", "role")}
	view.Role = &field{Name: "role", Label: "Role", Kind: "select", Value: list.query.Get("role"), Options: []option{
		{"", "any"}, {string(store.RoleViewer), "viewer"}, {string(store.RoleStaff), "staff"}, {string(store.RoleSuperuser), "superuser"},
	}}
	view.Filtered = view.Search != "" || view.Role.Value != ""
	sort := list.sort(store.Sort{By: store.SortName})
	view.Columns = []column{
		list.column("User name", store.SortName, "", sort), list.column("Role", store.SortRole, "", sort),
		{Label: "Active"},
		list.column("Last login (UTC)", store.SortLogin, "time", sort), list.column("Created (UTC)", store.SortCreated, "time", sort),
	}
	q := store.UserQuery{Search: view.Search, Role: store.Role(view.Role.Value), Sort: sort, Page: r.storePage()}
	return r.show(http.StatusOK, "users", func(tx *store.Tx) (page, error) {
		users, err := tx.Users(q)
		for _, u := range users.Items {
			view.Users = append(view.Users, userRow{u, pathOf(store.KindUser, u.ID)})
		}
		view.Pager = pagerOf(list, q.Page, users)
		return page{Title: "Users", Data: view}, badAddress(err)
	})
}

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
	return &form{title: "Add user", crumbs: userCrumbs(), Fields: append(fields, passwordFields()...), Submit: "Add user", Cancel: usersPath}
}

// userView is the page of one user.
type userView struct {
	Path    string
	Form    *form
	History objectHistory
}

func showUser(r *request) error { return renderUser(r, http.StatusOK, nil) }

// renderUser shows a user; f is the form as it was filled in, or nil.
func renderUser(r *request, status int, f *form) error {
	return r.show(status, "user", func(tx *store.Tx) (page, error) {
		u, err := tx.User(r.id)
		if err != nil {
			return page{}, err
		}
		view := userView{Path: pathOf(store.KindUser, r.id), Form: f}
		if f == nil {
			view.Form = userForm(u)
		}
		view.History, err = historyOf(tx, store.KindUser, r.id)
		return page{Title: u.Name, Crumbs: userCrumbs(), Data: view}, err
	})
}

func renderDeletedUser(r *request) error { return r.renderDeleted(newUserForm(), usersPath+"/add") }

func showNewUser(r *request) error { return r.renderForm(http.StatusOK, newUserForm()) }

func addUser(r *request) error {
	f := newUserForm()
	f.fill(r)
	hash, err := r.newPassword(f)
	if err == nil {
		err = r.change(func(c *change) error {
			user, err := c.CreateUser(userOf(r), hash)
			if err != nil {
				return err
			}
			c.setMessage("The user %s was added.", user.Name)
			changes := store.Changes{"role": {"", user.Role}, "active": {false, user.Active}}
			return c.record(store.ActionCreate, store.KindUser, user.ID, user.Name, changes)
		})
	}
	return r.saved(err, f, "username", usersPath, (*request).renderForm, nil)
}

func changeUser(r *request) error {
	var f *form
	err := r.change(func(c *change) error {
		before, err := c.User(r.id)
		if err != nil {
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
			c.setMessage("Nothing was changed.")
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
		c.setMessage("The user %s was changed.", after.Name) // unless that has ended the session
		return c.record(store.ActionChange, store.KindUser, after.ID, after.Name, changes)
	})
	if errors.Is(err, errLastSuperuser) {
		f.Fault, err = lastSuperuser, errFaulty
	}
	return r.saved(err, f, "username", usersPath, renderUser, renderDeletedUser)
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

func showDeleteUser(r *request) error { return renderDeleteUser(r, http.StatusOK, "") }

func renderDeleteUser(r *request, status int, fault string) error {
	return r.renderDeletion(status, fault, func(tx *store.Tx) (deletion, error) {
		u, err := tx.User(r.id)
		return deletion{
			One: "user", Name: u.Name, Path: pathOf(store.KindUser, r.id), Crumbs: userCrumbs(), stored: userForm(u),
			Note: "All sessions of this user end. The user's actions and history stay. To only prevent logins, make the user inactive instead.",
		}, err
	})
}

func deleteUser(r *request) error {
	err := r.change(func(c *change) error {
		user, err := c.User(r.id)
		if err != nil {
			return err
		}
		if err := r.checkDeletion(userForm(user)); err != nil {
			return err
		}
		if err := c.DeleteUser(r.id); err != nil {
			return err
		}
		if err := c.keepSuperuser(); err != nil {
			return err
		}
		c.setMessage("The user %s was deleted.", user.Name)
		return c.record(store.ActionDelete, store.KindUser, r.id, user.Name, nil)
	})
	return r.deleted(err, usersPath, renderDeleteUser)
}
