package master

import (
	"context"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// TestReloadClients has as many clients that request a reload as there are places. Some are refused, so that there is one for status.
func TestReloadClients(t *testing.T) {
	t.Parallel()
	s := serving(t)
	s.reload("waits")
	s.waits()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	const clients = maxServerConns - 1 // and the one above
	outcomes := make(chan Outcome, clients)
	for range clients {
		go func() {
			o, err := s.client().Reload(ctx)
			if err != nil {
				o.Error = err.Error()
			}
			outcomes <- o
		}()
	}
	for range clients - (maxReloadClients - 1) {
		select {
		case o := <-outcomes:
			if o.Error != "too many clients wait for a reload" {
				t.Fatalf("outcome: %+v", o)
			}
		case <-time.After(proctest.Patience):
			t.Fatal("no client is refused")
		}
	}
	s.status()
	check(t, s.gate.Close())
	s.Stop()
}
