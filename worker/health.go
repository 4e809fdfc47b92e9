package worker

import (
	"encoding/json"
	"net/http"
	"sync/atomic"

	"multiproc/worker/handoff"
)

// health is whether the worker should get requests.
type health struct {
	draining    atomic.Bool
	supervised  atomic.Bool // there is a master, and it lives
	toldUnready atomic.Bool // by the master
	fewReady    atomic.Bool // workers, fewer than the master wants for any to be ready
}

// unready is why no more requests should come, and empty when they should.
//
// A worker that drains is being replaced unless the master says that all end: others serve in its place, and are who gets
// the next request. To call the service unready would take it off the air at each reload. How many others are ready, a
// worker that drains is not told any more.
func (h *health) unready() string {
	switch {
	case h.draining.Load():
		if h.supervised.Load() && !h.toldUnready.Load() {
			return ""
		}
		return "draining"
	case h.toldUnready.Load():
		return "told unready by the master"
	case h.fewReady.Load():
		return handoff.FewReady
	}
	return ""
}

// Livez answers that the process lives: 200, always.
func Livez(w http.ResponseWriter, _ *http.Request) { writeHealth(w, "") }

// Readyz answers whether more requests should come: 200, or 503 with the reason. Being busy is none, and draining only
// where no master says that others serve: while a worker is being replaced the service is ready. Outside of a worker it
// answers 200.
func Readyz(w http.ResponseWriter, r *http.Request) {
	reason := ""
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		reason = c.server.health.unready()
	}
	writeHealth(w, reason)
}

func writeHealth(w http.ResponseWriter, unready string) {
	answer := struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}{"ok", unready}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if unready != "" {
		answer.Status = "unavailable"
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}
