package api_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"multiproc/worker/api"
)

func TestUnknownPaths(t *testing.T) {
	s := startAPI(t)
	for _, path := range []string{
		"/api/v1/", "/api/v1/nothing", "/api/v1/transactions/", "/api/v1/transactions/1/", "/api/v1/transactions/1/2",
		"/api/v1/openapi.json/", "/api/v1/APIs", "/api/v1/%00", "/api/v1/%ff",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "NONSENSE"} {
			s.want(404, call{method: method, path: path, header: http.Header{"Authorization": nil}})
		}
	}
	for _, id := range []string{"0", "01", "a", "9223372036854775807"} {
		for _, collection := range []string{"transactions", "apis", "statuses"} {
			path := "/api/v1/" + collection + "/" + id
			s.want(404, call{method: "GET", path: path})
			s.want(404, call{method: "DELETE", path: path})
			body := `{"status": "Pending"}`
			if collection != "transactions" {
				body = `{"name": "x"}`
			}
			s.want(404, call{method: "PATCH", path: path, body: body})
		}
	}
}

func TestWrongMethods(t *testing.T) {
	s := startAPI(t)
	allowed := map[string]string{
		"/api/v1/openapi.json":      "GET, HEAD",
		"/api/v1/transactions":      "GET, HEAD, POST",
		"/api/v1/transactions/{id}": "DELETE, GET, HEAD, PATCH",
		"/api/v1/apis":              "GET, HEAD, POST",
		"/api/v1/apis/{id}":         "DELETE, GET, HEAD, PATCH",
		"/api/v1/statuses":          "GET, HEAD, POST",
		"/api/v1/statuses/{id}":     "DELETE, GET, HEAD, PATCH",
	}
	for _, r := range api.Routes() {
		allow := allowed[r.Path]
		if !strings.Contains(allow, r.Method) {
			t.Errorf("%s is not allowed for %s: %s", r.Method, r.Path, allow)
		}
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"} {
			if strings.Contains(allow, method) {
				continue
			}
			got := s.want(405, call{method: method, path: strings.Replace(r.Path, "{id}", "1", 1)})
			if got.header.Get("Allow") != allow {
				t.Errorf("%s %s: Allow: %q", method, r.Path, got.header.Get("Allow"))
			}
		}
	}
}

// TestHead: HEAD is answered like GET, without the body.
func TestHead(t *testing.T) {
	s := startAPI(t)
	s.post("/api/v1/transactions", pending)
	for _, path := range []string{
		"/api/v1/openapi.json", "/api/v1/transactions", "/api/v1/transactions/1", "/api/v1/transactions/2", "/api/v1/apis?limit=1",
	} {
		get, head := s.do(call{method: "GET", path: path}), s.do(call{method: "HEAD", path: path})
		if len(head.body) != 0 || head.status != get.status {
			t.Errorf("%s: %d %s", path, head.status, head.body)
		}
		for _, name := range []string{"Content-Length", "Content-Type", "Link"} {
			if get.header.Get(name) != head.header.Get(name) {
				t.Errorf("%s: %s: %q, %q", path, name, get.header.Get(name), head.header.Get(name))
			}
		}
	}
}

// TestPatterns: requests get the pattern that they are counted by, which Handler returns beforehand.
func TestPatterns(t *testing.T) {
	s := startAPI(t)
	for _, test := range []struct{ method, path, pattern string }{
		{"GET", "/api/v1/transactions", "GET /api/v1/transactions"},
		{"HEAD", "/api/v1/transactions/1", "GET /api/v1/transactions/{id}"},
		{"DELETE", "/api/v1/apis/7", "DELETE /api/v1/apis/{id}"},
		{"PUT", "/api/v1/transactions/1", "/api/v1/transactions/{id}"},
		{"GET", "/api/v1/nothing", "/api/v1/"},
	} {
		s.do(call{method: test.method, path: test.path})
		got := (<-s.watch.answered).pattern
		r, err := http.NewRequestWithContext(t.Context(), test.method, s.url+test.path, http.NoBody)
		check(t, err)
		if _, before := s.api.Handler(r); got != test.pattern || before != test.pattern {
			t.Errorf("%s %s: %q, before %q", test.method, test.path, got, before)
		}
	}
}

func TestCounterNameTaken(t *testing.T) {
	s := startAPI(t)
	if _, err := api.New(api.Config{Store: s.store, Metrics: s.metrics}); err == nil || !strings.Contains(err.Error(), "api_transactions_recorded_total") {
		t.Errorf("New: %v", err)
	}
}

// TestDocRoutes compares docs/api-and-admin.md with the routes.
func TestDocRoutes(t *testing.T) {
	var want []string
	for _, r := range api.Routes() {
		want = append(want, r.Method+" "+r.Path)
	}
	page, err := os.ReadFile("../../docs/api-and-admin.md")
	check(t, err)
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(/api/v1/[^`]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(string(page), -1) {
		for method := range strings.SplitSeq(strings.ReplaceAll(row[2], "`", ""), ", ") {
			got = append(got, method+" "+row[1])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the page has the routes\n%q, want\n%q", got, want)
	}
}
