package worker

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"syscall"
	"time"

	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
)

// Config is what Run may be told. The zero value is good.
//
// Where 0 is a default, a negative time says what 0 cannot: no limit, or no time at all.
type Config struct {
	// Inherited is what the process was started with. Run closes it. Nil: Run takes it over (handoff.Inherit).
	Inherited *handoff.Inherited
	// Named are the handlers of the listeners with that name, e.g. "metrics", instead of the main handler.
	Named map[string]http.Handler
	// TLS is how the main listeners, those that are not in Named, speak TLS; nil: not at all. A handshake may take as long
	// as a request's head. HTTP/2 is not spoken, whatever NextProtos says. Run does not change it.
	TLS *tls.Config
	// NamedTLS is the same of the listeners in Named, by name.
	NamedTLS map[string]*tls.Config
	// TrustedProxies are believed who a request's client is, which is then its RemoteAddr, and whether that is Secure.
	TrustedProxies TrustedProxies

	// Logger gets what befalls the worker. Nil discards.
	Logger *slog.Logger
	// AccessLog gets a line for each request: method, path (not the query), route, code, bytes of the answer's body,
	// duration in seconds, remote address (see TrustedProxies). Nil: requests are not logged.
	AccessLog *slog.Logger
	// Metrics makes the metrics of the requests and of the process, whose names must be free. The requests that
	// net/http refuses by itself, such as malformed ones, are not counted. Nil: nothing is.
	Metrics *mpmetrics.Writer
	// Reopen is called when the master says that the log is to be reopened, once at a time. Its error is logged.
	Reopen func() error

	// MaxConnections is how many connections there may be at a time. Others wait in the kernel's queue, and those that are
	// idle make room for them, or else those whose bodies came, or whose answers were taken (over TCP), with less than 500
	// bytes a second over 5 s (SocketTimeout, if that is shorter) in which they were waited for. The listeners in Named have
	// as many for themselves, but at least 8 and at most 64, so that who fills the main ones does not shut them. Default
	// 10,000. All together are never more than three quarters of the descriptors that the process may have.
	MaxConnections int
	// MaxHeader is how long a request's head may be, in bytes, roughly. More is answered with 431. Default 64 KiB.
	MaxHeader int
	// MaxBody is how long a request's body may be, in bytes. More is answered with 413, at once where the request says
	// how long it is; else the handler's read fails with *http.MaxBytesError. 0: no limit.
	MaxBody int64
	// HTTPTimeout is how long a request's head may take, and how long a connection may be idle. Default 60 s. Negative: as
	// long as they like.
	HTTPTimeout time.Duration
	// SocketTimeout is after how long a client is cut that takes nothing of an answer, or sends nothing of a body that
	// is waited for. Default 60 s. Negative: never.
	SocketTimeout time.Duration

	// Harakiri is how long a request may take, see ExtendDeadline. 0: as long as it likes.
	Harakiri time.Duration
	// HarakiriGrace is how long its handler may then take to return. Default 5 s. Negative: not at all, it should have
	// returned when the client has its answer.
	HarakiriGrace time.Duration

	// MaxRequests is after how many requests the worker asks its master to be replaced. 0: never.
	MaxRequests int
	// MaxRequestsDelta is up to how many more, at random, so that not all workers ask at once.
	MaxRequestsDelta int

	// DrainIdle is how long a connection may be silent in the drain before it is closed. Default 5 s. Negative: no
	// longer than it takes to read what has come. What is on its way is lost then.
	DrainIdle time.Duration
	// DrainTimeout is how long the drain may take. Default 60 s. Negative: no time, the requests are cut at once.
	DrainTimeout time.Duration
	// Hurry is closed when nothing is to be waited for any more: the worker stops, if it was not told to before, and its
	// requests are cancelled and cut, as when its master does not want to wait. Nil: that is not to be.
	Hurry <-chan struct{}
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxHeader == 0 {
		c.MaxHeader = 64 << 10
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = 10_000
	}
	if c.MaxConnections > 0 {
		c.MaxConnections = min(c.MaxConnections, max(1, descriptors()-c.namedConnections()))
	}
	setDefault(&c.HTTPTimeout, 60*time.Second, forever)
	setDefault(&c.SocketTimeout, 60*time.Second, forever)
	setDefault(&c.HarakiriGrace, 5*time.Second, 0)
	setDefault(&c.DrainIdle, 5*time.Second, 10*time.Millisecond) // the kernel has it already
	setDefault(&c.DrainTimeout, 60*time.Second, 0)
	return c
}

// namedConnections is how many connections the listeners in Named may have.
func (c Config) namedConnections() int {
	return max(8, min(c.MaxConnections, 64, descriptors()/8))
}

// descriptors is how many the connections may have: some are for all else that a worker opens.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt
	}
	return int(max(1, min(limit.Cur/4*3, math.MaxInt)))
}

// forever is a limit that no process reaches. It is one all the same, so that what is told by a deadline, such as that a
// connection is idle, is told where there is no limit, too.
const forever = 100 * 365 * 24 * time.Hour

// setDefault gives the field its value where it has none, and another one where it is negative.
func setDefault(field *time.Duration, value, negative time.Duration) {
	switch {
	case *field == 0:
		*field = value
	case *field < 0:
		*field = negative
	}
}

// validate checks what withDefaults has left as it was.
func (c Config) validate() error {
	var faults []error
	positive := func(name string, value int64) {
		if value < 0 {
			faults = append(faults, fmt.Errorf("%s is negative", name))
		}
	}
	positive("MaxConnections", int64(c.MaxConnections))
	positive("MaxHeader", int64(c.MaxHeader))
	positive("MaxBody", c.MaxBody)
	positive("Harakiri", int64(c.Harakiri))
	positive("MaxRequests", int64(c.MaxRequests))
	positive("MaxRequestsDelta", int64(c.MaxRequestsDelta))
	return errors.Join(faults...)
}
