package worker

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/conn"
	"multiproc/worker/handoff"
)

// listener is this process's copy of a listening socket. Other workers have copies of the same socket.
type listener struct {
	net.Listener
	server   *server
	name     string
	handler  http.Handler
	limit    *conn.Limit // of its connections
	tls      *tls.Config // nil: connections are plain
	draining atomic.Bool
	drained  chan struct{} // closed when the drain begins
}

func newListener(s *server, l handoff.Listener, main http.Handler) *listener {
	handler, settings, limit := s.cfg.Named[l.Name], s.cfg.NamedTLS[l.Name], s.named[l.Name]
	if handler == nil {
		handler, settings, limit = main, s.cfg.TLS, s.limit
	}
	return &listener{
		Listener: l.Listener, server: s, name: l.Name, handler: handler, limit: limit, tls: http1Only(settings),
		drained: make(chan struct{}),
	}
}

// Accept waits for a connection. In the drain it returns those that the kernel has queued, whatever the limit, because other
// workers may be gone; then net.ErrClosed.
func (l *listener) Accept() (net.Conn, error) {
	if !l.draining.Load() && l.limit.Acquire(l.drained, func() bool { return conn.Queued(l.Listener) }) {
		nc, err := l.Listener.Accept()
		if err == nil {
			c := l.newConn(nc, l.limit)
			l.limit.Add(c)
			return c, nil
		}
		l.limit.Release(nil)
		if !l.draining.Load() {
			return nil, err
		}
	}
	nc, err := l.acceptQueued()
	if err != nil {
		return nil, err
	}
	return l.newConn(nc, nil), nil
}

func (l *listener) newConn(nc net.Conn, limit *conn.Limit) *clientConn {
	conn.LimitQueue(nc)
	socket := &conn.Socket{Conn: nc, Timeout: l.server.limits.SocketTimeout, Limit: limit}
	c := &clientConn{
		Conn: nc, socket: socket, server: l.server, handler: l.handler, limit: limit,
		waiting: true, silent: true, silentSince: time.Now(),
		proxied: l.server.cfg.TrustedProxies.trusts(nc),
	}
	if l.tls != nil {
		c.startTLS(l.tls)
	}
	l.server.track(c)
	return c
}

// drain makes Accept return net.ErrClosed once the queue is empty.
func (l *listener) drain() {
	l.draining.Store(true)
	close(l.drained)
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok && d.SetDeadline(time.Unix(1, 0)) == nil {
		return
	}
	_ = l.Close() // no socket of the kernel's, so there is no queue either
}

// acceptQueued takes a connection from the kernel's queue, or returns net.ErrClosed if it is empty. Package net would not look,
// because the deadline has passed.
//
// It also takes connections that were queued after the drain began, as long as they come faster than they can be accepted: if
// this is the last worker to close the socket, the kernel would reset them.
func (l *listener) acceptQueued() (net.Conn, error) {
	socket, ok := l.Listener.(syscall.Conn)
	if !ok {
		return nil, net.ErrClosed
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, net.ErrClosed
	}
	var fd int
	var failed error
	err = raw.Control(func(listening uintptr) { fd, failed = acceptNow(int(listening)) })
	switch {
	case err != nil || errors.Is(failed, unix.EAGAIN):
		return nil, net.ErrClosed
	case failed != nil:
		return nil, failed // unwrapped: net/http retries after too many open files
	}
	file := os.NewFile(uintptr(fd), "accepted")
	defer file.Close()
	return net.FileConn(file) // which duplicates the descriptor
}

func acceptNow(listening int) (int, error) {
	// A process that clears the flag on its copy of the socket clears it on all of them, and accept would block.
	if err := unix.SetNonblock(listening, true); err != nil {
		return -1, err
	}
	for {
		fd, _, err := unix.Accept4(listening, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED) {
			return fd, err
		}
	}
}
