package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"multiproc/worker/handoff"
)

// server is a running worker.
type server struct {
	cfg       Config
	http      http.Server
	listeners []*listener
	accepting sync.WaitGroup

	health      health
	herald      *herald
	recycle     recycle
	places      places          // of the main listeners' connections
	metrics     *requestMetrics // nil: requests are not counted
	process     *processMetrics // nil: as above
	namedPlaces places          // of those of the listeners in Config.Named
	replace     bool            // there is somebody who could replace this worker by another one

	// cutRequests ends the contexts of all requests.
	cutRequests context.CancelCauseFunc
	dumpOnce    sync.Once // goroutines, to the log
	buffers     sync.Pool // of *copyBuffer

	hurry     chan struct{} // closed when the drain is to wait for nothing
	hurryOnce sync.Once     // closes hurry

	mu    sync.Mutex // guards what follows, and is never held while a conn's is taken
	conns map[*conn]struct{}
	empty chan struct{} // see whenEmpty; nil before
}

// connKey finds, in a request's context, the conn that it came on.
type connKey struct{}

func newServer(ctx context.Context, cfg Config, in *handoff.Inherited, handler http.Handler) (*server, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if len(in.Listeners) == 0 {
		return nil, errors.New("no sockets inherited: start it by multiproc, as command in its ini file")
	}
	s := &server{
		cfg:         cfg,
		herald:      newHerald(cfg.Logger),
		replace:     in.Identity != (handoff.Identity{}),
		conns:       make(map[*conn]struct{}),
		hurry:       make(chan struct{}),
		places:      newPlaces(cfg.MaxConnections),
		namedPlaces: newPlaces(cfg.namedConnections()),
	}
	s.recycle.setLimit(cfg.MaxRequests, cfg.MaxRequestsDelta)
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
	// The end of ctx is the beginning of the drain, not the end of the requests.
	var base context.Context
	base, s.cutRequests = context.WithCancelCause(context.WithoutCancel(ctx))
	s.http = http.Server{
		Handler:           s,
		ReadHeaderTimeout: cfg.HTTPTimeout,
		IdleTimeout:       cfg.HTTPTimeout,
		MaxHeaderBytes:    cfg.MaxHeader,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(c net.Conn, state http.ConnState) { c.(*conn).became(state) },
	}
	return s, nil
}

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

// listenError is why a worker stopped that nobody told to.
type listenError struct{ error }

func (e *listenError) Unwrap() error { return e.error }

// ServeHTTP passes a request to the handler of the listener that it came from.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(*conn)
	r.TLS = c.tlsState
	if c.proxied {
		if client, ok := s.cfg.TrustedProxies.client(r.Header.Values("X-Forwarded-For")); ok {
			r.RemoteAddr = client
		}
	}
	if s.recycle.count() && s.replace {
		s.cfg.Logger.Info("asking to be replaced: max-requests", "requests", s.recycle.limit)
		s.herald.wantReplacement()
	}
	x := newExchange(c, w, r)
	defer x.end()
	if r = x.begin(); r != nil {
		c.handler.ServeHTTP(x, r)
	}
	x.returned = true
}

// track takes an accepted connection over.
func (s *server) track(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
}

// forget lets go of a connection that is closed and whose request, if there was one, is done.
func (s *server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.conns[c]; !known {
		return
	}
	delete(s.conns, c)
	if c.places != nil {
		c.places.leave()
	}
	if len(s.conns) == 0 && s.empty != nil {
		close(s.empty)
	}
}

// whenEmpty is closed when there are no connections any more. It is asked for once, when none can come.
func (s *server) whenEmpty() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.empty = make(chan struct{})
	if len(s.conns) == 0 {
		close(s.empty)
	}
	return s.empty
}

// open are the connections of the moment.
func (s *server) open() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}
