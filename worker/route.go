package worker

import (
	"net/http"
	"net/url"
	"strings"

	"multiproc/worker/requests"
)

// route is the label of a pattern of http.ServeMux: without its method, which is a label of its own.
func route(pattern string) string {
	if i := strings.IndexAny(pattern, " \t"); i >= 0 {
		pattern = strings.TrimLeft(pattern[i:], " \t")
	}
	if pattern == "" {
		return requests.NoRoute
	}
	return strings.ToValidUTF8(pattern, "\uFFFD")
}

// router is a handler that can tell where a request would go, as *http.ServeMux can.
type router interface {
	Handler(r *http.Request) (h http.Handler, pattern string)
}

// findPattern is the pattern of the request's route, when the handler cannot be asked for the one that it took: it has not
// begun, or it may be writing it at the moment.
func (x *exchange) findPattern() string {
	r := &http.Request{
		Method: x.original.Method,
		Host:   x.original.Host,
		URL:    &url.URL{Path: x.path, RawPath: x.rawPath},
	}
	pattern := ""
	h := x.conn.handler
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
