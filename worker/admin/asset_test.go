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
