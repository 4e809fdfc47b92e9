package conn

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve serves HTTP on l with at most n open connections until server is shut down. A connection is served while its handler runs,
// and silent before and after that; see Limit. It sets server's Handler and ConnContext. A handler that reads a body must limit the
// time for that.
func Serve(server *http.Server, l net.Listener, n int) error {
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(connKey{}).(*limited)
		c.setHandling(true)
		defer c.setHandling(false)
		handler.ServeHTTP(w, r)
	})
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	return server.Serve(&listener{Listener: l, limit: NewLimit(n), closed: make(chan struct{}), http: true})
}

// connKey is the context key of the connection that a request came on.
type connKey struct{}

// Listen limits a listener to n open connections. A connection is silent until something is read or written; see Limit. Closing
// the returned listener closes l.
func Listen(l net.Listener, n int) net.Listener {
	return &listener{Listener: l, limit: NewLimit(n), closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	limit  *Limit
	http   bool // see Serve
	once   sync.Once
	closed chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	if !l.limit.Acquire(l.closed, func() bool { return Queued(l.Listener) }) {
		return nil, net.ErrClosed
	}
	nc, err := l.Listener.Accept()
	if err != nil {
		l.limit.Release(nil)
		return nil, err
	}
	LimitQueue(nc)
	c := &limited{Conn: nc, limit: l.limit, http: l.http, silentSince: time.Now()}
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
	http    bool // see Serve
	release sync.Once
	write   write

	mu          sync.Mutex // guards what follows
	silentSince time.Time  // zero: it is being served, unless its client does not take the answer
	handling    bool       // a handler runs
	evicted     bool
}

// Read is silence if it is a read of HTTP outside a handler: of a head, or of a body that no handler has read.
func (c *limited) Read(p []byte) (int, error) {
	if c.http {
		c.beSilent()
	}
	n, err := c.Conn.Read(p)
	if !c.http && n > 0 {
		c.beServed()
	}
	return n, err
}

func (c *limited) Write(p []byte) (int, error) {
	if !c.http {
		c.beServed()
	}
	c.write.begin(time.Now())
	defer c.write.end()
	return c.Conn.Write(p)
}

func (c *limited) setHandling(handling bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handling = handling
	c.silentSince = time.Time{}
}

func (c *limited) beServed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silentSince = time.Time{}
}

func (c *limited) beSilent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.handling && c.silentSince.IsZero() {
		c.silentSince = time.Now()
	}
}

func (c *limited) Close() error {
	err := c.Conn.Close()
	c.release.Do(func() { c.limit.Release(c) })
	return err
}

func (c *limited) SilentSince() (t time.Time, unread bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.evicted:
		return time.Time{}, false
	case !c.silentSince.IsZero():
		return c.silentSince, false
	}
	return c.write.stalledSince(c.Conn), true
}

// Evict closes the socket. The server then closes the connection.
func (c *limited) Evict() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	silent := !c.silentSince.IsZero() && !Unread(c.Conn)
	if c.evicted || !silent && c.write.stalledSince(c.Conn).IsZero() {
		return false
	}
	c.evicted = true
	_ = c.Conn.Close()
	return true
}
