package main

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"strings"

	"multiproc/cmd/internal/config"
	"multiproc/worker"
)

// site is what a worker serves.
type site struct {
	cfg     *config.Config
	metrics http.Handler
	app     *application
}

func newSite(cfg *config.Config, metrics http.Handler, app *application) *site {
	return &site{cfg: cfg, metrics: metrics, app: app}
}

// main is the handler of the main listeners. Where the metrics have listeners of their own, it has none.
func (s *site) main() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", s.front)
	s.app.register(routes)
	if len(s.cfg.MetricsSockets) == 0 {
		routes.Handle("GET "+s.cfg.MetricsPath, s.metrics)
	}
	return s.guard(routes)
}

// front is the first page: the admin site for browsers, where there is one; for others the name of what answers here.
func (s *site) front(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Accept")
	if s.app != nil && strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, "/admin/", http.StatusFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("multiproc\n"))
}

// named are the handlers of the listeners that are not the main ones, and how these speak TLS. Where the metrics have a door,
// all at their listeners is behind it.
func (s *site) named(log *slog.Logger) (map[string]http.Handler, map[string]*tls.Config, error) {
	routes := http.NewServeMux()
	routes.Handle("GET "+s.cfg.MetricsPath, s.metrics)
	metrics := s.guard(routes)
	var settings *tls.Config
	if s.cfg.MetricsAuthFile != "" {
		var err error
		if metrics, settings, err = metricsAuth(s.cfg.MetricsAuthFile, metrics, log); err != nil {
			return nil, nil, err
		}
	}
	return map[string]http.Handler{metricsListener: metrics, healthListener: s.guard(http.NewServeMux())},
		map[string]*tls.Config{metricsListener: settings}, nil
}

// guard adds the health routes, which answer whatever host is asked for: a load balancer asks for an address.
func (s *site) guard(routes *http.ServeMux) http.Handler {
	all := http.NewServeMux()
	all.HandleFunc("GET /livez", worker.Livez)
	all.HandleFunc("GET /healthz", worker.Livez)
	all.HandleFunc("GET /readyz", worker.Readyz)
	all.Handle("/", allowHosts(s.cfg.AllowedHosts, routes))
	return all
}
