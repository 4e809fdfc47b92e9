package worker

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// exchange is a request and its answer. It is also the http.ResponseWriter that the handler gets.
//
// It is all that a request costs in memory over what it costs in net/http, as long as its time is not limited.
type exchange struct {
	conn     *conn
	w        http.ResponseWriter
	original *http.Request // net/http's, which looks at it again when the handler is done
	copied   *requestCopy  // what the handler gets instead; nil: it gets the original

	start time.Time
	// Of the URL as the client gave it: the handler may change the request's while they are needed elsewhere.
	path, rawPath string

	code     int          // of the answer; 0: none yet. Only the handler's goroutine's
	bytes    atomic.Int64 // of the answer's body
	refused  bool         // the handler was not asked
	returned bool         // it has, without a panic

	harakiri harakiri
}

// newExchange makes an exchange of what net/http gives. Its memory is one piece.
func newExchange(c *conn, w http.ResponseWriter, r *http.Request) *exchange {
	cfg := &c.server.cfg
	var x *exchange
	if cfg.Harakiri > 0 || cfg.MaxBody > 0 && r.Body != http.NoBody {
		both := &struct {
			exchange
			requestCopy
		}{}
		x = &both.exchange
		x.copied = &both.requestCopy
	} else {
		x = &exchange{}
	}
	x.conn, x.w, x.original = c, w, r
	x.start = time.Now()
	x.path, x.rawPath = r.URL.Path, r.URL.RawPath
	return x
}

// begin makes the request ready for the handler. It returns nil where it is answered already.
func (x *exchange) begin() *http.Request {
	c, r := x.conn, x.original
	cfg := &c.server.cfg
	if c.server.metrics != nil {
		c.server.metrics.inFlight.Inc()
	}
	hasBody := r.Body != http.NoBody
	c.begin(x, hasBody)
	if cfg.MaxBody > 0 && r.ContentLength > cfg.MaxBody {
		x.refused = true
		x.refuseBody()
		return nil
	}
	if x.copied == nil {
		return r
	}
	ctx := r.Context()
	if cfg.Harakiri > 0 {
		ctx = x.startHarakiri(ctx, cfg.Harakiri)
	}
	return x.copied.of(ctx, x, cfg.MaxBody)
}

// end is deferred around the handler. It takes a panic over, and goes on with http.ErrAbortHandler, which makes
// net/http close the connection and say nothing.
func (x *exchange) end() {
	var failure any
	if !x.returned {
		failure = recover()
	}
	c := x.conn
	defer c.end()
	expired := c.settle(x)
	if x.copied != nil {
		x.original.MultipartForm = x.copied.MultipartForm // whose files net/http removes
	}
	if failure != nil && failure != http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
		x.tellPanic(failure)
	}
	if expired {
		x.endHarakiri()
		panic(http.ErrAbortHandler)
	}
	if x.returned {
		x.complete()
	}
	x.count(x.outcome(), x.pattern())
	if failure != nil {
		panic(http.ErrAbortHandler)
	}
}

// complete is for a handler that wrote nothing.
func (x *exchange) complete() {
	if x.code != 0 {
		return
	}
	if x.copied != nil && x.copied.tooLarge.Load() {
		x.refuseBody()
		return
	}
	x.announceClose()
}

// outcome is the answer's code, as far as the client will see one.
func (x *exchange) outcome() int {
	switch {
	case x.code != 0:
		return x.code
	case !x.returned:
		return http.StatusInternalServerError
	case errors.Is(context.Cause(x.original.Context()), errCut):
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// pattern is that of the route which the request took.
func (x *exchange) pattern() string {
	switch {
	case x.refused:
		return x.findPattern()
	case x.copied != nil:
		return x.copied.Pattern
	}
	return x.original.Pattern
}

// count counts the request and logs it, once.
func (x *exchange) count(code int, pattern string) {
	s := x.conn.server
	took := time.Since(x.start)
	if s.metrics != nil {
		s.metrics.count(x.original.Method, pattern, code, x.bytes.Load(), took)
	}
	if s.cfg.AccessLog != nil {
		logAccess(s.cfg.AccessLog, x, pattern, code, took)
	}
}

// tellPanic counts and logs that the handler has panicked.
func (x *exchange) tellPanic(failure any) {
	s := x.conn.server
	if s.metrics != nil {
		s.metrics.panics.Inc()
	}
	s.cfg.Logger.Error("a handler panicked", "method", x.original.Method, "path", x.path,
		"remote", x.original.RemoteAddr, "panic", failure, "stack", string(debug.Stack()))
}

// exchangeContext is the context of a request that has a harakiri deadline.
type exchangeContext struct {
	context.Context
	x *exchange
}

// exchangeKey finds, in a request's context, its exchange.
type exchangeKey struct{}

func (c *exchangeContext) Value(key any) any {
	if key == (exchangeKey{}) {
		return c.x
	}
	return c.Context.Value(key)
}
