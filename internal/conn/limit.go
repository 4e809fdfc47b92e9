// Package conn holds the rules that every listener of the module applies to its connections: at most so many are open at a time,
// idle ones make room for new ones, and a client that stalls is cut off.
package conn

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limit bounds how many connections are open at a time, on one listener or on several. A listener takes a place before it
// accepts a connection: while there is none, clients wait in the kernel's queue, and the connections that have been idle for
// the longest time make room. It is safe for concurrent use.
type Limit struct {
	places  chan struct{} // one element for each place that is taken
	waiting atomic.Int32  // listeners that wait for a place

	mu      sync.Mutex // guards members
	members map[Member]struct{}
}

// Member is a connection that can make room. IdleSince must not call the Limit.
type Member interface {
	// IdleSince returns when the connection began to wait for a request, or the zero time if it is not waiting for one.
	IdleSince() time.Time
	// Evict ends the connection unless a request has arrived in the meantime.
	Evict()
}

const (
	// evictionInterval is the interval at which a listener that waits for a place looks for idle connections.
	evictionInterval = 50 * time.Millisecond
	// evictionShare is the share of the places that is cleared at once, as 1/n: finding idle connections costs more than
	// closing them.
	evictionShare = 64
)

// NewLimit returns a Limit of n connections, at least 1.
func NewLimit(n int) *Limit {
	return &Limit{places: make(chan struct{}, max(1, n)), members: map[Member]struct{}{}}
}

// Full reports whether a listener waits for a place.
func (l *Limit) Full() bool { return l.waiting.Load() > 0 }

// Acquire waits for a place and takes it. It returns false when stop is closed before there is one.
func (l *Limit) Acquire(stop <-chan struct{}) bool {
	select {
	case l.places <- struct{}{}:
		return true
	default:
	}
	l.waiting.Add(1)
	defer l.waiting.Add(-1)
	tick := time.NewTicker(evictionInterval)
	defer tick.Stop()
	for {
		l.evict()
		select {
		case l.places <- struct{}{}:
			return true
		case <-stop:
			return false
		case <-tick.C:
		}
	}
}

// Add lets a connection, for which a place was acquired, make room for others.
func (l *Limit) Add(m Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.members[m] = struct{}{}
}

// Release gives back the place of a connection. m is nil if it was never added.
func (l *Limit) Release(m Member) {
	if m != nil {
		l.mu.Lock()
		delete(l.members, m)
		l.mu.Unlock()
	}
	<-l.places
}

// evict ends the connections that have been idle for the longest time.
func (l *Limit) evict() {
	type candidate struct {
		member Member
		since  time.Time
	}
	var idle []candidate
	l.mu.Lock()
	for m := range l.members {
		if since := m.IdleSince(); !since.IsZero() {
			idle = append(idle, candidate{m, since})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(idle, func(a, b candidate) int { return a.since.Compare(b.since) })
	for _, c := range idle[:min(len(idle), max(1, cap(l.places)/evictionShare))] {
		c.member.Evict()
	}
}
