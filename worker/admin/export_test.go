package admin

import "net/http"

// Route is a route, for tests.
type Route struct{ Method, Path string }

// Routes returns all routes.
func Routes() (all []Route) {
	for _, r := range routes() {
		all = append(all, Route{r.method, r.path})
	}
	return all
}

// Panicking returns a route whose handler panics.
func (a *Admin) Panicking(value any) http.Handler {
	return a.handler(route{least: everybody, handle: func(*request) error { panic(value) }})
}

// Unruled returns a route without an access.
func (a *Admin) Unruled() http.Handler {
	return a.handler(route{handle: func(r *request) error { return r.redirect(home) }})
}

// OwnPath is ownPath.
func OwnPath(next string) string { return ownPath(next) }

// Limits of sessions and forms.
const (
	SessionIdle     = sessionIdle
	SessionAbsolute = sessionAbsolute
	MaxPublicForm   = maxPublicForm
	MaxForm         = maxForm
	MaxValues       = maxValues
)
