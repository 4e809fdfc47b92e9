package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"multiproc/worker/internal/web"
)

// TestMux: every request has one answer and one pattern, which Handler reports beforehand.
func TestMux(t *testing.T) {
	serve := func(name string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Served", name+r.PathValue("id"))
		})
	}
	mux := web.NewMux("/root/", []web.Route{
		{Method: "GET", Path: "/root/{$}", Handler: serve("home")},
		{Method: "GET", Path: "/root/things/add", Handler: serve("form")},
		{Method: "GET", Path: "/root/things/{id}", Handler: serve("thing ")},
		{Method: "POST", Path: "/root/things/{id}", Handler: serve("change ")},
	}, func(w http.ResponseWriter, _ *http.Request, allow string) {
		if allow == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
	for _, test := range []struct {
		method, path, pattern string
		status                int
		served, allow         string
	}{
		{"GET", "/root/", "GET /root/{$}", 200, "home", ""},
		{"HEAD", "/root/things/7", "GET /root/things/{id}", 200, "thing 7", ""},
		{"POST", "/root/things/7", "POST /root/things/{id}", 200, "change 7", ""},
		{"GET", "/root/things/add", "GET /root/things/add", 200, "form", ""},
		{"POST", "/root/things/add", "/root/things/add", 405, "", "GET, HEAD"},
		{"DELETE", "/root/things/7", "/root/things/{id}", 405, "", "GET, HEAD, POST"},
		{"get", "/root/things/7", "/root/things/{id}", 405, "", "GET, HEAD, POST"},
		{"GET", "/root/nothing", "/root/", 404, "", ""},
		{"POST", "/root/things/7/more", "/root/", 404, "", ""},
	} {
		request := httptest.NewRequestWithContext(t.Context(), test.method, test.path, http.NoBody)
		_, pattern := mux.Handler(request)
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, request)
		if pattern != test.pattern || request.Pattern != test.pattern {
			t.Errorf("%s %s: patterns %q and %q, want %q", test.method, test.path, pattern, request.Pattern, test.pattern)
		}
		if h := recorder.Header(); recorder.Code != test.status || h.Get("X-Served") != test.served || h.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d %v, want %d %q %q", test.method, test.path, recorder.Code, h, test.status, test.served, test.allow)
		}
	}
}

// TestID: an id has one form.
func TestID(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "9223372036854775807": 9223372036854775807,
		"0": 0, "-1": 0, "+1": 0, "01": 0, "1.0": 0, "0x1": 0, " 1": 0, "": 0, "٣": 0, "9223372036854775808": 0,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", http.NoBody)
		r.SetPathValue("id", text)
		if got := web.ID(r); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
