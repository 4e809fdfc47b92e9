package worker

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"

	"multiproc/internal/conn"
)

// As an http.ResponseWriter, a request has the methods of net/http's own, except for Unwrap, which would bypass it, and the
// deprecated CloseNotify.

// Header is used by the handler's goroutine only.
func (req *request) Header() http.Header { return req.w.Header() }

func (req *request) WriteHeader(code int) {
	if req.harakiri.expired.Load() {
		return
	}
	informational := code >= 100 && code <= 199
	if !informational {
		req.setConnectionClose()
	}
	req.w.WriteHeader(code)
	if req.code == 0 && (!informational || code == http.StatusSwitchingProtocols) {
		req.code = code
	}
}

// setConnectionClose makes this the last answer on its connection if the worker drains, if all connections are taken, or if the end
// of the request is not certain.
func (req *request) setConnectionClose() {
	c := req.conn
	if req.code == 0 && (c.server.health.draining.Load() || c.limit != nil && c.limit.Full() || conn.EndsAfter(req.original)) {
		req.w.Header().Set("Connection", "close")
	}
}

func (req *request) Write(p []byte) (int, error) {
	if err := req.beforeWrite(); err != nil {
		return 0, err
	}
	n, err := req.w.Write(p)
	return n, req.wrote(int64(n), err)
}

func (req *request) WriteString(s string) (int, error) {
	if err := req.beforeWrite(); err != nil {
		return 0, err
	}
	n, err := io.WriteString(req.w, s)
	return n, req.wrote(int64(n), err)
}

// ReadFrom lets net/http send a file by the kernel.
func (req *request) ReadFrom(src io.Reader) (int64, error) {
	if req.harakiri.expired.Load() {
		return 0, http.ErrHandlerTimeout
	}
	// Not by WriteHeader: if the source is empty, the handler may still answer something else.
	req.setConnectionClose()
	n, err := io.Copy(req.w, src)
	if n > 0 && req.code == 0 {
		req.code = http.StatusOK
	}
	return n, req.wrote(n, err)
}

func (req *request) beforeWrite() error {
	if req.harakiri.expired.Load() {
		return http.ErrHandlerTimeout
	}
	if req.code == 0 {
		req.setConnectionClose()
		req.code = http.StatusOK
	}
	return nil
}

func (req *request) wrote(n int64, err error) error {
	req.bytes.Add(n)
	return req.asTimeout(err)
}

// asTimeout replaces the error of a connection that was closed because the request took too long.
func (req *request) asTimeout(err error) error {
	if err != nil && req.harakiri.expired.Load() {
		return http.ErrHandlerTimeout
	}
	return err
}

func (req *request) Flush() { _ = req.FlushError() }

// FlushError and the methods below are for http.ResponseController.
func (req *request) FlushError() error {
	if err := req.beforeWrite(); err != nil {
		return err
	}
	return req.asTimeout(http.NewResponseController(req.w).Flush())
}

// Hijack passes the connection to the handler. The request has no harakiri deadline from then on; the drain still waits until
// the connection is closed.
func (req *request) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if req.harakiri.expired.Load() {
		return nil, nil, http.ErrHandlerTimeout
	}
	nc, rw, err := http.NewResponseController(req.w).Hijack()
	if err != nil {
		return nil, nil, req.asTimeout(err)
	}
	if req.conn.stopHarakiri(req) {
		return nil, nil, http.ErrHandlerTimeout // the connection is being closed
	}
	if req.code == 0 {
		req.code = http.StatusSwitchingProtocols // what the handler writes to the connection is not visible here
	}
	return nc, rw, nil
}

func (req *request) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(req.w).SetReadDeadline(t)
}

func (req *request) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(req.w).SetWriteDeadline(t)
}

func (req *request) EnableFullDuplex() error {
	return http.NewResponseController(req.w).EnableFullDuplex()
}
