package server

import (
	"net/http"
	"strings"

	"multiproc/worker"
)

// strictTransport sets Strict-Transport-Security, which makes browsers use only HTTPS for this host, on responses over HTTPS. Over
// HTTP browsers ignore it, since anybody on the way could have added it.
type strictTransport struct {
	value  string // of Strict-Transport-Security
	routes *http.ServeMux
}

// newStrictTransport returns routes with the header that the key hsts describes, if it is set.
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
