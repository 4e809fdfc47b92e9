package worker

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
)

// http1Only returns the TLS configuration with HTTP/1.1 as the only protocol to negotiate: there, a connection has one request
// at a time, and the drain can mark an answer as the last one.
func http1Only(settings *tls.Config) *tls.Config {
	if settings == nil {
		return nil
	}
	settings = settings.Clone()
	settings.NextProtos = []string{"http/1.1"}
	return settings
}

// startTLS puts TLS between the connection and its socket. It is hidden from net/http, so a clientConn follows these requests
// as it does plain ones. The deadlines of writes apply below TLS, because a write through TLS cannot continue after a deadline.
func (c *clientConn) startTLS(settings *tls.Config) {
	c.tls = tls.Server(ciphertext{c.socket.Conn, c}, settings)
	c.Conn = c.tls
}

// ciphertext is the socket that TLS uses.
type ciphertext struct {
	net.Conn // the kernel's socket
	c        *clientConn
}

func (s ciphertext) Write(p []byte) (int, error) {
	if !s.c.writesTimed() {
		return s.Conn.Write(p)
	}
	n, err := s.c.socket.Write(p)
	if err != nil {
		s.c.mu.Lock()
		s.c.lost = true
		s.c.mu.Unlock()
	}
	return n, err
}

// writesTimed reports whether each write has a deadline of its own. The last ones have other deadlines: TLS sets one for its
// close_notify, and writeTimeout one for its answer.
func (c *clientConn) writesTimed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.ownWriteDeadline && !c.hijacked && !c.detached && !c.closing
}

// handshake completes the TLS handshake, if there is one to do, within the deadline for the head of the first request.
//
// If it fails, net/http only sees the end of the connection, because its answer would go through the same TLS.
func (c *clientConn) handshake() error {
	if c.tls == nil || c.tlsState != nil {
		return nil
	}
	if err := c.tls.HandshakeContext(context.Background()); err != nil { // the read's deadline ends it
		c.server.cfg.Logger.Debug("TLS handshake failed", "remote", c.RemoteAddr().String(), "error", err)
		if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && looksLikeHTTP(plain.RecordHeader) {
			_, _ = io.WriteString(plain.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"+
				"Connection: close\r\n\r\nThis is an HTTPS server. Use https:// instead of http://.\n")
		}
		return io.EOF
	}
	state := c.tls.ConnectionState()
	c.tlsState = &state
	if c.server.health.draining.Load() {
		c.drain() // restarts the time for the first request
	}
	return nil
}

// looksLikeHTTP reports whether the first bytes, which should be TLS, are those of a plain request.
func looksLikeHTTP(start [5]byte) bool {
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO"} {
		if strings.EqualFold(string(start[:]), method) {
			return true
		}
	}
	return false
}
