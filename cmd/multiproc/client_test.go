package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

// reply is an answer of the server.
type reply struct {
	code   int
	header http.Header
	body   string
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.code, r.body) }

// cookie returns a cookie that the answer sets; an empty one if there is none.
func (r reply) cookie(name string) *http.Cookie {
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == name {
			return c
		}
	}
	return new(http.Cookie)
}

func replyOf(response *http.Response) (reply, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

// visit sends a GET, or a POST if there is a form, on a new connection. It follows no redirect.
func (s *testServer) visit(path, session string, form url.Values, headers ...string) (reply, error) {
	return s.visitBy(http.DefaultTransport, path, session, form, headers...)
}

func (s *testServer) visitBy(by http.RoundTripper, path, session string, form url.Values, headers ...string) (reply, error) {
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.tb.Context()), 2*proctest.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.url(path), strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, err
	}
	request.Close = true
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if session != "" {
		request.AddCookie(&http.Cookie{Name: sessionCookie, Value: session})
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := by.RoundTrip(request)
	if err != nil {
		return reply{}, err
	}
	return replyOf(response)
}

// get requests a path on a new connection.
func (s *testServer) get(path string) (int, string) {
	s.tb.Helper()
	r, err := s.visit(path, "", nil)
	if err != nil {
		s.tb.Fatalf("%v\n%s", err, s.log)
	}
	return r.code, r.body
}

// dialingClient returns a client whose connections all go to one address, whatever the URL. The network is tcp, unix or tls.
func dialingClient(network, address string, keepAlive bool) *http.Client {
	return &http.Client{Timeout: proctest.Patience, Transport: &http.Transport{
		DisableKeepAlives: !keepAlive,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if network == "tls" {
				overTLS := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // other tests compare certificates
				return overTLS.DialContext(ctx, "tcp", address)
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}}
}

// errRetried reports that a kept-alive connection died with the request and that net/http retried it on another one.
var errRetried = errors.New("no answer on the connection that was kept, though one on another")

// doOnce sends a request and fails if net/http had to retry it, as it does for a GET on a connection that died.
func doOnce(client *http.Client, request *http.Request) (*http.Response, error) {
	var conns atomic.Int32
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { conns.Add(1) }}
	response, err := client.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err == nil && conns.Load() != 1 {
		return nil, errors.Join(errRetried, response.Body.Close())
	}
	return response, err
}

// diedWithConn reports whether a request failed because its connection ended. A refused connection, a timeout or a wrong
// answer is another matter.
func diedWithConn(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return false
	}
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, errRetried} {
		if errors.Is(err, end) {
			return true
		}
	}
	// net/http has no sentinel for it.
	return err != nil && strings.HasSuffix(err.Error(), "http: server closed idle connection")
}

// getBy gets a page, which must have status 200.
func (s *testServer) getBy(client *http.Client, path string, cookies ...*http.Cookie) (body string, err error) {
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

// requestBy sends a request as a load does: a POST with a body if the path is /echo, which must come back.
func (s *testServer) requestBy(client *http.Client, path string) error {
	if path != "/echo" {
		_, err := s.getBy(client, path)
		return err
	}
	text := strings.Repeat("x", 1000)
	// No request that net/http could retry by itself.
	request, err := http.NewRequestWithContext(context.WithoutCancel(s.tb.Context()), http.MethodPost, s.url(path), io.MultiReader(strings.NewReader(text)))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	r, err := replyOf(response)
	if err == nil && r.body != text {
		err = fmt.Errorf("another answer than what was sent: %s", r)
	}
	return wantCode(http.StatusOK, r, err)
}

// scrapeGrowing scrapes the metrics. No counter may be lower than at the previous scrape.
func (s *testServer) scrapeGrowing(client *http.Client, last map[string]float64) error {
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
			// The death of a worker does not excuse it.
			s.tb.Errorf("%s is %g (there: %t), was %g", series, now, ok, before)
		}
	}
	maps.Copy(last, counts)
	return nil
}

// wantCode returns an error unless the answer has this status code.
func wantCode(code int, r reply, err error) error {
	if err == nil && r.code != code {
		err = fmt.Errorf("%s, want %d", r, code)
	}
	return err
}

// TestDoOnce fails requests that net/http would have retried, and requests without an answer.
func TestDoOnce(t *testing.T) {
	var requests atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if requests.Add(1)%2 == 0 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer proxy.Close()
	s := &testServer{tb: t, address: proxy.Listener.Addr().String()}
	client := dialingClient("tcp", s.address, true)
	defer client.CloseIdleConnections()
	if _, err := s.getBy(client, "/"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.getBy(client, "/"); !errors.Is(err, errRetried) || !diedWithConn(err) || requests.Load() != 3 {
		t.Errorf("after %d requests: %v, want %v", requests.Load(), err, errRetried)
	}
	if _, err := s.getBy(dialingClient("tcp", s.address, false), "/"); !errors.Is(err, io.EOF) || !diedWithConn(err) {
		t.Errorf("a new connection that is closed: %v", err)
	}
	if _, err := s.getBy(dialingClient("unix", t.TempDir()+"/none", false), "/"); err == nil || diedWithConn(err) {
		t.Errorf("no connection: %v", err)
	}
}
