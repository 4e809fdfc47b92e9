package admin

import (
	"log/slog"
	"sync"
	"time"
)

// outage tells the log that requests fail because of the database, now and then: all of them may.
type outage struct {
	log *slog.Logger

	mu    sync.Mutex
	quiet time.Time // until then nothing is told
}

// outageQuiet is how long nothing more is told of an outage.
const outageQuiet = 30 * time.Second

func (o *outage) tell(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.After(o.quiet) {
		o.quiet = now.Add(outageQuiet)
		o.log.Error("requests fail: the database cannot be used", "error", err)
	}
}
