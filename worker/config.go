package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
)

// Config is what Run may be told. The zero value is good.
type Config struct {
	// Inherited is what the process was started with. Run closes it. Nil: Run takes it over (handoff.Inherit).
	Inherited *handoff.Inherited
	// Named are the handlers of the listeners with that name, e.g. "metrics", instead of the main handler.
	Named map[string]http.Handler

	// Logger gets what befalls the worker. Nil discards.
	Logger *slog.Logger
	// AccessLog gets a line for each request: method, path (not the query), route, code, bytes of the answer's body,
	// duration in seconds, remote address. Nil: requests are not logged.
	AccessLog *slog.Logger
	// Metrics makes the metrics of the requests and of the process, whose names must be free. The requests that
	// net/http refuses by itself, such as malformed ones, are not counted. Nil: nothing is.
	Metrics *mpmetrics.Writer
	// Reopen is called when the master says that the log is to be reopened, once at a time. Its error is logged.
	Reopen func() error

	// MaxHeader is how long a request's head may be, in bytes, roughly. More is answered with 431. Default 64 KiB.
	MaxHeader int
	// MaxBody is how long a request's body may be, in bytes. More is answered with 413, at once where the request says
	// how long it is; else the handler's read fails with *http.MaxBytesError. 0: no limit.
	MaxBody int64
	// HTTPTimeout is how long a request's head may take, and how long a connection may be idle. Default 60 s.
	HTTPTimeout time.Duration
	// SocketTimeout is after how long a client is cut that takes nothing of an answer, or sends nothing of a body that
	// is waited for. Default 60 s.
	SocketTimeout time.Duration

	// Harakiri is how long a request may take, see ExtendDeadline. 0: as long as it likes.
	Harakiri time.Duration
	// HarakiriGrace is how long its handler may then take to return. Default 5 s.
	HarakiriGrace time.Duration

	// MaxRequests is after how many requests the worker asks its master to be replaced. 0: never.
	MaxRequests int
	// MaxRequestsDelta is up to how many more, at random, so that not all workers ask at once.
	MaxRequestsDelta int

	// DrainIdle is how long a connection may be silent in the drain before it is closed. Default 5 s.
	DrainIdle time.Duration
	// DrainTimeout is how long the drain may take. Default 60 s.
	DrainTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.MaxHeader, 64<<10)
	setDefault(&c.HTTPTimeout, 60*time.Second)
	setDefault(&c.SocketTimeout, 60*time.Second)
	setDefault(&c.HarakiriGrace, 5*time.Second)
	setDefault(&c.DrainIdle, 5*time.Second)
	setDefault(&c.DrainTimeout, 60*time.Second)
	return c
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func (c Config) validate() error {
	var faults []error
	positive := func(name string, value int64) {
		if value < 0 {
			faults = append(faults, fmt.Errorf("%s is negative", name))
		}
	}
	positive("MaxHeader", int64(c.MaxHeader))
	positive("MaxBody", c.MaxBody)
	positive("HTTPTimeout", int64(c.HTTPTimeout))
	positive("SocketTimeout", int64(c.SocketTimeout))
	positive("Harakiri", int64(c.Harakiri))
	positive("HarakiriGrace", int64(c.HarakiriGrace))
	positive("MaxRequests", int64(c.MaxRequests))
	positive("MaxRequestsDelta", int64(c.MaxRequestsDelta))
	positive("DrainIdle", int64(c.DrainIdle))
	positive("DrainTimeout", int64(c.DrainTimeout))
	return errors.Join(faults...)
}
