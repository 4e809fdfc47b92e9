package store

import (
	"log/slog"
	"sync"
	"time"
)

// Outage tells a log that requests fail because of the database, now and then: all of them may. It may be used concurrently.
type Outage struct {
	log *slog.Logger

	mu    sync.Mutex
	quiet time.Time // until then nothing is told
}

// NewOutage makes one that tells this log.
func NewOutage(log *slog.Logger) *Outage { return &Outage{log: log} }

// outageQuiet is how long nothing more is told of an outage.
const outageQuiet = 30 * time.Second

// Tell tells of a request that failed with this error, unless something was told a short while ago.
func (o *Outage) Tell(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.After(o.quiet) {
		o.quiet = now.Add(outageQuiet)
		o.log.Error("requests fail: the database cannot be used", "error", err)
	}
}
