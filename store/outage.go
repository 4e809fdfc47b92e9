package store

import (
	"log/slog"
	"sync"
	"time"
)

// Outage logs that requests fail because of the database, but not each of them. It is safe for concurrent use.
type Outage struct {
	log *slog.Logger

	mu    sync.Mutex
	quiet time.Time // until then nothing is logged
}

// NewOutage returns an Outage that writes to this log.
func NewOutage(log *slog.Logger) *Outage { return &Outage{log: log} }

// outageQuiet is the minimum interval between two messages.
const outageQuiet = 30 * time.Second

// Tell logs a request that failed with this error, at most once every 30 seconds.
func (o *Outage) Tell(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.After(o.quiet) {
		o.quiet = now.Add(outageQuiet)
		o.log.Error("requests fail: the database cannot be used", "error", err)
	}
}
