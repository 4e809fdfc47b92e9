package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"
)

// ErrHarakiri is the cause with which a request's context is cancelled when its time is up.
var ErrHarakiri = errors.New("harakiri: the request took too long")

// lastWordsPatience is how long a client has to take the answer that its request took too long, and then to close the
// connection: were it closed first while the client still sends, the answer could be lost.
const lastWordsPatience = 500 * time.Millisecond

// maxDump bounds the goroutine dump in the log, in bytes.
const maxDump = 256 << 10

// ExtendDeadline moves the harakiri deadline of the request whose context this is, or is made from, to d from now: for a
// handler that makes progress, such as one that streams. It does nothing where there is no deadline, or it has passed.
func ExtendDeadline(ctx context.Context, d time.Duration) {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		x.conn.extend(x, d)
	}
}

// harakiri is the end of a request that takes too long.
//
// The handler's goroutine cannot be stopped, and may be anywhere: in the header map, in a read, in a write. So nothing
// of net/http's is touched but the connection below it, which is condemned: from then on neither net/http nor the
// handler can read or write there, and what the client gets, expire writes.
type harakiri struct {
	deadline time.Time // guarded by conn.mu
	settled  bool      // there is no deadline any more; guarded by conn.mu
	returned bool      // the handler has, after the deadline; guarded by conn.mu
	expired  atomic.Bool
	done     chan struct{} // of expire; made when it begins, closed at its end
	grace    *time.Timer   // for the handler to return from then on

	ctx    exchangeContext
	cancel context.CancelCauseFunc
}

// startHarakiri gives the request a deadline, and returns its context.
func (x *exchange) startHarakiri(parent context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	x.harakiri.cancel = cancel
	x.harakiri.ctx = exchangeContext{ctx, x}
	x.conn.setHarakiri(x, x.start.Add(d))
	return &x.harakiri.ctx
}

func (c *conn) setHarakiri(x *exchange, deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x.harakiri.deadline = deadline
	if c.timer == nil {
		c.timer = time.AfterFunc(time.Until(deadline), c.expire)
		return
	}
	c.timer.Reset(time.Until(deadline))
}

func (c *conn) extend(x *exchange, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.x != x || x.harakiri.settled || x.harakiri.expired.Load() {
		return
	}
	x.harakiri.deadline = time.Now().Add(d)
	c.timer.Reset(d)
}

// settle ends the request's deadline, and reports whether that has passed.
func (c *conn) settle(x *exchange) (expired bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &x.harakiri
	if h.expired.Load() {
		return true
	}
	h.settled = true
	if c.timer != nil {
		c.timer.Stop()
	}
	return false
}

// expire is called by the timer.
func (c *conn) expire() {
	x, answering := c.condemn()
	if x == nil {
		return
	}
	defer close(x.harakiri.done)
	s := c.server
	x.harakiri.cancel(ErrHarakiri)
	pattern := x.findPattern()
	s.cfg.Logger.Warn("harakiri: a request took too long", "method", x.original.Method, "path", x.path,
		"route", route(pattern), "remote", x.original.RemoteAddr, "seconds", time.Since(x.start).Seconds())
	x.count(http.StatusServiceUnavailable, pattern)
	if s.metrics != nil {
		s.metrics.harakiri.Inc()
	}
	if !answering {
		c.lastWords(x.original)
	}
	_ = c.close()
}

// condemn takes the connection away from the request whose time is up. It returns nil where there is none: the timer may
// come late, when the request has just ended or got more time.
func (c *conn) condemn() (x *exchange, answering bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x = c.x
	if x == nil || c.condemned || x.harakiri.settled || time.Now().Before(x.harakiri.deadline) {
		return nil, false
	}
	x.harakiri.expired.Store(true)
	x.harakiri.done = make(chan struct{})
	x.harakiri.grace = time.AfterFunc(c.server.cfg.HarakiriGrace, x.hang)
	c.condemned = true
	return x, c.answering
}

// lastWords answers for a handler that has not.
func (c *conn) lastWords(r *http.Request) {
	body := "the request took too long\n"
	answer := fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n", time.Now().UTC().Format(http.TimeFormat), len(body))
	if r.Method != http.MethodHead {
		answer += body
	}
	// Whatever net/http waits to read, it gets no more. A read of one's own comes back when that one has: were the deadline
	// moved before, it would go on waiting. Faults are the client's.
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	_, _ = c.Conn.Read(make([]byte, 1))
	_ = c.Conn.SetWriteDeadline(time.Now().Add(lastWordsPatience))
	if _, err := io.WriteString(c.Conn, answer); err != nil {
		return
	}
	_ = c.CloseWrite()
	_ = c.Conn.SetReadDeadline(time.Now().Add(lastWordsPatience))
	_, _ = io.Copy(io.Discard, c.Conn)
}

// endHarakiri is for the handler's goroutine, when it returns after the deadline.
func (x *exchange) endHarakiri() {
	x.conn.mu.Lock()
	x.harakiri.returned = true
	x.conn.mu.Unlock()
	<-x.harakiri.done
	x.harakiri.grace.Stop()
}

// hang is called when the handler has not returned though it had HarakiriGrace to.
func (x *exchange) hang() {
	<-x.harakiri.done
	c := x.conn
	if !c.hangs(x) {
		return
	}
	s := c.server
	s.dumpOnce.Do(func() {
		dump := make([]byte, maxDump)
		dump = dump[:runtime.Stack(dump, true)]
		s.cfg.Logger.Error("harakiri: a handler does not return; asking to be replaced", "method", x.original.Method,
			"path", x.path, "goroutines", string(dump))
	})
	s.herald.reportStuck()
	s.forget(c) // its client has an answer: the drain does not wait for it
}

func (c *conn) hangs(x *exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.x == x && !x.harakiri.returned && !c.abandoned
}

// abandon leaves a handler behind that does not return.
func (c *conn) abandon() {
	c.mu.Lock()
	c.abandoned = true
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.x != nil && c.x.harakiri.grace != nil {
		c.x.harakiri.grace.Stop()
	}
	c.mu.Unlock()
	c.server.forget(c)
}
