package admin

import (
	"net/http"

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
		{method: "GET", path: one + "/delete", least: superusers, handle: showDeleteUser},
		{method: "POST", path: one + "/delete", least: superusers, handle: deleteUser},
	}
}

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
	err := r.view(func(tx *store.Tx) error {
		users, err := tx.Users(q)
		if err != nil {
			return badAddress(err)
		}
		for _, u := range users.Items {
			view.Users = append(view.Users, userRow{u, userPath(u.ID)})
		}
		view.Pager = pagerOf(list, q.Page, users)
		return nil
	})
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "users", page{Title: "Users", Data: view})
}
