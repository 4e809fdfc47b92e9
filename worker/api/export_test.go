package api

// Route is a route as the tests see it.
type Route struct {
	Method, Path  string
	Query         []string
	Public, Write bool
}

// Routes are all that there are.
func (a *API) Routes() (routes []Route) {
	for _, r := range a.routes() {
		routes = append(routes, Route{r.method, r.path, r.query, r.public != nil, r.write != nil})
	}
	return routes
}

// Limits.
const (
	MaxBody         = maxBody
	MaxDepth        = maxDepth
	MaxFaults       = maxFaults
	MaxTransactions = maxTransactions
)
