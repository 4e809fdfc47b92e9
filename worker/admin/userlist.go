package admin

import (
	"net/http"

	"multiproc/store"
)

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
var userOrders = map[string]store.SortKey{"role": store.SortRole, "login": store.SortLogin, "created": store.SortCreated}

type userRow struct {
	store.User
	Path string
}

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
		Search: list.Search, Role: store.Role(list.Role.Value), Sort: store.Sort{By: userOrders[sorting.order], Descending: sorting.down}, Page: r.storePage(),
	}
	err := r.view(func(tx *store.Tx) error {
		users, err := tx.Users(q)
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
