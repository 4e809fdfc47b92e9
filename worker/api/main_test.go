package api_test

import (
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
	"multiproc/store"
	"multiproc/worker/api"
)

// service is the API of a database as a worker serves it, on its own port.
type service struct {
	tb       testing.TB
	database string
	store    *store.Store
	api      *api.API
	url      string
	watch    watch
	log      *proctest.Log
	metrics  *mpmetrics.Writer
	pages    string // the directory of metrics

	// Secrets of tokens that may write, and only read.
	writer, reader string
}

// startAPI serves a new database with the APIs and statuses that the tests use.
func startAPI(tb testing.TB, options ...store.Options) *service {
	tb.Helper()
	template.once.Do(func() { template.content = newTemplate(tb) })
	database := filepath.Join(tb.TempDir(), "multiproc.db")
	check(tb, os.WriteFile(database, template.content, 0o600))
	s := serveAPI(tb, database, options...)
	s.writer = s.createToken(store.Token{Name: "till"})
	s.reader = s.createToken(store.Token{Name: "report", ReadOnly: true})
	return s
}

// template is the database that startAPI copies: migrations take long.
var template struct {
	once    sync.Once
	content []byte
}

func newTemplate(tb testing.TB) []byte {
	tb.Helper()
	database := filepath.Join(tb.TempDir(), "multiproc.db")
	_, _, err := store.Migrate(tb.Context(), database, store.Options{})
	check(tb, err)
	s := serveAPI(tb, database)
	s.update(func(tx *store.Tx) error {
		for _, n := range []store.Named{
			{Kind: store.KindAPI, Name: "Mpesa Express"},
			{Kind: store.KindAPI, Name: "Mpesa B2C"},
			{Kind: store.KindStatus, Name: "Pending"},
			{Kind: store.KindStatus, Name: "Processed"},
		} {
			if _, err := tx.CreateNamed(n); err != nil {
				return err
			}
		}
		return nil
	})
	check(tb, s.store.Close())
	content, err := os.ReadFile(database)
	check(tb, err)
	return content
}

// serveAPI serves an existing database with its own Store.
func serveAPI(tb testing.TB, database string, options ...store.Options) *service {
	tb.Helper()
	s := &service{tb: tb, database: database, watch: watch{make(chan struct{}, 1), make(chan answered, 1)}, log: &proctest.Log{}, pages: tb.TempDir()}
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	var o store.Options
	if len(options) > 0 {
		o = options[0]
	}
	var err error
	s.store, err = store.Open(tb.Context(), database, o)
	check(tb, err)
	tb.Cleanup(func() { _ = s.store.Close() }) // again, in some tests
	s.metrics, err = mpmetrics.NewWriter(s.pages, "w1", mpmetrics.WriterOptions{})
	check(tb, err)
	tb.Cleanup(func() {
		if err := s.metrics.Close(); err != nil {
			tb.Error(err)
		}
	})
	s.api, err = api.New(api.Config{Store: s.store, Metrics: s.metrics, Logger: log})
	check(tb, err)
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", s.api)
	server := httptest.NewServer(s.watch.over(mux))
	tb.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// watch reports requests to a test that receives from its channels.
type watch struct {
	begun    chan struct{}
	answered chan answered
}

// answered is the pattern and the status that a request is counted by.
type answered struct {
	pattern string
	status  int
}

// writer is an http.ResponseWriter that is not net/http's own, as in a worker.
type writer struct {
	http.ResponseWriter
	status int
}

func (w *writer) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (o watch) over(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case o.begun <- struct{}{}:
		default:
		}
		counted := &writer{ResponseWriter: w}
		next.ServeHTTP(counted, r)
		select {
		case o.answered <- answered{r.Pattern, counted.status}:
		default:
		}
	})
}

func (s *service) update(f func(*store.Tx) error) {
	s.tb.Helper()
	check(s.tb, s.store.Update(s.tb.Context(), f))
}

