package admin

import "net/http"

// Route is a route as the tests see it.
type Route struct{ Method, Path string }

// Routes are all that there are.
func (a *Admin) Routes() (routes []Route) {
	for _, r := range a.routes() {
		routes = append(routes, Route{r.method, r.path})
	}
	return routes
}

// Panicking is a route whose handler panics.
func (a *Admin) Panicking(value any) http.Handler {
	return a.handler(route{least: everybody, handle: func(*request) error { panic(value) }})
}

// Unruled is a route of which nobody has said who may take it.
func (a *Admin) Unruled() http.Handler {
	return a.handler(route{handle: func(r *request) error { return r.redirect(home) }})
}

// OwnPath is where the browser goes after a login.
func OwnPath(next string) string { return ownPath(next) }

// How long a session lasts, and limits of forms.
const (
	SessionIdle     = sessionIdle
	SessionAbsolute = sessionAbsolute
	MaxPublicForm   = maxPublicForm
	MaxForm         = maxForm
	MaxValues       = maxValues
)
