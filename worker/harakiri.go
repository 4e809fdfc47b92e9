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

// ErrHarakiri is the cause of a request's context when Limits.Harakiri has passed.
var ErrHarakiri = errors.New("harakiri: the request took too long")

// lastAnswerTimeout is the time that a client has to take the answer that its request took too long, and then to close the
// connection: if the worker closed it first while the client still sends, the answer could be lost.
const lastAnswerTimeout = 500 * time.Millisecond

// maxDump bounds the goroutine dump in the log, in bytes.
const maxDump = 256 << 10

// ExtendDeadline moves the harakiri deadline of a request to d from now, for a handler that makes progress, such as one that
// streams. ctx is the context of the request or derived from it. ExtendDeadline does nothing if there is no deadline, or if it has
// passed. It is safe for concurrent use.
func ExtendDeadline(ctx context.Context, d time.Duration) {
	if req, ok := ctx.Value(requestKey{}).(*request); ok {
		req.conn.extend(req, d)
	}
}

// harakiri ends a request that takes too long.
//
// The handler's goroutine cannot be stopped, and may be anywhere: in the header map, in a read, in a write. So only the
// connection below net/http is touched: it is detached, so that neither net/http nor the handler can read or write there any
// more, and expire writes the answer.
type harakiri struct {
	deadline time.Time // guarded by conn.mu
	stopped  bool      // there is no deadline any more; guarded by conn.mu
	returned bool      // the handler has returned after the deadline; guarded by conn.mu
	expired  atomic.Bool
	done     chan struct{} // closed at the end of expire; made at its beginning
	grace    *time.Timer   // calls reportStuck unless the handler returns

	ctx    requestContext
	cancel context.CancelCauseFunc
}

// startHarakiri sets the request's deadline and returns its context.
func (req *request) startHarakiri(parent context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithCancelCause(parent)
	req.harakiri.cancel = cancel
	req.harakiri.ctx = requestContext{ctx, req}
	req.conn.setHarakiri(req, req.start.Add(d))
	return &req.harakiri.ctx
}

func (c *clientConn) setHarakiri(req *request, deadline time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	req.harakiri.deadline = deadline
	if c.timer == nil {
		c.timer = time.AfterFunc(time.Until(deadline), c.expire)
		return
	}
	c.timer.Reset(time.Until(deadline))
}

func (c *clientConn) extend(req *request, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.req != req || req.harakiri.stopped || req.harakiri.expired.Load() {
		return
	}
	req.harakiri.deadline = time.Now().Add(d)
	c.timer.Reset(d)
}

// stopHarakiri removes the request's deadline, and reports whether it has passed.
func (c *clientConn) stopHarakiri(req *request) (expired bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := &req.harakiri
	if h.expired.Load() {
		return true
	}
	h.stopped = true
	if c.timer != nil {
		c.timer.Stop()
	}
	return false
}

// expire is called by the timer. It may be called late, when the request has just ended or got more time.
func (c *clientConn) expire() {
	req, answering := c.takeExpired()
	if req == nil {
		return
	}
	defer close(req.harakiri.done)
	s := c.server
	req.harakiri.cancel(ErrHarakiri)
	pattern := req.findPattern()
	s.cfg.Logger.Warn("harakiri: request took too long", "method", req.original.Method, "path", req.path,
		"route", routeLabel(pattern), "remote", req.original.RemoteAddr, "seconds", time.Since(req.start).Seconds())
	req.record(http.StatusServiceUnavailable, pattern)
	if s.metrics != nil {
		s.metrics.harakiri.Inc()
	}
	if !answering {
		c.writeTimeout(req.original)
	}
	_ = c.close()
}

// takeExpired detaches the connection from the request whose time is up. It returns nil if there is none.
func (c *clientConn) takeExpired() (req *request, answering bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	req = c.req
	if req == nil || c.detached || req.harakiri.stopped || time.Now().Before(req.harakiri.deadline) {
		return nil, false
	}
	req.harakiri.expired.Store(true)
	req.harakiri.done = make(chan struct{})
	req.harakiri.grace = time.AfterFunc(c.server.limits.HarakiriGrace, req.reportStuck)
	c.detached = true
	return req, c.answering
}

// writeTimeout answers a request whose handler has not answered.
func (c *clientConn) writeTimeout(r *http.Request) {
	body := "the request took too long\n"
	answer := fmt.Sprintf("HTTP/1.1 503 Service Unavailable\r\nDate: %s\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n", time.Now().UTC().Format(http.TimeFormat), len(body))
	if r.Method != http.MethodHead {
		answer += body
	}
	// Interrupt a read of net/http's. A read from here returns after that one: if the deadline were moved before, that one would
	// continue to wait. Errors concern the client only.
	_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	_, _ = c.Conn.Read(make([]byte, 1))
	_ = c.Conn.SetWriteDeadline(time.Now().Add(lastAnswerTimeout))
	if _, err := io.WriteString(c.Conn, answer); err != nil {
		return
	}
	_ = c.CloseWrite()
	_ = c.Conn.SetReadDeadline(time.Now().Add(lastAnswerTimeout))
	_, _ = io.Copy(io.Discard, c.Conn)
}

// endHarakiri is called by the handler's goroutine when the handler returns after the deadline.
func (req *request) endHarakiri() {
	req.conn.mu.Lock()
	req.harakiri.returned = true
	req.conn.mu.Unlock()
	<-req.harakiri.done
	req.harakiri.grace.Stop()
}

// reportStuck is called HarakiriGrace after the deadline. If the handler has not returned, it requests a replacement of the worker.
func (req *request) reportStuck() {
	<-req.harakiri.done
	c := req.conn
	if !c.isStuck(req) {
		return
	}
	s := c.server
	s.dumpOnce.Do(func() {
		dump := make([]byte, maxDump)
		dump = dump[:runtime.Stack(dump, true)]
		s.cfg.Logger.Error("harakiri: handler does not return, requesting replacement", "method", req.original.Method,
			"path", req.path, "goroutines", string(dump))
	})
	s.notify.reportStuck()
	s.forget(c) // the client has its answer, so the drain does not wait for it
}

func (c *clientConn) isStuck(req *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.req == req && !req.harakiri.returned && !c.abandoned
}

// abandon gives up waiting for a handler that does not return.
func (c *clientConn) abandon() {
	c.mu.Lock()
	c.abandoned = true
	if c.timer != nil {
		c.timer.Stop()
	}
	if c.req != nil && c.req.harakiri.grace != nil {
		c.req.harakiri.grace.Stop()
	}
	c.mu.Unlock()
	c.server.forget(c)
}
