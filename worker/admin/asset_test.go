package admin_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestAssets: the assets of a page exist and can be cached; under the hash of another generation they are served uncached.
func TestAssets(t *testing.T) {
	s := startSite(t)
	b := s.visitor()
	page := b.get("/admin/login").body
	urls := regexp.MustCompile(`/admin/assets/[0-9a-f]{16}/[a-z.]+`).FindAllString(page, -1)
	if len(urls) != 4 {
		t.Fatalf("the page refers to %v", urls)
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	for _, url := range urls {
		r := b.want(http.StatusOK, b.get(url))
		kind := kinds[url[strings.LastIndex(url, "."):]]
		if r.body == "" || r.header.Get("Content-Type") != kind || r.header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d bytes, %v", url, len(r.body), r.header)
		}
		parts := strings.Split(url, "/")
		parts[3] = "0123456789abcdef"
		other := b.want(http.StatusOK, b.get(strings.Join(parts, "/")))
		if other.body != r.body || other.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%v: %d bytes, %v", parts, len(other.body), other.header)
		}
	}
	for _, name := range []string{"nothing.css", "..%2fadmin.go", "%2e%2e", "admin.css%00"} {
		b.want(http.StatusNotFound, b.get("/admin/assets/x/"+name))
	}
}

// TestPatterns: Handler returns the pattern that requests are counted by.
func TestPatterns(t *testing.T) {
	s := startSite(t)
	for _, test := range []struct{ method, path, pattern string }{
		{"GET", "/admin/", "GET /admin/{$}"},
		{"HEAD", "/admin/users/7", "GET /admin/users/{id}"},
		{"POST", "/admin/users/add", "POST /admin/users/add"},
		{"PUT", "/admin/users/7", "/admin/users/{id}"},
		{"GET", "/admin/nothing", "/admin/"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, test.path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if _, pattern := s.admin.Handler(r); pattern != test.pattern {
			t.Errorf("%s %s: %q, want %q", test.method, test.path, pattern, test.pattern)
		}
	}
}
