package server

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"strings"

	"multiproc/cmd/internal/config"
	"multiproc/worker"
)

// routes are the handlers of a process, by listener.
type routes struct {
	cfg     *config.Config
	metrics http.Handler
	app     *application // nil: none
}

// main returns the handler of the main listeners. It has the metrics unless they have listeners of their own.
func (s *routes) main() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	s.app.register(mux)
	if len(s.cfg.MetricsSockets) == 0 {
		mux.Handle("GET "+s.cfg.MetricsPath, s.metrics)
	}
	return newStrictTransport(s.cfg.HSTS, s.guard(mux))
}

// index redirects browsers to the admin site, if there is one.
func (s *routes) index(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if s.app != nil && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/admin/", http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("multiproc\n"))
}

// named returns the handlers and TLS settings of the other listeners. With metrics-auth-file, everything on the metrics
// listeners requires authentication.
func (s *routes) named(log *slog.Logger) (map[string]http.Handler, map[string]*tls.Config, error) {
	mux := http.NewServeMux()
	mux.Handle("GET "+s.cfg.MetricsPath, s.metrics)
	var metrics http.Handler = s.guard(mux)
	var settings *tls.Config
	if s.cfg.MetricsAuthFile != "" {
		auth := newMetricsAuth(s.cfg.MetricsAuthFile, metrics, log)
		var err error
		if settings, err = auth.tlsConfig(); err != nil {
			return nil, nil, err
		}
		metrics = auth
	}
	return map[string]http.Handler{metricsListener: metrics, healthListener: s.guard(http.NewServeMux())},
		map[string]*tls.Config{metricsListener: settings}, nil
}

// guard applies allowed-hosts to all but the health routes, which load balancers request by address.
func (s *routes) guard(mux *http.ServeMux) *http.ServeMux {
	all := http.NewServeMux()
	all.HandleFunc("GET /livez", worker.Livez)
	all.HandleFunc("GET /healthz", worker.Livez)
	all.HandleFunc("GET /readyz", worker.Readyz)
	all.Handle("/", allowHosts(s.cfg.AllowedHosts, mux))
	return all
}
