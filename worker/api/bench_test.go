package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"multiproc/store"
)

// discard is an http.ResponseWriter that keeps the status only.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }

// BenchmarkRequests measures requests within a process, without the network. Refused ones only look up their token, as all
// requests do; transactions are created and changed by 32 requests at a time.
func BenchmarkRequests(b *testing.B) {
	s := startAPI(b)
	s.post("/api/v1/transactions", pending)
	ask := func(tb testing.TB, c call, status int) {
		tb.Helper()
		r := httptest.NewRequestWithContext(tb.Context(), c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+c.token)
		w := &discard{header: http.Header{}}
		s.api.ServeHTTP(w, r)
		if w.status != status {
			tb.Errorf("%s %s: %d", c.method, c.path, w.status)
		}
	}
	unknown := "mp_" + strings.Repeat("A", 43)
	b.Run("refused", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(b, call{method: "GET", path: "/api/v1/transactions/1", token: unknown}, 401)
		}
	})
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_ = s.store.View(b.Context(), func(tx *store.Tx) error {
				_, err := tx.TokenBySecret(s.writer)
				return err
			})
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(b, call{method: "GET", path: "/api/v1/transactions/1", token: s.writer}, 200)
		}
	})
	b.Run("created", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				ask(b, call{method: "POST", path: "/api/v1/transactions", token: s.writer, body: pending}, 201)
			}
		})
	})
	b.Run("changed", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				body := `{"status": "` + []string{"Pending", "Processed"}[i%2] + `"}`
				ask(b, call{method: "PATCH", path: "/api/v1/transactions/1", token: s.writer, body: body}, 200)
			}
		})
	})
}
