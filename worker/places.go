package worker

import (
	"slices"
	"sync/atomic"
	"time"
)

// places are how many connections there may be at a time. Who finds none waits in the kernel's queue, and whoever has
// asked for nothing for the longest time makes room; where all have asked, the next answers are the last ones on their connections.
type places struct {
	taken   chan struct{} // full when all are
	waiting atomic.Int32  // listeners that have somebody waiting
}

// lookAgain is how often a listener that waits for a place looks for connections that have become idle.
const lookAgain = 50 * time.Millisecond

// crowdPart is the part of all connections that makes room at once: to look for them costs more than to close them.
const crowdPart = 64

func newPlaces(n int) places { return places{taken: make(chan struct{}, n)} }

// crowded is whether somebody waits for a place.
func (p *places) crowded() bool { return p.waiting.Load() > 0 }

func (p *places) leave() { <-p.taken }

// enter waits for a place. It reports false when the wait was given up.
func (s *server) enter(givenUp <-chan struct{}) bool {
	select {
	case s.places.taken <- struct{}{}:
		return true
	default:
	}
	s.places.waiting.Add(1)
	defer s.places.waiting.Add(-1)
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		s.makeRoom()
		select {
		case s.places.taken <- struct{}{}:
			return true
		case <-givenUp:
			return false
		case <-look.C:
		}
	}
}

// makeRoom closes some of the connections that ask for nothing, those first that have been for the longest time.
func (s *server) makeRoom() {
	type idle struct {
		conn *conn
		till time.Time // its time is up, which is the same for all
	}
	var all []idle
	for _, c := range s.open() {
		if till := c.idleTill(); !till.IsZero() {
			all = append(all, idle{c, till})
		}
	}
	slices.SortFunc(all, func(a, b idle) int { return a.till.Compare(b.till) })
	room := max(1, cap(s.places.taken)/crowdPart)
	for _, one := range all[:min(room, len(all))] {
		one.conn.dismiss()
	}
}

// idleTill is until when the connection may ask for nothing; the zero time where it has asked.
func (c *conn) idleTill() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.idleLocked() {
		return time.Time{}
	}
	return c.readDeadline
}

// idleLocked is whether no whole request has come: it is silent, or in a handshake, or as slow as if it were.
func (c *conn) idleLocked() bool { return c.x == nil && !c.bodyRemains && !c.hijacked && !c.closed }

// dismiss ends a connection that is idle, unless something has come in the meantime.
func (c *conn) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idleLocked() && !c.arrived() {
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // net/http closes it
	}
}
