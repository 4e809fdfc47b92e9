package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/store"
)

func withKey(key string) http.Header { return http.Header{"Idempotency-Key": {key}} }

// replayed returns the parts of an answer that must be the same in a replay.
func replayed(r response) string {
	return fmt.Sprintf("%d %s %s %s", r.status, r.header.Get("Location"), r.header.Get("Content-Type"), r.body)
}

// TestIdempotency: requests with the same key are done once, on any worker, and get the same answer.
func TestIdempotency(t *testing.T) {
	s := startAPI(t)
	others := []*service{s, serveAPI(t, s.database)}
	for _, test := range []struct {
		c      call
		status int
	}{
		{call{method: "POST", path: "/api/v1/transactions", body: pending}, 201},
		{call{method: "POST", path: "/api/v1/transactions", body: "[" + pending + "," + pending + "]"}, 201},
		{call{method: "PATCH", path: "/api/v1/transactions/1", body: `{"status": "Processed"}`}, 200},
		{call{method: "DELETE", path: "/api/v1/transactions/2"}, 204},
		{call{method: "POST", path: "/api/v1/apis", body: `{"name": "Card"}`}, 201},
		{call{method: "PATCH", path: "/api/v1/apis/1", body: `{"name": "Express"}`}, 200},
		{call{method: "DELETE", path: "/api/v1/apis/3"}, 204},
		{call{method: "POST", path: "/api/v1/statuses", body: `{"name": "Failed"}`}, 201},
		{call{method: "DELETE", path: "/api/v1/statuses/2?cascade=true"}, 204},
	} {
		test.c.header = withKey("key of " + test.c.method + test.c.path + test.c.body)
		test.c.header.Set("Idempotency-Key", strings.NewReplacer(" ", "", `"`, "").Replace(test.c.header.Get("Idempotency-Key")))
		first := s.want(test.status, test.c)
		if first.header.Get("Idempotency-Replayed") != "" {
			t.Errorf("%v is a replay", test.c)
		}
		entries := len(s.audit("api")) + len(s.audit("status"))
		transactions := s.transactions()
		for _, other := range others {
			test.c.token = s.writer
			again := other.do(test.c)
			if again.header.Get("Idempotency-Replayed") != "true" || replayed(again) != replayed(first) {
				t.Errorf("%v: %s, then %s %v", test.c, replayed(first), replayed(again), again.header)
			}
		}
		if now := len(s.audit("api")) + len(s.audit("status")); now != entries || s.transactions() != transactions {
			t.Errorf("%v: done again", test.c)
		}
	}
}

// TestKeysOfOthers: a key belongs to one token and one request.
func TestKeysOfOthers(t *testing.T) {
	s := startAPI(t)
	post := call{method: "POST", path: "/api/v1/transactions", body: pending, header: withKey("k")}
	first := s.want(201, post)
	other := post
	other.token = s.createToken(store.Token{Name: "another"})
	if second := s.want(201, other); bytes.Equal(first.body, second.body) {
		t.Errorf("%s", second.body)
	}
	if n := s.transactions(); n != 2 {
		t.Errorf("%d transactions", n)
	}
	want := []fault{{"Idempotency-Key", "", "was used for another request"}}
	for _, c := range []call{
		{method: "POST", path: "/api/v1/transactions", body: pending + " "},
		{method: "POST", path: "/api/v1/apis", body: `{"name": "x"}`},
		{method: "PATCH", path: "/api/v1/transactions/1", body: `{"status": "Pending"}`},
		{method: "DELETE", path: "/api/v1/transactions/1"},
		{method: "DELETE", path: "/api/v1/statuses/1?cascade=true"},
	} {
		c.header = withKey("k")
		if diff := cmp.Diff(want, decode[problem](t, s.want(422, c)).Errors); diff != "" {
			t.Errorf("%v: %s", c, diff)
		}
	}
	if n := s.transactions(); n != 2 {
		t.Errorf("%d transactions", n)
	}
	s.want(204, call{method: "DELETE", path: "/api/v1/transactions/1", header: withKey("d")})
	s.want(422, call{method: "DELETE", path: "/api/v1/transactions/2", header: withKey("d")})
	s.want(422, call{method: "DELETE", path: "/api/v1/apis/1", header: withKey("d")})
	// The query is part of the request.
	s.want(409, call{method: "DELETE", path: "/api/v1/apis/1", header: withKey("q")}) // not done, so the key stays free
	s.want(204, call{method: "DELETE", path: "/api/v1/apis/2", header: withKey("q")})
	s.want(422, call{method: "DELETE", path: "/api/v1/apis/2?cascade=true", header: withKey("q")})
	// Reads ignore keys.
	s.want(200, call{method: "GET", path: "/api/v1/transactions/2", header: withKey("k")})
}

