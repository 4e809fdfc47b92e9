package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

// dialingClient is a client of a server at an address of a network, tcp or unix.
func dialingClient(network, address string, keepAlive bool) *http.Client {
	return &http.Client{Timeout: proctest.Patience, Transport: &http.Transport{
		DisableKeepAlives: !keepAlive,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

// errAskedAgain: a connection that was kept has died with the request, for which net/http has made another by itself.
var errAskedAgain = errors.New("no answer on the connection that was kept, though one on another")

// doOnce asks, and fails where net/http has to ask a second time to be answered, as it does with what a GET asks for. Nor may
// the answer be that one is to ask elsewhere.
func doOnce(client *http.Client, request *http.Request) (*http.Response, error) {
	var conns atomic.Int32
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { conns.Add(1) }}
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err == nil && conns.Load() != 1 {
		return nil, errors.Join(errAskedAgain, response.Body.Close())
	}
	return response, err
}

// diedWithConn is whether a request failed because the connection ended on which it was to be answered. A server that does
// not take a connection, takes its time or answers something else is another thing.
func diedWithConn(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return false
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, errAskedAgain} {
		if errors.Is(err, end) {
			return true
		}
	}
	// net/http has no name for that.
	return err != nil && strings.HasSuffix(err.Error(), "http: server closed idle connection")
}

// getBy asks for a page, which must come with 200 OK.
func (s *server) getBy(client *http.Client, path string, cookies ...*http.Cookie) (body string, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.tb.Context()), proctest.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(path), http.NoBody)
	if err != nil {
		return "", err
	}
	for _, cookie := range cookies {
		request.AddCookie(cookie)
	}
	response, err := doOnce(client, request)
	if err != nil {
		return "", err
	}
	r, err := replyOf(response)
	return r.body, wantCode(http.StatusOK, r, err)
}

// scrapeGrowing asks for the metrics, whose counters may never be less than before.
func (s *server) scrapeGrowing(client *http.Client, last map[string]float64) error {
	page, err := s.getBy(client, "/metrics")
	if err != nil {
		return err
	}
	counts, err := countsOf(page)
	if err != nil {
		return err
	}
	for series, before := range last {
		if now, ok := counts[series]; !ok || now < before {
			// No death of a worker is an excuse for that.
			s.tb.Errorf("%s is %g (there: %t), was %g", series, now, ok, before)
		}
	}
	maps.Copy(last, counts)
	return nil
}

// wantCode is an error unless the answer has a code.
func wantCode(code int, r reply, err error) error {
	if err == nil && r.code != code {
		err = fmt.Errorf("%s, want %d", r, code)
	}
	return err
}

// TestDoOnce: what net/http would have answered by a second request has failed, as has what gets no answer at all.
func TestDoOnce(t *testing.T) {
	var requests atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if requests.Add(1)%2 == 0 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer proxy.Close()
	s := &server{tb: t, address: proxy.Listener.Addr().String()}
	client := dialingClient("tcp", s.address, true)
	defer client.CloseIdleConnections()
	if _, err := s.getBy(client, "/"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.getBy(client, "/"); !errors.Is(err, errAskedAgain) || !diedWithConn(err) || requests.Load() != 3 {
		t.Errorf("after %d requests: %v, want %v", requests.Load(), err, errAskedAgain)
	}
	if _, err := s.getBy(dialingClient("tcp", s.address, false), "/"); !errors.Is(err, io.EOF) || !diedWithConn(err) {
		t.Errorf("a new connection that is closed: %v", err)
	}
	if _, err := s.getBy(dialingClient("unix", t.TempDir()+"/none", false), "/"); err == nil || diedWithConn(err) {
		t.Errorf("no connection: %v", err)
	}
}
