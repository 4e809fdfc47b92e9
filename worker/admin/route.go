package admin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"multiproc/store"
	"multiproc/worker/internal/web"
)

// home is the path of the first page, and the root of all others.
const home = "/admin/"

// route is a method of a path, and the access that it needs.
type route struct {
	method, path string
	least        access
	handle       func(*request) error
	nav          string // its name in the navigation; empty: not there
}

// access is the right to take a route. Each one includes those before it.
type access int

const (
	nobody     access = iota // the zero value: a route without an access is refused
	everybody                // without a login
	viewers                  // may read
	staff                    // may also change transactions, APIs and statuses
	superusers               // may also manage users and tokens
)

func accessOf(role store.Role) access {
	switch role {
	case store.RoleViewer:
		return viewers
	case store.RoleStaff:
		return staff
	case store.RoleSuperuser:
		return superusers
	}
	return nobody
}

// routes returns all routes; those of the navigation in its order.
func routes() []route {
	const transaction, user, token = transactionsPath + "/{id}", usersPath + "/{id}", tokensPath + "/{id}"
	return slices.Concat([]route{
		{method: "GET", path: home + "{$}", least: viewers, handle: showOverview, nav: "Overview"},

		{method: "GET", path: transactionsPath, least: viewers, handle: listTransactions, nav: "Transactions"},
		{method: "GET", path: transactionsPath + ".csv", least: viewers, handle: exportTransactions},
		{method: "POST", path: transactionsPath, least: staff, handle: bulk},
		{method: "GET", path: transactionsPath + "/add", least: staff, handle: showAddTransaction},
		{method: "POST", path: transactionsPath + "/add", least: staff, handle: addTransaction},
		{method: "GET", path: transaction, least: viewers, handle: showTransaction},
		{method: "POST", path: transaction, least: staff, handle: changeTransaction},
		{method: "GET", path: transaction + "/delete", least: staff, handle: showDeleteTransaction},
		{method: "POST", path: transaction + "/delete", least: staff, handle: deleteTransaction},
	}, apis().routes(), statuses().routes(), []route{
		{method: "GET", path: historyPath, least: viewers, handle: showHistory, nav: "History"},

		{method: "GET", path: workersPath, least: staff, handle: showWorkers, nav: "Workers"},
		{method: "GET", path: workersPath + "/files/{file}", least: staff, handle: showMetricFile},

		{method: "GET", path: usersPath, least: superusers, handle: listUsers, nav: "Users"},
		{method: "GET", path: usersPath + "/add", least: superusers, handle: showNewUser},
		{method: "POST", path: usersPath + "/add", least: superusers, handle: addUser},
		{method: "GET", path: user, least: superusers, handle: showUser},
		{method: "POST", path: user, least: superusers, handle: changeUser},
		{method: "GET", path: user + "/password", least: superusers, handle: showUserPassword},
		{method: "POST", path: user + "/password", least: superusers, handle: changeUserPassword},
		{method: "GET", path: user + "/delete", least: superusers, handle: showDeleteUser},
		{method: "POST", path: user + "/delete", least: superusers, handle: deleteUser},

		{method: "GET", path: tokensPath, least: superusers, handle: listTokens, nav: "Tokens"},
		{method: "GET", path: tokensPath + "/add", least: superusers, handle: showNewToken},
		{method: "POST", path: tokensPath + "/add", least: superusers, handle: addToken},
		{method: "GET", path: token + "/revoke", least: superusers, handle: confirmTokenRevocation},
		{method: "POST", path: token + "/revoke", least: superusers, handle: revokeToken},

		{method: "GET", path: home + "login", least: everybody, handle: showLogin},
		{method: "POST", path: home + "login", least: everybody, handle: login},
		{method: "POST", path: home + "logout", least: viewers, handle: logout},
		{method: "GET", path: home + "password", least: viewers, handle: showOwnPassword},
		{method: "POST", path: home + "password", least: viewers, handle: changeOwnPassword},

		{method: "GET", path: home + "assets/{hash}/{name}", least: everybody, handle: serveAsset},
	})
}

// register serves the routes.
func (a *Admin) register() {
	var table []web.Route
	for _, r := range routes() {
		table = append(table, web.Route{Method: r.method, Path: r.path, Handler: a.handler(r)})
		if r.nav != "" {
			a.navigation = append(a.navigation, r)
		}
	}
	a.mux = web.NewMux(home, table, func(w http.ResponseWriter, r *http.Request, allow string) {
		if page := a.withoutSlash(r); page != "" {
			w.Header().Set("Location", page)
			w.WriteHeader(http.StatusMovedPermanently)
			return
		}
		err := errNoPage
		if allow != "" {
			err = &failure{
				status: http.StatusMethodNotAllowed, detail: "Allowed methods: " + allow + ".", header: http.Header{"Allow": {allow}},
			}
		}
		a.request(w, r, route{}).fail(err)
	})
}

// withoutSlash returns the address of the page whose path was requested with a slash at the end, empty if there is none.
func (a *Admin) withoutSlash(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead || !strings.HasSuffix(r.URL.Path, "/") {
		return ""
	}
	page := url.URL{Path: strings.TrimSuffix(r.URL.Path, "/"), RawPath: strings.TrimSuffix(r.URL.RawPath, "/"), RawQuery: r.URL.RawQuery}
	_, pattern := a.Handler(&http.Request{Method: r.Method, URL: &page, Host: r.Host})
	if !strings.HasPrefix(pattern, http.MethodGet) {
		return ""
	}
	return page.String()
}

// handler serves a route.
func (a *Admin) handler(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := a.request(w, r, route)
		defer q.recover()
		err := q.admit()
		if err == nil {
			err = route.handle(q)
		}
		if err != nil {
			q.fail(err)
		}
	})
}
