package worker

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"
)

// places are how many connections there may be at a time. Who finds none waits in the kernel's queue, and whoever has
// asked for nothing for the longest time makes room; where all have asked, the next answers are the last ones on their
// connections, and those are cut that send their bodies or take their answers slowly.
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
func (s *server) enter(p *places, givenUp <-chan struct{}) bool {
	select {
	case p.taken <- struct{}{}:
		return true
	default:
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		s.makeRoom(p)
		select {
		case p.taken <- struct{}{}:
			return true
		case <-givenUp:
			return false
		case <-look.C:
		}
	}
}

// makeRoom ends some of the connections that ask for nothing, those first that have been for the longest time. Where there
// are none, it ends some of those that are slow, the slowest first.
func (s *server) makeRoom(p *places) {
	type idle struct {
		conn *conn
		till time.Time // its time is up, which is the same for all
	}
	type slow struct {
		conn *conn
		rate float64
	}
	var idlers []idle
	var sluggards []slow
	for _, c := range s.open() {
		if c.places != p {
			continue
		}
		if till := c.idleTill(); !till.IsZero() {
			idlers = append(idlers, idle{c, till})
		} else if rate, is := c.slow(); is {
			sluggards = append(sluggards, slow{c, rate})
		}
	}
	room := max(1, cap(p.taken)/crowdPart)
	if len(idlers) > 0 {
		slices.SortFunc(idlers, func(a, b idle) int { return a.till.Compare(b.till) })
		for _, one := range idlers[:min(room, len(idlers))] {
			one.conn.dismiss()
		}
		return
	}
	slices.SortFunc(sluggards, func(a, b slow) int { return cmp.Compare(a.rate, b.rate) })
	for _, one := range sluggards[:min(room, len(sluggards))] {
		one.conn.giveUp()
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

// slow is whether the connection waits for a client that is slow, and how many bytes of a body come, or of an answer are
// taken, in a second.
func (c *conn) slow() (rate float64, slow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if rate, slow = c.takesSlowlyLocked(); slow {
		return rate, true
	}
	return c.sendsSlowlyLocked()
}

func (c *conn) takesSlowlyLocked() (rate float64, slow bool) {
	if c.closed || c.condemned {
		return 0, false
	}
	return c.taking.slow(c.server.cfg.SocketTimeout, c.taken)
}

func (c *conn) sendsSlowlyLocked() (rate float64, slow bool) {
	if !c.bodyRemains || c.stalled || c.closed || c.condemned {
		return 0, false
	}
	return c.pace.slow(c.server.cfg.SocketTimeout)
}

// giveUp ends the writing of an answer, or the reading of a body, that is slow, as if the client took or sent no more of it.
func (c *conn) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, slow := c.takesSlowlyLocked(); slow {
		c.lost = true
		_ = c.socket.SetWriteDeadline(time.Unix(1, 0))
	} else if _, slow := c.sendsSlowlyLocked(); slow {
		c.stalled = true
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}
