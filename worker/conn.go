package worker

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"multiproc/internal/conn"
)

// clientConn is a client's connection as net/http sees it. It follows where the connection is between two requests, and
// gives each read of a body and each write a deadline: those of net/http limit a request as a whole.
//
// It follows by what net/http does to it. A read deadline is set while net/http waits for the head of a request. Any call that
// sets one ends the reading of a body: it precedes the background read that watches for the client's disconnect, which must
// have no deadline.
type clientConn struct {
	net.Conn // carries HTTP: the kernel's socket, or TLS over it
	socket   *conn.Socket
	server   *server
	handler  http.Handler
	limit    *conn.Limit // in which it holds a place; nil: none
	proxied  bool        // it comes from a trusted proxy

	tls      *tls.Conn            // nil: the connection is plain
	tlsState *tls.ConnectionState // nil before the handshake, which precedes the first request

	mu sync.Mutex // guards the rest
	// waiting is set until the first byte of a request: in the drain, for at most Limits.DrainIdle.
	waiting bool
	// silent is set until the whole head of a request has come: a client that drips its head, or does not finish the TLS
	// handshake, is as silent as one that sends nothing.
	silent      bool
	silentSince time.Time // when it was set
	began       time.Time // the current request, with its first byte
	evicted     bool      // to make room
	// readDeadline is the one that net/http has set. While waiting, the real deadline may be earlier.
	readDeadline time.Time
	// readingBody is set while reads are of a request's body, each of which has a deadline.
	readingBody bool
	// inBodyRead is set during such a read.
	inBodyRead bool
	// bodyDeadline is the deadline for the whole body; see LimitBody. Zero: none.
	bodyDeadline time.Time
	// stalled is set once a deadline of the body has passed. It stays set, because the position in the body is unknown from then on.
	stalled bool
	// ownWriteDeadline is set while a deadline of the handler's replaces those of the writes.
	ownWriteDeadline bool
	// answering is set once a part of the answer to the current request was passed to the kernel.
	answering bool
	// hijacked is set once the handler has taken over the connection, deadlines included.
	hijacked bool
	// detached is set when the deadline of the request or the worker has passed: net/http and the handler can no longer use
	// the connection, and expire or cut closes it.
	detached bool
	// lost is set once a write below TLS has failed: the client would not take a close_notify either.
	lost bool
	// closing is set once a close_notify is being sent, or the connection is being closed.
	closing bool
	closed  bool
	// abandoned is set when the worker ends before the handler.
	abandoned bool
	// served is set once net/http is done with the connection; never for a hijacked one.
	served bool

	req *request // that is being handled, or nil
	// timer is for the harakiri deadline of req. It is reused, because that costs less than a new one for each request.
	timer *time.Timer
}

// setState is the http.Server's ConnState hook.
func (c *clientConn) setState(state http.ConnState) {
	c.mu.Lock()
	switch state {
	case http.StateIdle:
		c.waiting, c.silent, c.silentSince = true, true, time.Now()
	case http.StateActive:
		if c.waiting { // the whole request came together with the one before
			c.waiting, c.began = false, time.Now()
		}
	case http.StateHijacked:
		c.hijacked = true
	case http.StateClosed:
		c.served = true
	}
	c.unlockAndForget()
}

// beginRequest precedes the handler.
func (c *clientConn) beginRequest(req *request, hasBody bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.req = req
	c.silent = false
	c.answering = false
	c.bodyDeadline = time.Time{}
	if c.readingBody = hasBody; hasBody {
		c.socket.StartBody()
		c.limitBodyLocked(c.server.limits.BodyTimeout)
	}
}

// endRequest follows the handler, and everything that the worker does for its request.
func (c *clientConn) endRequest() {
	c.mu.Lock()
	c.req = nil
	c.unlockAndForget()
}

// busy reports whether a request without an answer is being handled, or the connection is hijacked.
func (c *clientConn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.req != nil && !c.detached || c.hijacked && !c.closed
}

// detach keeps net/http and the handler from writing to the client.
func (c *clientConn) detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.detached = true
}

