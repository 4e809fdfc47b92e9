package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
)

// overTLS is the settings of a listener that speaks TLS, with HTTP/1.1 as the only protocol that is agreed on: there, a
// connection has one request at a time, and the drain can tell the client which answer is the last one.
func overTLS(settings *tls.Config) *tls.Config {
	if settings == nil {
		return nil
	}
	settings = settings.Clone()
	settings.NextProtos = []string{"http/1.1"}
	return settings
}

// secure puts TLS between the connection and its socket. net/http sees nothing of it, so that what a conn knows of requests
// it knows of these, too; how long the client may take for what is written, the socket's side sees to: a write through TLS
// that was given up in the middle cannot be taken up again.
func (c *conn) secure(settings *tls.Config) {
	c.tls = tls.Server(ciphertext{c.socket, c}, settings)
	c.Conn = c.tls
}

// ciphertext is the socket as TLS sees it.
type ciphertext struct {
	net.Conn
	c *conn
}

func (s ciphertext) Write(p []byte) (int, error) {
	if s.c.patient() {
		return s.c.writePatiently(p)
	}
	return s.Conn.Write(p)
}

// patient is whether a write has a deadline of its own. The last ones do not: TLS gives its farewell a time itself, and
// whoever condemns a connection gives its last words theirs.
func (c *conn) patient() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ownWriteDeadline && !c.hijacked && !c.condemned && !c.leaving
}

// shakeHands makes the connection ready to be read. It takes as long as the head of the first request may take.
//
// Of one that fails net/http learns nothing but that there is no more: it would answer through the same connection.
func (c *conn) shakeHands() error {
	if c.tls == nil || c.tlsState != nil {
		return nil
	}
	if err := c.tls.HandshakeContext(context.Background()); err != nil { // the read's deadline ends it
		c.server.cfg.Logger.Debug("no TLS handshake", "remote", c.RemoteAddr().String(), "error", err)
		if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
			_, _ = io.WriteString(plain.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
				"Connection: close\r\n\r\nthis is an HTTPS server: ask by https://\n")
		}
		return io.EOF
	}
	state := c.tls.ConnectionState()
	c.tlsState = &state
	if c.server.health.draining.Load() {
		c.drain() // the time for the first request begins now
	}
	return nil
}

// looksLikeHTTP is whether the beginning of what should be TLS is that of a request.
func looksLikeHTTP(start [5]byte) bool {
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO"} {
		if strings.EqualFold(string(start[:]), method) {
			return true
		}
	}
	return false
}
