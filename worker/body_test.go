package worker_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/worker"
)

// TestUnreadBody has a handler that does not read the body. net/http reads the rest to get to the next request.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	w := start(t, limited(func(l *worker.Limits) { l.SocketTimeout = soon }), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	c := w.dial()
	c.send(head("POST /", "Content-Length: 10") + "half")
	c.answer()
	c.expectEnd()
	// Here the client waits for a 100 Continue, which the handler does not cause.
	c = w.dial()
	c.send(head("POST /", "Content-Length: 10", "Expect: 100-continue"))
	if r := c.answer(); r.code != 200 || !r.last {
		t.Errorf("%d, last %v", r.code, r.last)
	}
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/read", func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); !ok || tooLarge.Limit != 10 {
			t.Errorf("read: %v", err)
		}
	})
	mux.HandleFunc("/answer", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "the handler's answer", http.StatusTeapot)
		}
	})
	mux.HandleFunc("/never", func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	mux.HandleFunc("/ok", hello)
	w := start(t, limited(func(l *worker.Limits) { l.MaxBody = 10 }), mux)
	const chunked, long = "Transfer-Encoding: chunked", "b\r\n01234567890\r\n0\r\n\r\n"
	for name, test := range map[string]struct {
		request string
		code    int
		body    string // empty: not checked
	}{
		"length too large":               {head("POST /never", "Content-Length: 11"), 413, ""},
		"length too large, 100-continue": {head("POST /never", "Content-Length: 11", "Expect: 100-continue"), 413, ""},
		"chunks too large":               {head("POST /read", chunked) + long, 413, ""},
		"chunks too large, own answer":   {head("POST /answer", chunked) + long, http.StatusTeapot, "the handler's answer\n"},
		"chunks at the limit":            {head("POST /ok", chunked) + "a\r\n0123456789\r\n0\r\n\r\n", 200, "hello 0123456789"},
		"length at the limit":            {head("POST /ok", "Content-Length: 10") + "0123456789", 200, "hello 0123456789"},
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			c.send(test.request)
			r := c.answer()
			body := readAll(t, r)
			if r.code != test.code || r.code == 413 && !r.last || test.body != "" && body != test.body {
				t.Errorf("%d %q, last %v", r.code, body, r.last)
			}
		})
	}
}

// TestUncertainEnd: a connection ends after a request whose end another server might see elsewhere. Here all see it at the same
// place: the length equals that of the chunks.
func TestUncertainEnd(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.HandleFunc("/unread", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/flush", func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() })
	mux.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("file")) })
	w := start(t, worker.Config{}, mux)
	const chunked, length, chunks = "Transfer-Encoding: chunked", "Content-Length: 15", "5\r\n01234\r\n0\r\n\r\n"
	old := func(line string, headers ...string) string {
		return strings.Replace(head(line, append(headers, "Connection: keep-alive")...), "HTTP/1.1", "HTTP/1.0", 1)
	}
	for _, path := range []string{"/", "/unread", "/flush", "/file"} {
		for name, test := range map[string]struct {
			request string
			last    bool
		}{
			"length and chunks":             {head("POST "+path, length, chunked) + chunks, true},
			"chunks and length":             {head("POST "+path, chunked, length) + chunks, true},
			"GET with both":                 {head("GET "+path, length, chunked) + chunks, true},
			"chunks":                        {head("POST "+path, chunked) + chunks, true},
			"HTTP/1.0 with chunks":          {old("POST "+path, chunked, length) + chunks, true},
			"HTTP/1.0 with length":          {old("POST "+path, length) + chunks, true},
			"HTTP/1.0 without body":         {old("GET " + path), true},
			"HTTP/1.1 with length":          {head("POST "+path, length) + chunks, false},
			"HTTP/1.1 with the same twice":  {head("POST "+path, length, length) + chunks, false},
			"HTTP/1.1 with different twice": {head("POST "+path, length, "Content-Length: 14") + chunks, true},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				c := w.dial()
				c.send(test.request)
				r := c.answer()
				_ = readAll(t, r)
				if r.last != test.last {
					t.Errorf("last: %v, want %v", r.last, test.last)
				}
				if test.last {
					c.expectEnd()
				}
			})
		}
	}
}

// TestRequestCopy checks that the copy of a request that the handler gets stays in step with the original: trailers reach the copy,
// and the files of a form in the copy are removed.
func TestRequestCopy(t *testing.T) {
	trailers, files := make(chan string, 1), make(chan string, 1)
	w := start(t, limited(func(l *worker.Limits) { l.MaxBody, l.Harakiri = 1<<20, later }), http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/trailer" {
				_, _ = io.ReadAll(r.Body)
				trailers <- r.Trailer.Get("X-Sum")
				return
			}
			if err := r.ParseMultipartForm(1); err != nil {
				t.Error(err)
				return
			}
			file, err := r.MultipartForm.File["f"][0].Open()
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			files <- file.(*os.File).Name()
		}))
	c := w.dial()
	c.send(head("POST /trailer", "Transfer-Encoding: chunked") + "1\r\nx\r\n0\r\nX-Sum: 42\r\n\r\n")
	if sum := receive(t, "the trailer", trailers); sum != "42" {
		t.Errorf("trailer %q", sum)
	}
	c.answer()
	c = w.dial()
	form := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + strings.Repeat("x", 20000) + "\r\n--b--\r\n"
	c.send(head("POST /", "Content-Type: multipart/form-data; boundary=b", fmt.Sprint("Content-Length: ", len(form))) + form)
	name := receive(t, "the file", files)
	c.answer()
	proctest.Eventually(t, "the removal of the form's file", func() bool {
		_, err := os.Stat(name)
		return errors.Is(err, os.ErrNotExist)
	})
}

// TestChunkOverhead sends chunk extensions and trailers, which do not count as a part of the body but are limited as well.
func TestChunkOverhead(t *testing.T) {
	t.Parallel()
	errs := make(chan error, 1)
	w := start(t, limited(func(l *worker.Limits) { l.MaxBody = 1 << 20 }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		errs <- err
	}))
	for name, body := range map[string]string{
		"a long extension": "1;x=" + strings.Repeat("x", 10_000) + "\r\nx\r\n0\r\n\r\n",
		"many extensions":  strings.Repeat("1;x="+strings.Repeat("x", 1000)+"\r\nx\r\n", 10_000) + "0\r\n\r\n",
		"a long trailer":   "1\r\nx\r\n0\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n",
		"a long length":    strings.Repeat("0", 10_000) + "1\r\nx\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			go func() {
				_, _ = io.WriteString(c, head("POST /", "Transfer-Encoding: chunked")+body)
			}()
			if err := receive(t, "the error", errs); err == nil {
				t.Error("all of it was read")
			}
			if r := c.answer(); !r.last {
				t.Error("the connection goes on")
			}
		})
	}
}
