package worker

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// As an http.ResponseWriter an exchange can do all that net/http's own can, but for Unwrap, which would lead around it,
// and CloseNotify, whose place contexts have taken.

// Header is net/http's, and nobody but the handler touches it.
func (x *exchange) Header() http.Header { return x.w.Header() }

func (x *exchange) WriteHeader(code int) {
	if x.harakiri.expired.Load() {
		return
	}
	informational := code >= 100 && code <= 199
	if !informational {
		x.announceClose()
	}
	x.w.WriteHeader(code)
	if x.code == 0 && (!informational || code == http.StatusSwitchingProtocols) {
		x.code = code
	}
}

// announceClose tells the client, where the worker drains or others wait for a place, that this is the last answer on its
// connection.
func (x *exchange) announceClose() {
	c := x.conn
	if x.code == 0 && (c.server.health.draining.Load() || c.places != nil && c.places.crowded()) {
		x.w.Header().Set("Connection", "close")
	}
}

func (x *exchange) Write(p []byte) (int, error) {
	if err := x.beforeWrite(); err != nil {
		return 0, err
	}
	n, err := x.w.Write(p)
	return n, x.wrote(int64(n), err)
}

func (x *exchange) WriteString(s string) (int, error) {
	if err := x.beforeWrite(); err != nil {
		return 0, err
	}
	n, err := io.WriteString(x.w, s)
	return n, x.wrote(int64(n), err)
}

// ReadFrom lets net/http have a file sent by the kernel.
func (x *exchange) ReadFrom(src io.Reader) (int64, error) {
	if x.harakiri.expired.Load() {
		return 0, http.ErrHandlerTimeout
	}
	// Without WriteHeader: when the source has nothing, the handler may still answer something else.
	x.announceClose()
	n, err := io.Copy(x.w, src)
	if n > 0 && x.code == 0 {
		x.code = http.StatusOK
	}
	return n, x.wrote(n, err)
}

func (x *exchange) beforeWrite() error {
	if x.harakiri.expired.Load() {
		return http.ErrHandlerTimeout
	}
	if x.code == 0 {
		x.announceClose()
		x.code = http.StatusOK
	}
	return nil
}

func (x *exchange) wrote(n int64, err error) error {
	x.bytes.Add(n)
	return x.blame(err)
}

// blame gives an error of a connection that was closed for the sake of harakiri that name.
func (x *exchange) blame(err error) error {
	if err != nil && x.harakiri.expired.Load() {
		return http.ErrHandlerTimeout
	}
	return err
}

func (x *exchange) Flush() { _ = x.FlushError() }

// FlushError is Flush for http.ResponseController, as the methods below are Hijack and the others.
func (x *exchange) FlushError() error {
	if err := x.beforeWrite(); err != nil {
		return err
	}
	return x.blame(http.NewResponseController(x.w).Flush())
}

// Hijack hands the connection over. The request has no harakiri deadline from then on; the drain still waits until the
// connection is closed.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if x.harakiri.expired.Load() {
		return nil, nil, http.ErrHandlerTimeout
	}
	nc, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		return nil, nil, x.blame(err)
	}
	if x.conn.settle(x) {
		return nil, nil, http.ErrHandlerTimeout // and the connection is being closed
	}
	if x.code == 0 {
		x.code = http.StatusSwitchingProtocols // or whatever the handler writes; it is not seen
	}
	return nc, rw, nil
}

func (x *exchange) SetReadDeadline(t time.Time) error {
	return http.NewResponseController(x.w).SetReadDeadline(t)
}

func (x *exchange) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(x.w).SetWriteDeadline(t)
}

func (x *exchange) EnableFullDuplex() error {
	return http.NewResponseController(x.w).EnableFullDuplex()
}
