package worker

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// request is a request and its answer. It is also the http.ResponseWriter that the handler gets.
//
// It is the only allocation that a request costs in addition to those of net/http, unless its time is limited.
type request struct {
	conn     *clientConn
	w        http.ResponseWriter
	original *http.Request // net/http's, which it inspects again after the handler
	copied   *requestCopy  // passed to the handler instead; nil: the handler gets the original

	start time.Time
	// The URL as the client sent it. Handlers may change that of the request.
	path, rawPath string

	code     int          // of the answer; 0 before it. Only the handler's goroutine uses it
	bytes    atomic.Int64 // of the answer's body
	refused  bool         // answered without the handler
	returned bool         // the handler has returned without a panic

	harakiri harakiri
}

// newRequest allocates a request, and its copy if it needs one, in one piece.
func newRequest(c *clientConn, w http.ResponseWriter, r *http.Request) *request {
	limits := &c.server.limits
	var req *request
	if limits.Harakiri > 0 || limits.MaxBody > 0 && r.Body != http.NoBody {
		both := &struct {
			request
			requestCopy
		}{}
		req = &both.request
		req.copied = &both.requestCopy
	} else {
		req = &request{}
	}
	req.conn, req.w, req.original = c, w, r
	req.start = time.Now()
	req.path, req.rawPath = r.URL.Path, r.URL.RawPath
	return req
}

// begin returns the request for the handler, or nil if it is already answered.
func (req *request) begin() *http.Request {
	c, r := req.conn, req.original
	limits := &c.server.limits
	if c.server.metrics != nil {
		c.server.metrics.inFlight.Inc()
	}
	c.beginRequest(req, r.Body != http.NoBody)
	if limits.MaxBody > 0 && r.ContentLength > limits.MaxBody {
		req.refused = true
		req.refuseBody()
		return nil
	}
	if req.copied == nil {
		return r
	}
	ctx := r.Context()
	if limits.Harakiri > 0 {
		ctx = req.startHarakiri(ctx, limits.Harakiri)
	}
	return req.copied.init(ctx, req, limits.MaxBody)
}

// end is deferred around the handler. It replaces any panic with http.ErrAbortHandler, which makes net/http close the connection
// without logging.
func (req *request) end() {
	var failure any
	if !req.returned {
		failure = recover()
	}
	c := req.conn
	defer c.endRequest()
	expired := c.stopHarakiri(req)
	if req.copied != nil {
		req.original.MultipartForm = req.copied.MultipartForm // net/http removes its files
	}
	if failure != nil && failure != http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
		req.logPanic(failure)
	}
	if expired {
		req.endHarakiri()
		panic(http.ErrAbortHandler)
	}
	if req.returned {
		req.complete()
	}
	req.record(req.outcome(), req.pattern())
	if failure != nil {
		panic(http.ErrAbortHandler)
	}
}

// complete finishes the answer of a handler that wrote nothing.
func (req *request) complete() {
	if req.code != 0 {
		return
	}
	if req.copied != nil && req.copied.tooLarge.Load() {
		req.refuseBody()
		return
	}
	req.setConnectionClose()
}

// outcome returns the code of the answer, as far as the client will see one.
func (req *request) outcome() int {
	switch {
	case req.code != 0:
		return req.code
	case !req.returned:
		return http.StatusInternalServerError
	case errors.Is(context.Cause(req.original.Context()), errCut):
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// pattern returns the pattern of the route that the request took.
func (req *request) pattern() string {
	switch {
	case req.refused:
		return req.findPattern()
	case req.copied != nil:
		return req.copied.Pattern
	}
	return req.original.Pattern
}

// record counts the request and logs it, once.
func (req *request) record(code int, pattern string) {
	s := req.conn.server
	took := time.Since(req.start)
	if s.metrics != nil {
		s.metrics.record(req.original.Method, pattern, code, req.bytes.Load(), took)
	}
	if s.cfg.AccessLog != nil {
		req.logAccess(pattern, code, took)
	}
}

// logAccess leaves out the query, which may hold secrets.
func (req *request) logAccess(pattern string, code int, took time.Duration) {
	req.conn.server.cfg.AccessLog.LogAttrs(req.original.Context(), slog.LevelInfo, "request",
		slog.String("method", req.original.Method),
		slog.String("path", req.path),
		slog.String("route", routeLabel(pattern)),
		slog.Int("code", code),
		slog.Int64("bytes", req.bytes.Load()),
		slog.Float64("duration", took.Seconds()),
		slog.String("remote", req.original.RemoteAddr))
}

func (req *request) logPanic(failure any) {
	s := req.conn.server
	if s.metrics != nil {
		s.metrics.panics.Inc()
	}
	s.cfg.Logger.Error("handler panicked", "method", req.original.Method, "path", req.path,
		"remote", req.original.RemoteAddr, "panic", failure, "stack", string(debug.Stack()))
}

// requestContext is the context of a request that has a harakiri deadline.
type requestContext struct {
	context.Context
	req *request
}

// requestKey is the context key of the request.
type requestKey struct{}

func (c *requestContext) Value(key any) any {
	if key == (requestKey{}) {
		return c.req
	}
	return c.Context.Value(key)
}
