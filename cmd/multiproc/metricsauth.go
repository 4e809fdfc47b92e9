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
	"os"
	"sync"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
)

// metricsAuth is the door that exporter-toolkit's web configuration in the file describes: TLS, client certificates, users
// with passwords, headers, a rate. What it says of HTTP/2 does not count.
//
// The toolkit would serve by itself. It is given a listener that takes nothing, and what it has made of the handler is served
// by the worker, who drains it as it does the rest. It reads the file again at each handshake and each request, so it must
// be readable for the user that the server runs as. What changes of users and headers holds at once, of certificates for new
// connections, and of the rate by a reload. A file that has come to lock nothing, to ask for TLS where there was none, or cannot
// be read, shuts the door.
func metricsAuth(file string, handler http.Handler, log *slog.Logger) (http.Handler, *tls.Config, error) {
	d := &metricsDoor{file: file, log: log}
	door, err := openDoor(file, d.inside(handler), log)
	if err != nil {
		return nil, nil, err
	}
	d.toolkit = door.Handler
	return d, door.TLSConfig, nil
}

// metricsDoor sees to it that the door has a lock: the toolkit would let everybody in where the file says nothing of one, as it
// does while somebody writes it.
type metricsDoor struct {
	file    string
	toolkit http.Handler
	log     *slog.Logger

	mu    sync.Mutex // guards what follows
	known metricsLock
	told  string // the last fault, once
	bad   badFile
}

// faultKept is for how long a file that has not changed is not read again that there was a fault in: it may be another file's.
const faultKept = time.Second

// badFile is what was wrong with a file, in one of its states.
type badFile struct {
	is    fileState
	read  time.Time
	fault error
}

// metricsLock is what a file locks with, in one of its states. The zero value is no lock.
type metricsLock struct {
	is           fileState
	users        bool // with passwords
	encrypted    bool // the connection is to be
	certificates tls.ClientAuthType
}

// locks is whether it does at all.
func (l metricsLock) locks() bool { return l.users || l.certified() }

// certified is whether it takes a certificate. One that is checked if there is one is no lock.
func (l metricsLock) certified() bool {
	return l.certificates == tls.RequireAnyClientCert || l.certificates == tls.RequireAndVerifyClientCert
}

// opens is whether the request's connection has what it takes. It may be older than the lock. What users have to bring, the toolkit
// sees to.
func (l metricsLock) opens(r *http.Request) bool {
	switch {
	case !l.encrypted:
		return true
	case r.TLS == nil:
		return false
	case l.certificates == tls.RequireAnyClientCert:
		return len(r.TLS.PeerCertificates) > 0
	case l.certificates == tls.RequireAndVerifyClientCert:
		return len(r.TLS.VerifiedChains) > 0
	}
	return true
}

// lockKey finds, in a request's context, the metricsLock that it met outside.
type lockKey struct{}

func (d *metricsDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	lock, err := d.lock()
	if err != nil || !lock.opens(r) {
		refuseShut(w)
		return
	}
	d.toolkit.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), lockKey{}, lock)))
}

// inside is for those whom the toolkit has let in. By a file that is the same before and after, it has done so for good reason.
func (d *metricsDoor) inside(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock, err := d.lock()
		if err != nil || lock != r.Context().Value(lockKey{}) {
			refuseShut(w)
			return
		}
		handler.ServeHTTP(w, r)
	})
}

func refuseShut(w http.ResponseWriter) {
	http.Error(w, "the metrics are shut", http.StatusServiceUnavailable)
}

// lock is that of the file as it is now. A fault is logged once.
func (d *metricsDoor) lock() (metricsLock, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	is, err := stateOf(os.Stat(d.file))
	if err == nil && is == d.known.is {
		return d.known, nil
	}
	lock := metricsLock{}
	switch {
	case err != nil:
		err = fmt.Errorf("metrics-auth-file: %w", err)
	case is == d.bad.is && time.Since(d.bad.read) < faultKept:
		return metricsLock{}, d.bad.fault
	default:
		if lock, err = readLock(d.file); err != nil {
			d.bad = badFile{is, time.Now(), err}
		}
	}
	if err != nil {
		if d.told != err.Error() {
			d.told = err.Error()
			d.log.Error("the metrics are shut", "error", err)
		}
		return metricsLock{}, err
	}
	lock.is = is
	d.known, d.told = lock, ""
	return lock, nil
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
	_, err := readLock(file)
	return err
}

// readLock finds out what the file locks with. Its state is left out.
func readLock(file string) (metricsLock, error) {
	if err := web.Validate(file); err != nil {
		return metricsLock{}, fmt.Errorf("metrics-auth-file %s: %w", file, err)
	}
	// Whether there are users, a request finds out that brings nothing. What else stops it is no lock: the door that is open has
	// the rate of its start.
	answer := unheard{}
	door, err := openDoor(file, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }),
		slog.New(slog.DiscardHandler))
	if err != nil {
		return metricsLock{}, err
	}
	door.Handler.ServeHTTP(&answer, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}, RemoteAddr: "192.0.2.1:1"})
	if answer.code == http.StatusTooManyRequests {
		return metricsLock{}, fmt.Errorf("metrics-auth-file %s: its rate_limit has no burst, and so lets nobody in", file)
	}
	lock := metricsLock{users: answer.code == http.StatusUnauthorized}
	if door.TLSConfig != nil {
		lock.encrypted, lock.certificates = true, door.TLSConfig.ClientAuth
	}
	if !lock.locks() {
		return metricsLock{}, fmt.Errorf("metrics-auth-file %s: it has neither basic_auth_users nor a client_auth_type that asks for a certificate, and so locks nothing", file)
	}
	return lock, nil
}

// unheard is an answer of which nobody gets more than the code.
type unheard struct{ code int }

func (u *unheard) Header() http.Header         { return http.Header{} }
func (u *unheard) Write(p []byte) (int, error) { return len(p), nil }
func (u *unheard) WriteHeader(code int)        { u.code = code }

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
