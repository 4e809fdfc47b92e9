package worker_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"multiproc/worker"
)

func TestHealth(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/livez", worker.Livez)
	mux.HandleFunc("/readyz", worker.Readyz)
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = later }), mux)
	c, other := w.dial(), w.dial()
	readAll(t, other.do("GET", "/livez", ""))
	r := c.do("GET", "/livez", "")
	if body := readAll(t, r); r.code != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("livez: %d %s", r.code, body)
	}
	r = c.do("GET", "/readyz", "")
	if body := readAll(t, r); r.code != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("readyz: %d %s", r.code, body)
	}
	if r.header.Get("Cache-Control") != "no-store" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("readyz: %v", r.header)
	}
	w.drain()
	r = c.do("GET", "/readyz", "")
	if body := readAll(t, r); r.code != 503 || body != `{"status":"unavailable","reason":"draining"}`+"\n" {
		t.Errorf("readyz in the drain: %d %s", r.code, body)
	}
	if r := other.do("GET", "/livez", ""); r.code != 200 {
		t.Errorf("livez in the drain: %d", r.code)
	}
}

func TestHealthOutsideAWorker(t *testing.T) {
	answer := httptest.NewRecorder()
	worker.Readyz(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if answer.Code != 200 {
		t.Errorf("readyz: %d", answer.Code)
	}
}
