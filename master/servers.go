package master

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"multiproc/internal/conn"
)

// maxServerConns bounds the open connections of the control socket and of each health address: the master needs descriptors for more
// than its clients. Silent ones make room for others.
const maxServerConns = 64

// serverTimeout bounds the wait for a client's request, and for a client of a health check to read the answer.
const serverTimeout = 10 * time.Second

// serve serves the control socket and the health addresses until the returned function is called, which lets pending requests
// finish.
func (m *Master) serve() func() {
	var servers []*http.Server
	var serving sync.WaitGroup
	start := func(l net.Listener, server *http.Server) {
		server.ReadTimeout, server.MaxHeaderBytes = serverTimeout, 16<<10
		server.ErrorLog = slog.NewLogLogger(m.log.Handler(), slog.LevelWarn)
		server.SetKeepAlivesEnabled(false)
		servers = append(servers, server)
		serving.Go(func() { _ = conn.Serve(server, l, maxServerConns) }) // until it is shut down
	}
	if m.config.Control != nil {
		start(m.config.Control, &http.Server{Handler: m.control()}) // no write timeout: a reload takes its time
	}
	for _, l := range m.config.Health {
		start(l, &http.Server{Handler: m.probes(), WriteTimeout: serverTimeout})
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		for _, server := range servers {
			if server.Shutdown(ctx) != nil {
				_ = server.Close()
			}
		}
		serving.Wait()
	}
}

// probes answers health checks in place of the workers, also while none runs.
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

// writeHealth answers as workers do. An empty reason means healthy.
func writeHealth(w http.ResponseWriter, reason string) {
	w.Header().Set("Cache-Control", "no-store")
	if reason == "" {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
		return
	}
	writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": reason})
}