func (s *service) view(f func(*store.Tx) error) {
	s.tb.Helper()
	check(s.tb, s.store.View(s.tb.Context(), f))
}

// createToken creates a token and returns its secret.
func (s *service) createToken(t store.Token) (secret string) {
	s.tb.Helper()
	s.update(func(tx *store.Tx) (err error) {
		_, secret, err = tx.CreateToken(t)
		return err
	})
	return secret
}

// open opens the database as another program does.
func (s *service) open() *sql.DB {
	s.tb.Helper()
	db, err := sql.Open("sqlite3", s.database)
	check(s.tb, err)
	s.tb.Cleanup(func() { _ = db.Close() })
	return db
}

func (s *service) exec(statements ...string) {
	s.tb.Helper()
	db := s.open()
	for _, statement := range statements {
		if _, err := db.ExecContext(s.tb.Context(), statement); err != nil {
			s.tb.Fatalf("%s: %v", statement, err)
		}
	}
}

// transactions returns the number of transactions.
func (s *service) transactions() (n int64) {
	s.tb.Helper()
	s.view(func(tx *store.Tx) (err error) {
		n, err = tx.CountTransactions(store.TransactionFilter{})
		return err
	})
	return n
}

// call is a request.
type call struct {
	method, path string
	body         string
	token        string      // empty: that of the writer
	header       http.Header // more headers
}

// response is the answer to a call.
type response struct {
	status int
	header http.Header
	body   []byte
	last   bool // the connection is closed after it
}

// do makes a call, and compares the answer with the description.
func (s *service) do(c call) response {
	s.tb.Helper()
	got, err := s.try(c)
	if err != nil {
		s.tb.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	for _, fault := range described.check(c, got) {
		s.tb.Errorf("%s %s: %s", c.method, c.path, fault)
	}
	return got
}

// try makes a call. It is safe for concurrent use.
func (s *service) try(c call) (response, error) {
	r, err := http.NewRequestWithContext(s.tb.Context(), c.method, s.url+c.path, strings.NewReader(c.body))
	if err != nil {
		return response{}, err
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token == "" {
		c.token = s.writer
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	maps.Copy(r.Header, c.header)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return response{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return response{answer.StatusCode, answer.Header, body, answer.Close}, err
}

// want makes a call whose answer must have this status.
func (s *service) want(status int, c call) response {
	s.tb.Helper()
	got := s.do(c)
	if got.status != status {
		s.tb.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, got.status, got.body, status)
	}
	return got
}

func (s *service) get(path string) response {
	s.tb.Helper()
	return s.want(http.StatusOK, call{method: "GET", path: path})
}

func (s *service) post(path, body string) response {
	s.tb.Helper()
	return s.want(http.StatusCreated, call{method: "POST", path: path, body: body})
}

// transaction is a transaction as clients get it.
type transaction struct {
	ID       int64     `json:"id"`
	API      string    `json:"api"`
	Status   string    `json:"status"`
	Amount   string    `json:"amount"`
	Created  time.Time `json:"time_created"`
	Modified time.Time `json:"time_modified"`
}

// named is an API or a status.
type named struct {
	ID          int64           `json:"id"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Params      json.RawMessage `json:"params"`
}

type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

type problem struct {
	Type   string
	Title  string
	Status int
	Detail string
	Errors []fault
}

type fault struct{ Field, Pointer, Detail string }

func decode[T any](tb testing.TB, r response) (v T) {
	tb.Helper()
	if err := json.Unmarshal(r.body, &v); err != nil {
		tb.Fatalf("%s: %v", r.body, err)
	}
	return v
}

// pending is the body of a transaction.
const pending = `{"api": "Mpesa Express", "status": "Pending", "amount": "10.50"}`

// query returns a path with parameters.
func query(path string, parameters ...string) string {
	q := url.Values{}
	for i := 0; i < len(parameters); i += 2 {
		q.Set(parameters[i], parameters[i+1])
	}
	return path + "?" + q.Encode()
}

// check fails the test if there is an error.
func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
