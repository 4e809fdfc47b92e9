package admin

import (
	"net/http"
	"slices"

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
func (a *Admin) routes() []route {
	return slices.Concat(
		a.overviewRoutes(),
		a.transactionRoutes(),
		apis().routes(),
		statuses().routes(),
		a.historyRoutes(),
		a.workerRoutes(),
		a.userRoutes(),
		a.tokenRoutes(),
		a.accountRoutes(),
		a.assetRoutes(),
	)
}

// register serves routes.
func (a *Admin) register(routes []route) {
	var table []web.Route
	for _, r := range routes {
		table = append(table, web.Route{Method: r.method, Path: r.path, Handler: a.handler(r)})
		if r.nav != "" {
			a.navigation = append(a.navigation, r)
		}
	}
	a.mux = web.NewMux(home, table, func(w http.ResponseWriter, r *http.Request, allowed []string) {
		err := errNoPage
		if allowed != nil {
			allow := web.Allow(allowed)
			err = &failure{
				status: http.StatusMethodNotAllowed, detail: "Allowed methods: " + allow + ".", header: http.Header{"Allow": {allow}},
			}
		}
		a.request(w, r, route{}).fail(err)
	})
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
