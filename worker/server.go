package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"multiproc/internal/conn"
	"multiproc/worker/handoff"
)

// server is a running worker.
type server struct {
	cfg       Config
	limits    Limits
	http      http.Server
	listeners []*listener
	accepting sync.WaitGroup

	health    health
	notify    *notify
	metrics   *requestMetrics        // nil: there are none
	process   *processMetrics        // nil: there are none
	limit     *conn.Limit            // of the main listeners
	named     map[string]*conn.Limit // of the listeners in Config.Named, by name
	hasMaster bool                   // which can replace this worker

	started     atomic.Int64 // requests
	maxRequests int64        // with the random part; 0: no limit

	// cutRequests ends the contexts of all requests.
	cutRequests context.CancelCauseFunc
	dumpOnce    sync.Once // goroutines, to the log
	buffers     sync.Pool // of *copyBuffer

	fastStop     chan struct{} // closed when the drain must not wait for requests
	fastStopOnce sync.Once     // closes fastStop

	mu    sync.Mutex // guards the rest; never held while a clientConn's mu is taken
	conns map[*clientConn]struct{}
	empty chan struct{} // see whenEmpty; nil before
}

// connKey is the context key of the clientConn that a request came on.
type connKey struct{}

func newServer(ctx context.Context, cfg Config, in *handoff.Inherited, handler http.Handler) (*server, error) {
	limits := *cfg.Limits
	if err := limits.validate(); err != nil {
		return nil, err
	}
	if len(in.Listeners) == 0 {
		return nil, errors.New("no sockets inherited; start this program by multiproc, with the key command in its ini file")
	}
	main, named := limits.connections(len(cfg.Named), len(in.Listeners))
	listeners := map[string]int{}
	for _, l := range in.Listeners {
		if _, ok := cfg.Named[l.Name]; ok {
			listeners[l.Name]++
		} else {
			listeners[""]++
		}
	}
	s := &server{
		cfg:       cfg,
		limits:    limits,
		notify:    newNotify(cfg.Logger),
		hasMaster: in.Identity != (handoff.Identity{}),
		conns:     make(map[*clientConn]struct{}),
		fastStop:  make(chan struct{}),
		limit:     newLimit(main, listeners[""]),
		named:     make(map[string]*conn.Limit, len(cfg.Named)),
	}
	for name := range cfg.Named {
		s.named[name] = newLimit(named, listeners[name])
	}
	if limits.MaxRequests > 0 {
		s.maxRequests = int64(limits.MaxRequests) + rand.Int64N(int64(limits.MaxRequestsDelta)+1)
	}
	if cfg.Metrics != nil {
		var err error
		if s.metrics, err = newRequestMetrics(cfg.Metrics); err != nil {
			return nil, err
		}
		if s.process, err = newProcessMetrics(cfg.Metrics); err != nil {
			return nil, err
		}
	}
	if handler == nil {
		handler = http.DefaultServeMux
	}
	for _, l := range in.Listeners {
		s.listeners = append(s.listeners, newListener(s, l, handler))
	}
	// The end of ctx begins the drain. It does not cancel the requests.
	var base context.Context
	base, s.cutRequests = context.WithCancelCause(context.WithoutCancel(ctx))
	s.http = http.Server{
		Handler:           s,
		ReadHeaderTimeout: limits.HTTPTimeout,
		IdleTimeout:       limits.HTTPTimeout,
		MaxHeaderBytes:    limits.MaxHeader,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(c net.Conn, state http.ConnState) { c.(*clientConn).setState(state) },
	}
	return s, nil
}

// newLimit returns a limit of n connections. Each listener that waits for a client holds a place, so there must be one for each
// further listener: a limit lower than the number of listeners would leave some without.
func newLimit(n, listeners int) *conn.Limit { return conn.NewLimit(n + max(0, listeners-1)) }

// serve begins to accept connections. A listener that fails stops the worker.
func (s *server) serve(stop context.CancelCauseFunc) {
	for _, l := range s.listeners {
		s.cfg.Logger.Info("serving", "listener", l.name, "address", l.Addr().String())
		s.accepting.Go(func() {
			if err := s.http.Serve(l); !errors.Is(err, net.ErrClosed) {
				stop(&listenError{fmt.Errorf("serve %s: %w", l.Addr(), err)})
			}
		})
	}
}

// listenError is the cause of a stop that was not requested.
type listenError struct{ error }

func (e *listenError) Unwrap() error { return e.error }

// ServeHTTP passes a request to the handler of its listener.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(*clientConn)
	r.TLS = c.tlsState
	if c.proxied {
		if client, ok := s.cfg.TrustedProxies.client(r.Header.Values("X-Forwarded-For")); ok {
			r.RemoteAddr = client
		}
	}
	if s.started.Add(1) == s.maxRequests && s.hasMaster {
		s.cfg.Logger.Info("max-requests reached, requesting replacement", "requests", s.maxRequests)
		s.notify.requestReplacement()
	}
	req := newRequest(c, w, r)
	defer req.end()
	if r = req.begin(); r != nil {
		c.handler.ServeHTTP(req, r)
	}
	req.returned = true
}

// track adds an accepted connection.
func (s *server) track(c *clientConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
}

// forget removes a connection that is closed and has no request. It may be called more than once.
func (s *server) forget(c *clientConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, tracked := s.conns[c]; !tracked {
		return
	}
	delete(s.conns, c)
	if c.limit != nil {
		c.limit.Release(c)
	}
	if len(s.conns) == 0 && s.empty != nil {
		close(s.empty)
	}
}

// whenEmpty returns a channel that is closed when no connection is left. It is called once, when no connection can be added.
func (s *server) whenEmpty() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty = make(chan struct{})
	if len(s.conns) == 0 {
		close(s.empty)
	}
	return s.empty
}

// open returns the connections.
func (s *server) open() []*clientConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*clientConn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}
