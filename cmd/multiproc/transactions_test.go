package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"multiproc/internal/proctest"
)

// tracker is a server with the application of transactions, seen by a client of its API.
type tracker struct {
	*testServer
	database string // path
	token    string
}

// startTracker starts a server with a database and this ini, which has no socket, and adds what transactions need.
func startTracker(tb testing.TB, ini string, options ...func(*serverOptions)) *tracker {
	tb.Helper()
	s := startServer(tb, "socket = 127.0.0.1:0\ndatabase = transactions.db\n"+ini, options...)
	return newTracker(s, filepath.Join(s.dir, "transactions.db"))
}

// newTracker creates a token for the API of a server, and APIs and statuses.
func newTracker(s *testServer, database string) *tracker {
	s.tb.Helper()
	k := &tracker{testServer: s, database: database}
	k.token = k.newToken("test")
	for _, name := range []string{"Mpesa Express", "Mpesa B2C"} {
		k.must(http.StatusCreated, "POST", "/api/v1/apis", fmt.Sprintf(`{"name":%q}`, name))
	}
	for _, name := range []string{"Pending", "Processed"} {
		k.must(http.StatusCreated, "POST", "/api/v1/statuses", fmt.Sprintf(`{"name":%q}`, name))
	}
	return k
}

// within returns the same tracker for a subtest.
func (k *tracker) within(t *testing.T) *tracker {
	t.Helper()
	s := *k.testServer
	s.tb = t
	return &tracker{&s, k.database, k.token}
}

// newToken creates a token as an operator does.
func (k *tracker) newToken(name string) (secret string) {
	k.tb.Helper()
	stdout := runIn(k.tb, k.dir, "", "token", "create", "--ini", k.ini, name)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	return lines[len(lines)-1]
}

const transactionsPath = "/api/v1/transactions"

// request makes a request to the API. Headers are "Name: value".
func (k *tracker) request(method, path, body string, headers ...string) *http.Request {
	var reader io.Reader
	if body != "" {
		// No request that net/http could retry by itself.
		reader = io.MultiReader(strings.NewReader(body))
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(k.tb.Context()), method, k.url(path), reader)
	if err != nil {
		panic(err) // a mistake of the test
	}
	request.Header.Set("Authorization", "Bearer "+k.token)
	if body != "" {
		request.ContentLength = int64(len(body))
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	return request
}

// try sends a request.
func (k *tracker) try(client *http.Client, method, path, body string, headers ...string) (reply, error) {
	response, err := client.Do(k.request(method, path, body, headers...))
	if err != nil {
		return reply{}, err
	}
	return replyOf(response)
}

// ask sends a request on a new connection.
func (k *tracker) ask(method, path, body string, headers ...string) reply {
	k.tb.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: proctest.Patience}
	r, err := k.try(client, method, path, body, headers...)
	if err != nil {
		k.tb.Fatalf("%s %s: %v\n%s", method, path, err, k.log)
	}
	return r
}

// must sends a request and fails the test if the answer has another status code.
func (k *tracker) must(code int, method, path, body string, headers ...string) reply {
	k.tb.Helper()
	r := k.ask(method, path, body, headers...)
	if r.code != code {
		k.tb.Fatalf("%s %s: %s, want %d\n%s", method, path, r, code, k.log)
	}
	return r
}

// numbered returns a transaction whose amount identifies it.
func numbered(number int64) string {
	api := []string{"Mpesa Express", "Mpesa B2C"}[number%2]
	status := []string{"Pending", "Processed"}[number/2%2]
	return fmt.Sprintf(`{"api":%q,"status":%q,"amount":"%d.25"}`, api, status, number)
}

// post creates a transaction, which must succeed.
func (k *tracker) post(number int64) (id int64) {
	k.tb.Helper()
	r := k.must(http.StatusCreated, "POST", transactionsPath, numbered(number))
	id, err := idOf(r, number)
	check(k.tb, err)
	return id
}

// idOf returns the id of a created transaction.
func idOf(r reply, number int64) (int64, error) {
	var made struct {
		ID     int64
		Amount string
	}
	if err := json.Unmarshal([]byte(r.body), &made); err != nil {
		return 0, fmt.Errorf("%s: %w", r, err)
	}
	if made.ID <= 0 || made.Amount != fmt.Sprintf("%d.25", number) {
		return 0, fmt.Errorf("%s is the answer to transaction %d", r, number)
	}
	if location := r.header.Get("Location"); location != fmt.Sprintf("%s/%d", transactionsPath, made.ID) {
		return 0, fmt.Errorf("%s, which is to be found at %q", r, location)
	}
	return made.ID, nil
}

// mustBeUnavailable fails the test unless the answer is a problem with Retry-After that reveals nothing internal.
func (k *tracker) mustBeUnavailable(what string, r reply) {
	k.tb.Helper()
	if r.code != http.StatusServiceUnavailable || r.header.Get("Content-Type") != "application/problem+json" ||
		r.header.Get("Retry-After") == "" {
		k.tb.Errorf("%s: %s %v, want a problem of %d\n%s", what, r, r.header, http.StatusServiceUnavailable, k.log)
	}
	for _, inside := range []string{"lock", "sqlite", "SQLITE", "disk", k.dir} {
		if strings.Contains(r.body, inside) {
			k.tb.Errorf("%s: %s", what, r)
		}
	}
}

// gauge returns api_transactions as any worker has it.
func (k *tracker) gauge() map[string]float64 {
	k.tb.Helper()
	code, page := k.get("/metrics")
	if code != http.StatusOK {
		k.tb.Fatalf("/metrics: %d %s", code, page)
	}
	return seriesOf(k.tb, page, "api_transactions")
}
