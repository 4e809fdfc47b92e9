package worker

import (
	"net/http"
	"net/url"
	"strings"

	"multiproc/worker/requests"
)

// routeLabel returns the route label of a pattern of http.ServeMux: the pattern without its method.
func routeLabel(pattern string) string {
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		pattern = strings.TrimLeft(pattern[i:], " \t")
	}
	if pattern == "" {
		return requests.NoRoute
	}
	return strings.ToValidUTF8(pattern, "\uFFFD")
}

// router is a handler that can look up the route of a request, such as *http.ServeMux.
type router interface {
	Handler(r *http.Request) (h http.Handler, pattern string)
}

// findPattern looks up the pattern of the request's route without reading http.Request.Pattern, which the handler has not
// written yet or may be writing now.
func (req *request) findPattern() string {
	r := &http.Request{
		Method: req.original.Method,
		Host:   req.original.Host,
		URL:    &url.URL{Path: req.path, RawPath: req.rawPath},
	}
	pattern := ""
	h := req.conn.handler
	for {
		router, ok := h.(router)
		if !ok {
			return pattern
		}
		next, deeper := router.Handler(r)
		if deeper == "" {
			return pattern
		}
		h, pattern = next, deeper
	}
}
