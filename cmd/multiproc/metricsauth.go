package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"github.com/prometheus/exporter-toolkit/web"
)

// metricsAuth is the door that exporter-toolkit's web configuration in the file describes: TLS, client certificates, users
// with passwords, headers, a rate. What it says of HTTP/2 does not count.
//
// The toolkit would serve by itself. It is given a listener that takes nothing, and what it has made of the handler is served
// by the worker, who drains it as it does the rest. It reads the file again at each handshake and each request, so it must
// be readable for the user that the server runs as, and what changes in it holds at once.
func metricsAuth(file string, handler http.Handler, log *slog.Logger) (http.Handler, *tls.Config, error) {
	door, err := openDoor(file, handler, log)
	if err != nil {
		return nil, nil, err
	}
	return door.Handler, door.TLSConfig, nil
}

// openDoor makes what the file describes, with a handler behind it.
func openDoor(file string, handler http.Handler, log *slog.Logger) (*http.Server, error) {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{Handler: handler, Protocols: protocols} //nolint:gosec // it serves nothing
	err := web.Serve(noListener{}, server, &web.FlagConfig{WebConfigFile: &file}, slog.New(faultsOnly{log.Handler()}))
	if !errors.Is(err, errNoListener) {
		return nil, fmt.Errorf("metrics-auth-file %s: %w", file, err)
	}
	return server, nil
}

// checkMetricsAuth checks the file, and those that it names, and that it locks anything: an empty one is more likely a mistake
// than a wish. No file is no fault.
func checkMetricsAuth(file string) error {
	if file == "" {
		return nil
	}
	if err := web.Validate(file); err != nil {
		return fmt.Errorf("metrics-auth-file %s: %w", file, err)
	}
	open := false
	door, err := openDoor(file, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { open = true }), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	door.Handler.ServeHTTP(unheard{}, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}, RemoteAddr: "192.0.2.1:1"})
	certificates := door.TLSConfig != nil && door.TLSConfig.ClientAuth >= tls.RequireAnyClientCert
	if open && !certificates {
		return fmt.Errorf("metrics-auth-file %s: it has neither basic_auth_users nor a client_auth_type that asks for a certificate, and so locks nothing", file)
	}
	return nil
}

// unheard is an answer that nobody gets.
type unheard struct{}

func (unheard) Header() http.Header         { return http.Header{} }
func (unheard) Write(p []byte) (int, error) { return len(p), nil }
func (unheard) WriteHeader(int)             {}

// noListener is one that nothing comes from.
type noListener struct{}

var errNoListener = errors.New("nothing is taken here")

func (noListener) Accept() (net.Conn, error) { return nil, errNoListener }
func (noListener) Close() error              { return nil }
func (noListener) Addr() net.Addr            { return &net.UnixAddr{Name: "metrics", Net: "unix"} }

// faultsOnly leaves out what is no fault: that a listener begins to serve, the worker says itself.
type faultsOnly struct{ slog.Handler }

func (f faultsOnly) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && f.Handler.Enabled(ctx, level)
}
