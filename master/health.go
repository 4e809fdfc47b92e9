package master

import "net/http"

// probes answers health checks in place of the workers: also while none is alive.
func (m *Master) probes() http.Handler {
	routes := http.NewServeMux()
	live := func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, "") }
	routes.HandleFunc("GET /livez", live)
	routes.HandleFunc("GET /healthz", live)
	routes.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		reason := "starting"
		if s := m.health.Load(); s != nil {
			reason = s.Unready()
		}
		writeHealth(w, reason)
	})
	return routes
}

// writeHealth answers as workers do.
func writeHealth(w http.ResponseWriter, reason string) {
	w.Header().Set("Cache-Control", "no-store")
	if reason == "" {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
		return
	}
	writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": reason})
}
