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

	"multiproc/worker/handoff"
)

// listener is this process's copy of a listening socket. Others have copies of the same socket.
type listener struct {
	net.Listener
	server   *server
	name     string
	handler  http.Handler
	places   *places     // of its connections
	tls      *tls.Config // nil: connections are plain
	draining atomic.Bool
	drained  chan struct{} // closed when it drains
}

func newListener(s *server, l handoff.Listener, main http.Handler) *listener {
	// The path is its maker's, and other workers listen there.
	if unixListener, ok := l.Listener.(*net.UnixListener); ok {
		unixListener.SetUnlinkOnClose(false)
	}
	handler, settings, places := s.cfg.Named[l.Name], s.cfg.NamedTLS[l.Name], &s.namedPlaces
	if handler == nil {
		handler, settings, places = main, s.cfg.TLS, &s.places
	}
	return &listener{
		Listener: l.Listener, server: s, name: l.Name, handler: handler, places: places, tls: overTLS(settings),
		drained: make(chan struct{}),
	}
}

// Accept waits for a connection. In the drain it takes those that the kernel has queued, and returns net.ErrClosed when
// there are no more, places or not: nobody else might.
func (l *listener) Accept() (net.Conn, error) {
	if !l.draining.Load() && l.server.enter(l.places, l.drained) {
		nc, err := l.Listener.Accept()
		if err == nil {
			return l.take(nc, l.places), nil
		}
		l.places.leave()
		if !l.draining.Load() {
			return nil, err
		}
	}
	nc, err := l.acceptQueued()
	if err != nil {
		return nil, err
	}
	return l.take(nc, nil), nil
}

func (l *listener) take(nc net.Conn, place *places) *conn {
	c := &conn{Conn: nc, socket: nc, server: l.server, handler: l.handler, places: place, waiting: true}
	c.proxied = l.server.cfg.TrustedProxies.trusts(nc)
	if l.tls != nil {
		c.secure(l.tls)
	}
	l.server.track(c)
	return c
}

// drain makes Accept come to an end.
func (l *listener) drain() {
	l.draining.Store(true)
	close(l.drained)
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok && d.SetDeadline(time.Unix(1, 0)) == nil {
		return
	}
	_ = l.Close() // no socket of the kernel's, so that nothing is queued there either
}

// acceptQueued takes a connection from the kernel's queue, or returns net.ErrClosed where there is none. net itself would
// not look there any more: the deadline has passed.
//
// What is queued after the drain began is taken too, as long as it comes faster than it can be taken: of several workers
// the last one to close would otherwise reset it.
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
		return nil, failed // as it is: net/http waits and tries again when there are too many open files
	}
	file := os.NewFile(uintptr(fd), "accepted")
	defer file.Close()
	return net.FileConn(file) // which has a descriptor of its own
}

func acceptNow(listening int) (int, error) {
	// Whoever clears the flag on a copy of the socket clears it on all, and then accept would wait.
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