// TestFailuresAreNotKept: a request that failed may be sent again with its key.
func TestFailuresAreNotKept(t *testing.T) {
	s := startAPI(t)
	post := call{method: "POST", path: "/api/v1/transactions", header: withKey("k"), body: `{"api": "Card", "status": "Pending", "amount": 1}`}
	s.want(422, post)
	s.want(415, call{method: "POST", path: post.path, body: post.body, header: http.Header{"Idempotency-Key": {"k"}, "Content-Type": nil}})
	s.want(403, call{method: "POST", path: post.path, body: post.body, header: post.header, token: s.reader})
	s.post("/api/v1/apis", `{"name": "Card"}`)
	s.want(201, post)
	if got := s.want(201, post); got.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%v", got.header)
	}
}

func TestKeys(t *testing.T) {
	s := startAPI(t)
	same := func(status int, headers ...[]string) {
		t.Helper()
		before := s.transactions()
		for i, values := range headers {
			got := s.want(status, call{
				method: "POST", path: "/api/v1/transactions", body: pending,
				header: http.Header{"Idempotency-Key": values},
			})
			if replay := got.header.Get("Idempotency-Replayed") != ""; replay != (status == 201 && i > 0) {
				t.Errorf("%q: replay: %t", values, replay)
			}
		}
		want := before
		if status == 201 {
			want++
		}
		if n := s.transactions(); n != want {
			t.Errorf("%q: %d transactions, want %d", headers, n, want)
		}
	}
	same(201, []string{"8e03978e-40d5-43dd-bc93-6894a57f9324"}, []string{`"8e03978e-40d5-43dd-bc93-6894a57f9324"`})
	same(201, []string{`x"y\z`}, []string{`"x\"y\\z"`})
	same(201, []string{"!"}, []string{`"!"`})
	same(201, []string{strings.Repeat("~", 255)})
	same(201, []string{"%41/../é"[:6]})
	for _, key := range []string{
		"", `""`, " ", `"`, `"a`, `"a"b`, `"a";x=1`, `"a\"`, `"\a"`, "a b", `"a b"`, "é", "\"\u00e9\"", "a\tb", strings.Repeat("x", 256), `"` + strings.Repeat("x", 256) + `"`,
	} {
		same(400, []string{key})
	}
	same(400, []string{"a", "b"})
	same(400, []string{`"a"`, `"a"`})
}

// TestOneOfMany: of concurrent requests with the same key, at two workers, one is done.
func TestOneOfMany(t *testing.T) {
	s := startAPI(t)
	workers := []*service{s, serveAPI(t, s.database)}
	const rounds = 5
	for round := range rounds {
		c := call{method: "POST", path: "/api/v1/transactions", body: pending, token: s.writer, header: withKey(fmt.Sprint(round))}
		const n = 32
		answers := make([]response, n)
		errs := make([]error, n)
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() { answers[i], errs[i] = workers[i%len(workers)].try(c) })
		}
		all.Wait()
		first := 0
		for i, answer := range answers {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			if answer.status != 201 || replayed(answer) != replayed(answers[0]) {
				t.Errorf("%s, and %s", replayed(answer), replayed(answers[0]))
			}
			if answer.header.Get("Idempotency-Replayed") == "" {
				first++
			}
		}
		if count := s.transactions(); first != 1 || count != int64(round+1) {
			t.Errorf("%d transactions, done %d times", count, first)
		}
	}
	counted := 0.0
	for _, worker := range workers {
		for line := range strings.Lines(worker.page("api_transactions_recorded_total{")) {
			fields := strings.Fields(line)
			v, err := strconv.ParseFloat(fields[len(fields)-1], 64)
			if err != nil {
				t.Error(err)
			}
			counted += v
		}
	}
	if counted != rounds {
		t.Errorf("%v are counted, want %d", counted, rounds)
	}
}
