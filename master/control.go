package master

import (
	"encoding/json"
	"io"
	"net/http"

	"multiproc/master/internal/fleet"
)

// maxReloadClients bounds the clients that wait for a reload. The other places are for status and stop.
const maxReloadClients = maxServerConns / 2

// control serves the control socket by HTTP:
//
//	GET /status    Status as JSON
//	POST /reload   reloads and answers with an Outcome: 200 if it was committed, 409 if it was rolled back, 503 if too many wait
//	POST /stop     stops, with ?fast=1 at once; the answer is 202, and its body ends when the master does
//
// Access is by the mode of the socket alone.
func (m *Master) control() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /status", m.serveStatus)
	waiting := make(chan struct{}, maxReloadClients)
	routes.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		select {
		case waiting <- struct{}{}:
			defer func() { <-waiting }()
			m.serveReload(w, r)
		default:
			writeJSON(w, http.StatusServiceUnavailable, Outcome{Error: "too many clients wait for a reload"})
		}
	})
	routes.HandleFunc("POST /stop", m.serveStop)
	return routes
}

func (m *Master) serveStatus(w http.ResponseWriter, r *http.Request) {
	reply := make(chan Status, 1)
	m.send(func(m *Master) { reply <- m.status() })
	select {
	case s := <-reply:
		writeJSON(w, http.StatusOK, s)
	case <-m.gone:
		writeJSON(w, http.StatusServiceUnavailable, Outcome{Error: fleet.ErrStopping.Error()})
	case <-r.Context().Done():
	}
}

func (m *Master) serveReload(w http.ResponseWriter, r *http.Request) {
	reply := make(chan Outcome, 1)
	m.send(func(m *Master) { m.reloadFor(reply) })
	var o Outcome
	select {
	case o = <-reply:
	case <-m.gone:
		o.Error = fleet.ErrStopping.Error()
	case <-r.Context().Done():
		return
	}
	code := http.StatusOK
	if !o.OK {
		code = http.StatusConflict
	}
	writeJSON(w, code, o)
}

// reloadFor reloads for a client that waits for the outcome.
func (m *Master) reloadFor(reply chan<- Outcome) {
	if m.fleet.Stopping() {
		reply <- Outcome{Error: fleet.ErrStopping.Error()}
		return
	}
	m.callers.queued = append(m.callers.queued, reply)
	m.handle(fleet.ReloadRequested{})
}

func (m *Master) serveStop(w http.ResponseWriter, r *http.Request) {
	fast := r.URL.Query().Get("fast") != "" // a body is not read
	// The connection is closed by the kernel, when the process is gone and has released everything.
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n") // the client may have gone
	m.send(func(m *Master) {
		m.waiting = append(m.waiting, conn)
		if !m.fleet.Stopping() || fast {
			m.handle(fleet.StopRequested{Fast: fast})
		}
	})
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the client may have gone
}