// unlockAndForget unlocks mu, and has the server forget the connection once nothing uses it.
func (c *clientConn) unlockAndForget() {
	done := c.closed && c.req == nil && (c.served || c.hijacked)
	c.mu.Unlock()
	if done {
		c.server.forget(c)
	}
}

// Close is called by net/http, and by the handler that hijacked the connection.
func (c *clientConn) Close() error {
	c.mu.Lock()
	detached := c.detached
	c.mu.Unlock()
	if detached {
		return nil
	}
	return c.close()
}

// close also closes detached connections. For these and for lost ones it skips the close_notify of TLS, which could take
// seconds.
func (c *clientConn) close() error {
	c.mu.Lock()
	c.closing = true
	end := c.Conn.Close
	if c.detached || c.lost {
		end = c.socket.Close
	}
	c.mu.Unlock()
	err := end()
	c.mu.Lock()
	c.closed = true
	c.unlockAndForget()
	return err
}

// CloseWrite signals the end of the stream to the client. net/http uses it to deliver a last answer.
func (c *clientConn) CloseWrite() error {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

func (c *clientConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if err := c.startReadLocked(); err != nil {
		c.mu.Unlock()
		return 0, err
	}
	waiting, body := c.waiting, c.readingBody
	c.mu.Unlock()
	if err := c.handshake(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if waiting && n > 0 {
		c.stopWaiting()
	}
	if body {
		c.endBodyRead(n, err)
	}
	return n, err
}

func (c *clientConn) startReadLocked() error {
	switch {
	case c.detached:
		return http.ErrHandlerTimeout
	case !c.readingBody:
		return nil
	case c.stalled:
		return os.ErrDeadlineExceeded
	}
	c.inBodyRead = true
	deadline := c.socket.StartRead()
	if limit := c.bodyDeadline; !limit.IsZero() && (deadline.IsZero() || limit.Before(deadline)) {
		deadline = limit
	}
	return c.Conn.SetReadDeadline(deadline)
}

func (c *clientConn) endBodyRead(n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inBodyRead = false
	c.socket.EndRead(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.stalled = c.readingBody // otherwise the deadline was another one
	}
}

// stopWaiting follows the first byte of a request. The rest has the time that net/http gives it.
func (c *clientConn) stopWaiting() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.waiting {
		return
	}
	c.waiting = false
	c.began = time.Now()
	if c.server.health.draining.Load() {
		_ = c.Conn.SetReadDeadline(c.readDeadline)
	}
}

// LimitBody replaces Limits.BodyTimeout for a request, once its handler has authenticated the client. 0 removes the limit;
// Limits.SocketTimeout still applies. ctx is the context of the request or derived from it. LimitBody does nothing for a request
// that no worker serves.
//
// When the time is over, reads of the body fail with [os.ErrDeadlineExceeded], and the connection is closed after the answer. While
// other clients wait for a connection, one whose body has such a limit is as silent as one whose head has not come.
func LimitBody(ctx context.Context, d time.Duration) {
	if c, ok := ctx.Value(connKey{}).(*clientConn); ok {
		c.limitBody(d)
	}
}

func (c *clientConn) limitBody(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limitBodyLocked(d)
}

func (c *clientConn) limitBodyLocked(d time.Duration) {
	c.bodyDeadline = time.Time{}
	if d > 0 {
		c.bodyDeadline = c.began.Add(d)
	}
}

// SilentSince implements conn.Member.
func (c *clientConn) SilentSince() (t time.Time, unread bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.evicted || c.hijacked || c.closing:
		return time.Time{}, false
	case c.silent:
		return c.silentSince, false
	case c.awaitsBodyLocked():
		return c.began, false
	}
	return c.socket.StalledSince(), true
}

// awaitsBodyLocked reports whether a body whose time is limited is being waited for.
func (c *clientConn) awaitsBodyLocked() bool { return c.inBodyRead && !c.bodyDeadline.IsZero() }

