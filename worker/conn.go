package worker

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// conn is a client's connection as net/http sees it. It knows where the connection is between two requests, and gives
// reads and writes their deadlines: net/http's own would limit requests as a whole.
//
// What net/http does to it is how it knows: a deadline for reading is set while a request's head is waited for, and any
// call that sets one ends the reading of a body (it is made before the background read that watches for the client's
// going away, on which a deadline must not be left).
type conn struct {
	net.Conn          // what goes over it is HTTP
	socket   net.Conn // the kernel's: the same, or what is below TLS
	server   *server
	handler  http.Handler
	places   *places // one of which it has; nil: none
	proxied  bool    // it comes from a trusted proxy

	tls      *tls.Conn            // nil: the connection is plain
	tlsState *tls.ConnectionState // nil: there was no handshake yet. Written before the first request

	mu sync.Mutex // guards what follows
	// waiting is for the first byte of a request: in the drain, for Config.DrainIdle.
	waiting bool
	// readDeadline is what net/http asked for. While waiting the real one may be earlier.
	readDeadline time.Time
	// bodyRemains is that reads are of a request's body, each of which has a deadline.
	bodyRemains bool
	// stalled is that such a deadline has passed. It stays so: where in the body the client is is not known any more.
	stalled bool
	// pace is the body's.
	pace pace
	// taking is the client's pace while something is written to it.
	taking taking
	// lost is that the client took an answer so slowly that it was given up: nothing is written to it any more.
	lost bool
	// ownWriteDeadline is that the handler has set one. Otherwise each write has its own.
	ownWriteDeadline bool
	// answering is that the answer to the request, or its beginning, has been given to the kernel.
	answering bool
	// hijacked is that the handler took the connection over, deadlines and all.
	hijacked bool
	// condemned is that the request's time was up, or the worker's: net/http and the handler are cut off, and it is
	// closed by expire or by cut.
	condemned bool
	// leaving is that TLS says farewell.
	leaving bool
	closed  bool
	// abandoned is that the worker has ended before the handler did.
	abandoned bool
	// served is that net/http has finished with the connection. It does not say so of a hijacked one.
	served bool

	x *exchange // the request that is being handled, or nil
	// timer is for x's harakiri deadline. It is made once: it costs less to set it anew than to make one.
	timer *time.Timer
}

// became is told by net/http what it does with the connection next.
func (c *conn) became(state http.ConnState) {
	c.mu.Lock()
	switch state {
	case http.StateIdle:
		c.waiting = true
	case http.StateActive:
		c.waiting = false // all of a request may have come together with the one before it
	case http.StateHijacked:
		c.hijacked = true
	case http.StateClosed:
		c.served = true
	}
	c.unlockAndForget()
}

// begin is that a request has come to its handler.
func (c *conn) begin(x *exchange, hasBody bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.x = x
	c.answering = false
	c.bodyRemains = hasBody
	c.pace = pace{}
}

// end is that the handler has returned and all is done for its request that is the worker's to do.
func (c *conn) end() {
	c.mu.Lock()
	c.x = nil
	c.unlockAndForget()
}

// busy is whether a request is being handled that has no answer yet, or the connection is hijacked.
func (c *conn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.x != nil && !c.condemned || c.hijacked && !c.closed
}

// cutOff lets neither net/http nor the handler write to the client any more.
func (c *conn) cutOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.condemned = true
}

// unlockAndForget unlocks mu, and leaves the connection behind if nothing goes on there any more.
func (c *conn) unlockAndForget() {
	done := c.closed && c.x == nil && (c.served || c.hijacked)
	c.mu.Unlock()
	if done {
		c.server.forget(c)
	}
}

func (c *conn) Close() error {
	c.mu.Lock()
	condemned := c.condemned
	c.mu.Unlock()
	if condemned {
		return nil
	}
	return c.close()
}

// close also ends the connections that are condemned. These it does not wait for, nor those whose clients are lost, as TLS
// would to say farewell.
func (c *conn) close() error {
	c.mu.Lock()
	c.leaving = true
	end := c.Conn.Close
	if c.condemned || c.lost {
		end = c.socket.Close
	}
	c.mu.Unlock()
	err := end()
	c.mu.Lock()
	c.closed = true
	c.unlockAndForget()
	return err
}

// CloseWrite tells the client that nothing more will come. net/http uses it to get a last answer through.
func (c *conn) CloseWrite() error {
	c.mu.Lock()
	c.leaving = true
	c.mu.Unlock()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if err := c.readableLocked(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	waiting, body := c.waiting, c.bodyRemains
	c.mu.Unlock()
	if err := c.shakeHands(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if waiting && n > 0 {
		c.begun()
	}
	if body {
		c.came(n, err)
	}
	return n, err
}

func (c *conn) readableLocked() error {
	switch {
	case c.condemned:
		return http.ErrHandlerTimeout
	case !c.bodyRemains:
		return nil
	case c.stalled:
		return os.ErrDeadlineExceeded
	}
	now := time.Now()
	c.pace.begin(now)
	return c.Conn.SetReadDeadline(now.Add(c.server.cfg.SocketTimeout))
}

// begun is that a request has: it has the time that net/http gives it.
func (c *conn) begun() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.waiting {
		return
	}
	c.waiting = false
	if c.server.health.draining.Load() {
		_ = c.Conn.SetReadDeadline(c.readDeadline)
	}
}

// came is the end of a read of a body.
func (c *conn) came(n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.end(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.stalled = c.bodyRemains // else somebody else's deadline passed
	}
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.condemned {
		return nil
	}
	c.bodyRemains = false
	c.readDeadline = t
	return c.Conn.SetReadDeadline(c.limitIdleLocked(t))
}

// limitIdleLocked is an earlier deadline than t where the worker drains and the connection is silent.
func (c *conn) limitIdleLocked(t time.Time) time.Time {
	if !c.waiting || t.IsZero() || !c.server.health.draining.Load() {
		return t
	}
	if limit := time.Now().Add(c.server.cfg.DrainIdle); limit.Before(t) {
		return limit
	}
	return t
}

// drain is that the drain has begun.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting && !c.readDeadline.IsZero() {
		_ = c.Conn.SetReadDeadline(c.limitIdleLocked(c.readDeadline))
	}
}

// SetDeadline is called to take both deadlines away, by net/http when the connection is hijacked, and by the hijacker.
func (c *conn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.condemned {
		return nil
	}
	c.bodyRemains = false
	c.readDeadline = t
	c.ownWriteDeadline = !t.IsZero()
	return c.Conn.SetDeadline(t)
}
