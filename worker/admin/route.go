package admin

import (
	"net/http"
	"slices"
	"strings"

	"multiproc/store"
)

// home is the path of the first page, and of all others the beginning.
const home = "/admin/"

// route is a method of a path, and who may take it.
type route struct {
	method, path string
	least        access
	handle       func(*request) error
	nav          string // what the path is called in the navigation; empty: it is not there
}

// access is who may take a route: those who have it, or a higher one.
type access int

const (
	nobody     access = iota // as long as nobody has said who may
	everybody                // also without a login
	viewers                  // those who read
	staff                    // those who also change transactions, APIs and statuses
	superusers               // those who also manage users and tokens
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

// routes are all that there are, those of the navigation in its order.
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

// register serves routes, and says of what is none that it is none.
func (a *Admin) register(routes []route) {
	for _, r := range routes {
		a.mux.Handle(r.method+" "+r.path, a.handler(r))
		if !slices.Contains(a.methods, r.method) {
			a.methods = append(a.methods, r.method)
		}
		if r.nav != "" {
			a.navigation = append(a.navigation, r)
		}
	}
	a.mux.HandleFunc(home, func(w http.ResponseWriter, r *http.Request) { a.request(w, r, route{}).fail(a.noRoute(r)) })
}

// noRoute is why there is no route for a request: its path is none, or its method is none of the path's.
func (a *Admin) noRoute(r *http.Request) error {
	var allowed []string
	for _, method := range a.methods {
		other := *r
		other.Method = method
		if _, pattern := a.mux.Handler(&other); pattern != home {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return errNoPage
	}
	return methodNotAllowed(allowed)
}

// handler answers the requests of a route.
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

func methodNotAllowed(methods []string) *failure {
	if slices.Contains(methods, http.MethodGet) {
		methods = append(slices.Clone(methods), http.MethodHead)
	}
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	return &failure{
		status: http.StatusMethodNotAllowed,
		detail: "This address can do " + allow + ".",
		header: http.Header{"Allow": {allow}},
	}
}
