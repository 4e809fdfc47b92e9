package worker

import (
	"crypto/tls"
	"log/slog"
	"net/http"

	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
)

// Config configures Run. The zero value is ready to use: it serves with DefaultLimits, without TLS, logs or metrics.
type Config struct {
	// Inherited holds the sockets and the identity that the process was started with. Run closes it. If nil, Run calls handoff.Inherit.
	Inherited *handoff.Inherited
	// Named holds, by name, the handlers of listeners that do not serve the main handler, such as "metrics".
	Named map[string]http.Handler
	// TLS configures the main listeners, those that are not in Named. If nil, they do not use TLS. A handshake may take as
	// long as the head of a request. Only HTTP/1.1 is negotiated, whatever NextProtos says. Run does not change it.
	TLS *tls.Config
	// NamedTLS is the same for the listeners in Named, by name.
	NamedTLS map[string]*tls.Config
	// TrustedProxies are the peers whose headers determine the RemoteAddr of a request and the result of Secure.
	TrustedProxies TrustedProxies

	// Logger gets the events of the worker. If nil, they are discarded.
	Logger *slog.Logger
	// AccessLog gets a line for each request: method, path (not the query), route, code, bytes of the answer's body,
	// duration in seconds, remote address (see TrustedProxies). If nil, requests are not logged.
	AccessLog *slog.Logger
	// Metrics creates the metrics of the requests and of the process; their names must be free. Requests that net/http
	// refuses by itself, such as malformed ones, are not counted. If nil, there are no metrics. Run does not close it.
	Metrics *mpmetrics.Writer
	// Reopen is called to reopen the log at the request of the master, from one goroutine at a time. Its error is logged.
	Reopen func() error

	// Limits bound what clients and requests may take. If nil, DefaultLimits apply. Run does not change them.
	Limits *Limits
	// FastStop makes the worker stop at once when it is closed: the requests that are still being handled are cancelled and
	// cut, as at Limits.DrainTimeout. Nil is never closed.
	FastStop <-chan struct{}
}

// withDefaults replaces what is nil.
func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Limits == nil {
		limits := DefaultLimits()
		c.Limits = &limits
	}
	return c
}
