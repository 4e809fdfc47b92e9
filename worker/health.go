package worker

import (
	"encoding/json"
	"net/http"
	"sync/atomic"

	"multiproc/worker/handoff"
)

// health holds what readiness depends on.
type health struct {
	draining    atomic.Bool
	masterAlive atomic.Bool // there is a master, and it runs
	madeUnready atomic.Bool // by the master
	tooFewReady atomic.Bool // fewer than min-ready workers are ready
}

// unreadyReason returns why the worker should get no more requests; empty: it is ready.
//
// While a worker that drains has a master that has not made it unready, it is being replaced: other workers have its sockets
// and get the next requests. If it reported itself as unready, each reload would make the service unavailable. The master does
// not report the number of ready workers to a draining one.
func (h *health) unreadyReason() string {
	switch {
	case h.draining.Load():
		if h.masterAlive.Load() && !h.madeUnready.Load() {
			return ""
		}
		return "draining"
	case h.madeUnready.Load():
		return "made unready by the master"
	case h.tooFewReady.Load():
		return handoff.FewReady
	}
	return ""
}

// Livez answers liveness probes: 200 as long as the process can answer.
func Livez(w http.ResponseWriter, _ *http.Request) { writeHealth(w, "") }

// Readyz answers readiness probes: 200, or 503 with the reason. Load is no reason, and neither is the drain of a worker that its
// master replaces: the service is ready meanwhile. Outside a worker the answer is 200.
func Readyz(w http.ResponseWriter, r *http.Request) {
	reason := ""
	if c, ok := r.Context().Value(connKey{}).(*clientConn); ok {
		reason = c.server.health.unreadyReason()
	}
	writeHealth(w, reason)
}

func writeHealth(w http.ResponseWriter, unreadyReason string) {
	answer := struct {
		Status string `json:"status"`
		Reason string `json:"reason,omitempty"`
	}{"ok", unreadyReason}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if unreadyReason != "" {
		answer.Status = "unavailable"
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(answer)
}
