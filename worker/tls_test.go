package worker_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/worker"
)

// tlsVariable names the environment variable that makes the tests use TLS.
const tlsVariable = "WORKER_TEST_TLS"

func testedOverTLS() bool { return os.Getenv(tlsVariable) != "" }

// trusting returns the configuration of a client that accepts any certificate.
func trusting() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the certificate is self-signed
}

// plainOnly skips a test over TLS.
func plainOnly(t *testing.T, why string) {
	t.Helper()
	if testedOverTLS() {
		t.Skip("over TLS: " + why)
	}
}

// TestOverTLS runs tests of this package over TLS: in the second tier all of them, because all that holds for a connection holds
// there.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	plainOnly(t, "this is the test that starts the others")
	args := []string{"-test.timeout=5m", "-test.short"}
	if !proctest.IsLong() {
		args = append(args, "-test.run=^Test(Drain[^L]|Harakiri[^R]|Client|Slow|Body|Busy|Hijack|Responses)")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), tlsVariable+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func testTLS(tb testing.TB) *tls.Config {
	tb.Helper()
	settings, err := selfSigned()
	check(tb, err)
	return settings
}

// selfSigned returns a configuration with a self-signed certificate.
func selfSigned() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"test"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, nil
}

// startOverTLS starts a worker with TLS.
func startOverTLS(t *testing.T, cfg worker.Config, handler http.Handler) *running {
	t.Helper()
	plainOnly(t, "all workers use it")
	cfg.TLS = testTLS(t)
	return start(t, cfg, handler)
}

// handshake continues with TLS.
func (c *client) handshake(settings *tls.Config) tls.ConnectionState {
	c.t.Helper()
	over := tls.Client(c.Conn, settings)
	check(c.t, over.HandshakeContext(c.t.Context()))
	c.Conn, c.r = over, bufio.NewReader(over)
	return over.ConnectionState()
}

// TestTLSProtocols has a client that prefers HTTP/2, and a handler that reads the state of the connection.
func TestTLSProtocols(t *testing.T) {
	w := startOverTLS(t, worker.Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto, " ", r.TLS != nil && r.TLS.HandshakeComplete && r.TLS.ServerName == "test")
	}))
	c := w.dial()
	settings := trusting()
	settings.NextProtos, settings.ServerName = []string{"h2", "http/1.1"}, "test"
	state := c.handshake(settings)
	if state.NegotiatedProtocol != "http/1.1" || state.Version != tls.VersionTLS13 {
		t.Errorf("%q, version %x", state.NegotiatedProtocol, state.Version)
	}
	for range 2 {
		if body := readAll(t, c.do("GET", "/", "")); body != "HTTP/1.1 true" {
			t.Errorf("%q", body)
		}
	}
}

func TestTLSMinimumVersion(t *testing.T) {
	w := startOverTLS(t, worker.Config{}, http.HandlerFunc(hello))
	settings := trusting()
	settings.MinVersion, settings.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if err := tls.Client(w.dial().Conn, settings).HandshakeContext(t.Context()); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

// TestHandshakeTimeout has clients that stop at different steps of the handshake.
func TestHandshakeTimeout(t *testing.T) {
	w := startOverTLS(t, limited(func(l *worker.Limits) { l.HTTPTimeout = soon }), http.HandlerFunc(hello))
	silent, half, mute := w.dial(), w.dial(), w.dial()
	half.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") // a ClientHello, as far as it goes
	mute.handshake(trusting())
	silent.expectEnd()
	half.expectEnd()
	mute.expectEnd()
}

// TestPlainRequestToTLS checks the answer to HTTP on a port of HTTPS. Other bytes get none.
func TestPlainRequestToTLS(t *testing.T) {
	w := startOverTLS(t, worker.Config{}, http.HandlerFunc(hello))
	r := w.dial().do("GET", "/", "")
	if body := readAll(t, r); r.code != http.StatusBadRequest || !r.last || !strings.Contains(body, "https://") {
		t.Errorf("%d %q", r.code, body)
	}
	nonsense := w.dial()
	nonsense.send(strings.Repeat("\x00", 100))
	if rest, err := io.ReadAll(nonsense); strings.Contains(string(rest), "HTTP") {
		t.Errorf("%q, %v", rest, err)
	}
}

// TestDrainAwaitsHandshakes has a handshake that ends in the drain. The time for the request starts at its end.
func TestDrainAwaitsHandshakes(t *testing.T) {
	w := startOverTLS(t, limited(func(l *worker.Limits) { l.DrainIdle = later }), http.HandlerFunc(hello))
	c := w.dial()
	w.await("serving")
	proctest.Eventually(t, "a handshake", func() bool { return strings.Contains(allStacks(), "(*clientConn).handshake") })
	w.drain()
	c.handshake(trusting())
	if r := c.do("GET", "/", ""); r.code != 200 || !r.last {
		t.Errorf("%d, last %v", r.code, r.last)
	}
	if err := w.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
}

// TestCutOverTLS has clients that take nothing. The worker must not wait for the close_notify of TLS.
func TestCutOverTLS(t *testing.T) {
	w := startOverTLS(t, limited(func(l *worker.Limits) { l.DrainTimeout = 0 }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write(make([]byte, 1<<20))
		}
	}))
	for range 5 {
		c := w.dial()
		c.handshake(trusting())
		c.send(head("GET /"))
		if _, err := c.r.Peek(1); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	w.stop()
	if cut, ok := errors.AsType[*worker.CutError](w.wait()); !ok || cut.Requests != 5 {
		t.Errorf("cut %+v", cut)
	}
	if took := time.Since(began); took > 3*time.Second { // each message may take 5 s
		t.Errorf("it took %v", took)
	}
}
