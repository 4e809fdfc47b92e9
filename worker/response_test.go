package worker_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"multiproc/internal/proctest"
	"multiproc/worker"
)

// TestResponses compares answers with those of net/http.
func TestResponses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.txt")
	check(t, os.WriteFile(file, bytes.Repeat([]byte("0123456789"), 10000), 0o600))
	mux := http.NewServeMux()
	handle := func(path string, h http.HandlerFunc) { mux.HandleFunc(path, h) }
	handle("/empty", func(http.ResponseWriter, *http.Request) {})
	handle("/code", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	handle("/nocontent", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	handle("/text", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	handle("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 100000)) })
	handle("/flush", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "one")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, "two")
	})
	handle("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	handle("/pipe", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		if _, err := io.Copy(w, iotest.OneByteReader(strings.NewReader(strings.Repeat("x", 5000)))); err != nil {
			t.Error(err)
		}
	})
	handle("/source", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.Copy(w, iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
		w.WriteHeader(http.StatusBadGateway) // nothing was written yet
	})
	handle("/trailer", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprint(w, "body")
		w.Header().Set("X-Sum", "42")
	})
	handle("/late", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "body")
		w.Header().Set("X-Late", "yes")
	})
	handle("/length", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "3")
		if _, err := fmt.Fprint(w, "too long"); !errors.Is(err, http.ErrContentLength) {
			t.Error(err)
		}
	})
	handle("/body", hello)

	plain := httptest.NewServer(mux)
	defer plain.Close()
	plain.Client().Transport.(*http.Transport).TLSClientConfig = trusting()
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri, l.MaxBody = later, 1<<20 }), mux)
	dump := func(base, method, path string) string {
		body := io.Reader(nil)
		if method == "POST" {
			body = strings.NewReader("there")
		}
		r, err := http.NewRequestWithContext(t.Context(), method, base+path, body)
		check(t, err)
		answer, err := plain.Client().Do(r)
		check(t, err)
		defer answer.Body.Close()
		answer.Header.Del("Date")
		all, err := httputil.DumpResponse(answer, true)
		return fmt.Sprint(string(all), err, answer.Trailer)
	}
	for _, path := range []string{
		"/empty", "/code", "/nocontent", "/text", "/long", "/flush", "/file", "/pipe", "/source", "/trailer",
		"/late", "/length", "/body", "/nowhere",
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			if method == "HEAD" && (path == "/length" || path == "/source") {
				continue // there the handlers get no error
			}
			want, got := dump(plain.URL, method, path), dump(w.url(""), method, path)
			if got != want {
				t.Errorf("%s %s:\n%.300q\nnet/http:\n%.300q", method, path, got, want)
			}
		}
	}
}

// TestSendfile checks that the kernel copies a file. Otherwise the process would write it, 32 KiB at a time.
func TestSendfile(t *testing.T) {
	plainOnly(t, "the process encrypts the file")
	const size = 32 << 20
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, make([]byte, size), 0o600))
	w := start(t, worker.Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/copied" {
			f, err := os.Open(file)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = io.Copy(w, struct{ io.Reader }{f}) // which hides that it is a file
			return
		}
		http.ServeFile(w, r, file)
	}))
	writes := func(path string) (calls int) {
		before := writeCalls(t)
		r := w.dial().do("GET", path, "")
		if n, err := io.Copy(io.Discard, r.body); n != size || err != nil {
			t.Fatalf("%s: %d bytes, %v", path, n, err)
		}
		return writeCalls(t) - before
	}
	if copied, sent := writes("/copied"), writes("/sent"); sent > copied/2 {
		t.Errorf("sent with %d writes, and copied with %d", sent, copied)
	}
}

// writeCalls returns how many write system calls the process has made.
func writeCalls(t *testing.T) int {
	t.Helper()
	data, err := os.ReadFile("/proc/self/io")
	check(t, err)
	_, after, _ := strings.Cut(string(data), "syscw: ")
	n, err := strconv.Atoi(strings.Fields(after)[0])
	check(t, err)
	return n
}

func TestAccessLog(t *testing.T) {
	log := &proctest.Log{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /items/{id}", hello)
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	w := start(t, worker.Config{AccessLog: newLogger(log), Limits: limits(func(l *worker.Limits) { l.Harakiri = soon })}, mux)
	c := w.dial()
	readAll(t, c.do("POST", "/items/%0a1?secret=1", "you"))
	line := log.Wait(t, nil, "request")
	if want := `msg=request method=POST path="/items/\n1" route=/items/{id} code=200 bytes=9 duration=`; !strings.HasPrefix(line, want) {
		t.Errorf("%q, want %q…", line, want)
	}
	if !strings.HasSuffix(line, " remote="+c.LocalAddr().String()) || strings.Contains(line, "secret") {
		t.Errorf("%q", line)
	}
	w.get("/slow")
	log.Wait(t, nil, "route=/slow code=503")
	if lines := log.Lines(); len(lines) != 2 {
		t.Errorf("log %q", lines)
	}
}
