package conn

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// Listen limits a listener to n open connections. A connection over which nothing was read or written yet is idle, and makes
// room for a new one when all places are taken. Closing the returned listener closes l.
func Listen(l net.Listener, n int) net.Listener {
	return &listener{Listener: l, limit: NewLimit(n), closed: make(chan struct{})}
}

// ConnState is the hook of an http.Server that serves a listener of Listen and keeps connections alive. It lets them make room
// between two requests as well.
func ConnState(c net.Conn, state http.ConnState) {
	l, ok := c.(*limited)
	switch {
	case !ok:
	case state == http.StateIdle:
		l.setIdleSince(time.Now())
	case state == http.StateActive:
		l.setIdleSince(time.Time{})
	}
}

type listener struct {
	net.Listener
	limit  *Limit
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	if !l.limit.Acquire(l.closed) {
		return nil, net.ErrClosed
	}
	nc, err := l.Listener.Accept()
	if err != nil {
		l.limit.Release(nil)
		return nil, err
	}
	c := &limited{Conn: nc, limit: l.limit, idleSince: time.Now()}
	l.limit.Add(c)
	return c, nil
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limited is a connection that gives its place back when it is closed.
type limited struct {
	net.Conn
	limit   *Limit
	release sync.Once

	mu        sync.Mutex // guards idleSince
	idleSince time.Time  // zero once something was read or written; see ConnState
}

func (c *limited) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.setIdleSince(time.Time{})
	}
	return n, err
}

func (c *limited) Write(p []byte) (int, error) {
	c.setIdleSince(time.Time{})
	return c.Conn.Write(p)
}

func (c *limited) setIdleSince(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idleSince = t
}

func (c *limited) Close() error {
	err := c.Conn.Close()
	c.release.Do(func() { c.limit.Release(c) })
	return err
}

func (c *limited) IdleSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.idleSince
}

// Evict interrupts the read that waits for a request: the server then closes the connection.
func (c *limited) Evict() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.idleSince.IsZero() && !Unread(c.Conn) {
		_ = c.SetReadDeadline(time.Unix(1, 0))
	}
}
