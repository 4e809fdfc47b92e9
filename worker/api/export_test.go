package api

// Route is a route as the tests see it.
type Route struct {
	Method, Path  string
	Query         []string
	Public, Write bool
}

// Routes returns all routes.
func Routes() (all []Route) {
	for _, r := range routes() {
		all = append(all, Route{r.method, r.path, r.query, r.public != nil, r.write != nil})
	}
	return all
}

// Limits.
const (
	MaxBody         = maxBody
	MaxDepth        = maxDepth
	MaxFaults       = maxFaults
	MaxTransactions = maxTransactions
)
