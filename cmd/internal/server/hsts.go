package server

import (
	"net/http"
	"strings"

	"multiproc/worker"
)

// strictTransport tells browsers to use only HTTPS for this host from now on. Over HTTP, where anybody on the way could say so, it
// says nothing.
type strictTransport struct {
	value  string // of Strict-Transport-Security
	routes *http.ServeMux
}

// newStrictTransport returns routes with the header that the key hsts asks for.
func newStrictTransport(hsts string, routes *http.ServeMux) http.Handler {
	if hsts == "" {
		return routes
	}
	return &strictTransport{"max-age=" + strings.ReplaceAll(hsts, ", ", "; "), routes}
}

func (s *strictTransport) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if worker.Secure(r) {
		w.Header().Set("Strict-Transport-Security", s.value)
	}
	s.routes.ServeHTTP(w, r)
}

// Handler is like (*http.ServeMux).Handler; see (*allowedHosts).Handler.
func (s *strictTransport) Handler(r *http.Request) (h http.Handler, pattern string) {
	return s.routes.Handler(r)
}
