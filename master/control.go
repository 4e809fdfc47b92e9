package master

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// The control socket speaks HTTP:
//
//	GET /status    Status as JSON
//	POST /reload   reloads and answers with an Outcome, 200 where it was committed, 409 where it was taken back
//	POST /stop     stops; with ?fast=1 at once. The answer is 202, and its body ends when the master does
//
// Who may open the socket may do all that.
func (m *Master) control() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		reply := make(chan Status, 1)
		m.send(func(m *Master) { reply <- m.status() })
		select {
		case s := <-reply:
			writeJSON(w, http.StatusOK, s)
		case <-m.gone:
			writeJSON(w, http.StatusServiceUnavailable, Outcome{Error: errStopping.Error()})
		case <-r.Context().Done():
		}
	})
	routes.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		reply := make(chan Outcome, 1)
		m.send(func(m *Master) { m.reloadFor(reply) })
		var o Outcome
		select {
		case o = <-reply:
		case <-m.gone:
			o.Error = errStopping.Error()
		case <-r.Context().Done():
			return
		}
		code := http.StatusOK
		if !o.OK {
			code = http.StatusConflict
		}
		writeJSON(w, code, o)
	})
	routes.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) {
		fast := r.FormValue("fast") != ""
		// Nobody closes the connection but the kernel, when the process is no more: only then all is given up.
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n") // who has gone does not wait
		m.send(func(m *Master) {
			m.waiting = append(m.waiting, conn)
			if m.fleet.stop == nil || fast {
				m.handle(stopAsked{fast})
			}
		})
	})
	return routes
}

// reloadFor reloads for somebody who waits for the outcome.
func (m *Master) reloadFor(reply chan<- Outcome) {
	if m.fleet.stop != nil {
		reply <- Outcome{Error: errStopping.Error()}
		return
	}
	m.callers.add(reply)
	m.handle(reloadAsked{})
}

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

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // who has gone needs no answer
}

// serverConnections is how many clients the control socket and each health address answer at a time. Others wait.
const serverConnections = 64

// serverPatience bounds how long the control and health servers wait for a client's request.
const serverPatience = 10 * time.Second

// serve answers on the control socket and the health addresses until the returned function is called, which lets
// those who wait have their answers.
func (m *Master) serve() func() {
	var servers []*http.Server
	var serving sync.WaitGroup
	start := func(l net.Listener, server *http.Server) {
		server.ReadTimeout, server.MaxHeaderBytes = serverPatience, 16<<10
		server.ErrorLog = slog.NewLogLogger(m.log.Handler(), slog.LevelWarn)
		server.SetKeepAlivesEnabled(false)
		servers = append(servers, server)
		// It ends when it is shut down. The master needs descriptors for more than those who ask how it is.
		serving.Go(func() { _ = server.Serve(newBoundedListener(l, serverConnections)) })
	}
	if m.config.Control != nil {
		start(m.config.Control, &http.Server{Handler: m.control()}) // a reload takes its time
	}
	for _, l := range m.config.Health {
		start(l, &http.Server{Handler: m.probes(), WriteTimeout: serverPatience})
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
