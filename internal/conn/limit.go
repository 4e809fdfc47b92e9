// Package conn holds the rules that every listener of the module applies to its connections: at most so many are open at a time,
// silent ones make room for new ones, and a client that stalls is cut off.
package conn

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limit bounds how many connections are open at a time, on one listener or on several. A listener takes a place before it
// accepts a connection: while there is none, clients wait in the kernel's queue, and silent connections make room for them, the
// longest silent first. It is safe for concurrent use.
//
// A connection is silent while nothing can be done for it: before the first byte, within a TLS handshake or the head of a
// request, however it drips, and between two requests. If there is no such connection, those whose clients do not read their
// answers make room.
type Limit struct {
	places  chan struct{} // one element for each place that is taken
	waiting atomic.Int32  // listeners whose clients wait for a place

	mu      sync.Mutex // guards members
	members map[Member]struct{}
}

// Member is a connection that can make room. Its methods must not call the Limit.
type Member interface {
	// SilentSince returns when the connection became silent, or the zero time if it is being served. unread means that it is
	// silent because its client does not read the answer.
	SilentSince() (t time.Time, unread bool)
	// Evict ends the connection unless it is being served by now, and reports whether it does.
	Evict() bool
}

const (
	// evictionInterval is the interval at which a listener without a place looks for clients that wait and for silent
	// connections, unless it finds both at once.
	evictionInterval = 50 * time.Millisecond
	// minSilence is the time that each client has for its first byte, or for the next one: if many come at once, none that is about
	// to send makes room.
	minSilence = 20 * time.Millisecond
	// evictionShare is the share of the places that is cleared at once, as 1/n: finding silent connections costs more than
	// closing them.
	evictionShare = 64
)

// NewLimit returns a Limit of n connections, at least 1.
func NewLimit(n int) *Limit {
	return &Limit{places: make(chan struct{}, max(1, n)), members: map[Member]struct{}{}}
}

// Full reports whether clients wait for a place.
func (l *Limit) Full() bool { return l.waiting.Load() > 0 }

// Acquire waits for a place and takes it. Nothing is evicted unless queued reports that a client waits to be accepted. It returns
// false when stop is closed before there is a place.
func (l *Limit) Acquire(stop <-chan struct{}, queued func() bool) bool {
	select {
	case l.places <- struct{}{}:
		return true
	default:
	}
	full := false
	defer func() {
		if full {
			l.waiting.Add(-1)
		}
	}()
	tick := time.NewTicker(evictionInterval)
	defer tick.Stop()
	for {
		if waits := queued(); waits != full {
			full = waits
			l.waiting.Add(map[bool]int32{true: 1, false: -1}[waits])
		}
		if full {
			l.evict()
		}
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

// evict ends the connections that have been silent for the longest time; those with unread answers only if there are no others.
func (l *Limit) evict() {
	type candidate struct {
		member Member
		since  time.Time
		unread bool
	}
	var silent []candidate
	latest := time.Now().Add(-minSilence)
	l.mu.Lock()
	for m := range l.members {
		if since, unread := m.SilentSince(); !since.IsZero() && !since.After(latest) {
			silent = append(silent, candidate{m, since, unread})
		}
	}
	l.mu.Unlock()
	slices.SortFunc(silent, func(a, b candidate) int { return a.since.Compare(b.since) })
	for _, unread := range []bool{false, true} {
		evicted := 0
		for _, c := range silent {
			if c.unread == unread && c.member.Evict() {
				evicted++
			}
			if evicted >= cap(l.places)/evictionShare && evicted > 0 {
				return
			}
		}
		if evicted > 0 {
			return
		}
	}
}