// Evict makes room for another connection: it closes the socket, and net/http the connection. If the body is being waited for, the
// handler can still answer.
func (c *clientConn) Evict() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.evicted || c.hijacked || c.closing:
		return false
	case c.silent || c.awaitsBodyLocked():
		if conn.Unread(c.socket.Conn) {
			return false
		}
	case c.socket.StalledSince().IsZero():
		return false
	}
	c.evicted = true
	if !c.silent && c.inBodyRead {
		c.bodyDeadline = time.Unix(1, 0)
		_ = c.Conn.SetReadDeadline(c.bodyDeadline)
		return true
	}
	c.lost = true
	_ = c.socket.Close()
	return true
}

// drain shortens the idle deadline.
func (c *clientConn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting {
		_ = c.Conn.SetReadDeadline(c.limitIdleLocked(c.readDeadline))
	}
}

// limitIdleLocked returns the deadline t, or an earlier one if the worker drains and the connection is idle.
func (c *clientConn) limitIdleLocked(t time.Time) time.Time {
	if !c.waiting || !c.server.health.draining.Load() {
		return t
	}
	if limit := time.Now().Add(max(c.server.limits.DrainIdle, minDrainIdle)); t.IsZero() || limit.Before(t) {
		return limit
	}
	return t
}

func (c *clientConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.detached {
		return nil
	}
	c.readingBody = false
	c.readDeadline = t
	return c.Conn.SetReadDeadline(c.limitIdleLocked(t))
}

func (c *clientConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.detached {
		return nil
	}
	// net/http removes it after each request. The one of the last write may stay: the next write sets its own.
	if t.IsZero() && !c.ownWriteDeadline && !c.hijacked {
		return nil
	}
	c.ownWriteDeadline = !t.IsZero()
	c.socket.OwnWriteDeadline(c.ownWriteDeadline)
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline is called to remove both deadlines, by net/http when the connection is hijacked, and by the hijacker.
func (c *clientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.detached {
		return nil
	}
	c.readingBody = false
	c.readDeadline = t
	c.ownWriteDeadline = !t.IsZero()
	c.socket.OwnWriteDeadline(c.ownWriteDeadline)
	return c.Conn.SetDeadline(t)
}

func (c *clientConn) Write(p []byte) (int, error) {
	timed, err := c.startWrite(p)
	if err != nil {
		return 0, err
	}
	if timed && c.tls == nil { // see ciphertext
		return c.socket.Write(p)
	}
	return c.Conn.Write(p)
}

// ReadFrom has the kernel copy a file to a client, as *net.TCPConn does. Other sources are read here: a deadline of the
// client's would otherwise run while the source has nothing.
func (c *clientConn) ReadFrom(src io.Reader) (int64, error) {
	tcp, ok := c.Conn.(*net.TCPConn)
	file := conn.RegularFile(src)
	if !ok || file == nil {
		return c.copyFrom(src)
	}
	timed, err := c.startWrite(nil)
	switch {
	case err != nil:
		return 0, err
	case timed:
		return c.socket.SendFile(file)
	}
	return tcp.ReadFrom(file)
}

// copyBuffer holds what is read at once from a source that is no file.
type copyBuffer [32 << 10]byte

func (c *clientConn) copyFrom(src io.Reader) (int64, error) {
	buffer, ok := c.server.buffers.Get().(*copyBuffer)
	if !ok {
		buffer = new(copyBuffer)
	}
	defer c.server.buffers.Put(buffer)
	return io.CopyBuffer(struct{ io.Writer }{c}, src, buffer[:])
}

// startWrite precedes a write of p, which is nil if it is not known yet. timed reports whether the write has a deadline of
// its own.
func (c *clientConn) startWrite(p []byte) (timed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.detached {
		return false, http.ErrHandlerTimeout
	}
	if !c.answering {
		c.answering = !informational(p)
	}
	return !c.ownWriteDeadline && !c.hijacked, nil
}

// informational reports whether p, which net/http writes before any other part of an answer, is a 100 Continue or the like,
// after which the answer is still to come.
func informational(p []byte) bool {
	return bytes.HasPrefix(p, []byte("HTTP/1.1 1")) && !bytes.HasPrefix(p, []byte("HTTP/1.1 101"))
}
