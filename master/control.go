package master

import (
	"encoding/json"
	"io"
	"net/http"

	"multiproc/master/internal/fleet"
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
			writeJSON(w, http.StatusServiceUnavailable, Outcome{Error: fleet.ErrStopping.Error()})
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
			o.Error = fleet.ErrStopping.Error()
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
			if !m.fleet.Stopping() || fast {
				m.handle(fleet.StopRequested{Fast: fast})
			}
		})
	})
	return routes
}

// reloadFor reloads for somebody who waits for the outcome.
func (m *Master) reloadFor(reply chan<- Outcome) {
	if m.fleet.Stopping() {
		reply <- Outcome{Error: fleet.ErrStopping.Error()}
		return
	}
	m.callers.add(reply)
	m.handle(fleet.ReloadRequested{})
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // who has gone needs no answer
}
