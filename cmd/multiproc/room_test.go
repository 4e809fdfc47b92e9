package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// TestRoom has more silent clients than places on each listener of the master. Those that send a request are answered.
func TestRoom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	s := startServer(t, fmt.Sprintf("socket = 127.0.0.1:0\nhealth = %s\nstats = %s\nstats-http = true\n", at("health"), at("stats")),
		func(o *serverOptions) { o.dir = dir })
	const more = "Host: test\r\n"
	clients := 100
	if proctest.IsLong() {
		clients = 500 // so that those of all kinds fit into the queue
	}
	for _, listener := range []struct{ name, request string }{
		{"health", "GET /livez HTTP/1.1\r\n"}, {"control.sock", "GET /status HTTP/1.1\r\n"}, {"stats", "GET / HTTP/1.1\r\n"},
	} {
		for name, silence := range map[string]string{
			"no byte": "", "half a head": "GET /livez HT", "half a body": listener.request + more + "Content-Length: 9\r\n\r\nx",
			"half a chunk":         listener.request + more + "Transfer-Encoding: chunked\r\n\r\n9\r\nx",
			"an expected continue": listener.request + more + "Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
			"an unread answer":     listener.request + more + "\r\n",
		} {
			t.Run(listener.name+", "+name, func(t *testing.T) {
				t.Parallel()
				dial := func() net.Conn {
					c, err := new(net.Dialer).DialContext(t.Context(), "unix", at(listener.name))
					check(t, err)
					t.Cleanup(func() { _ = c.Close() })
					check(t, c.SetDeadline(time.Now().Add(proctest.Patience)))
					return c
				}
				for range clients {
					_, _ = io.WriteString(dial(), silence) // it may be cut off by now
				}
				for range 5 {
					c := dial()
					_, err := io.WriteString(c, listener.request+more+"\r\n")
					check(t, err)
					r, err := http.ReadResponse(bufio.NewReader(c), nil)
					check(t, err)
					_ = r.Body.Close()
					if r.StatusCode != http.StatusOK {
						t.Error(r.Status)
					}
				}
			})
		}
	}
	t.Cleanup(s.stop)
}

// TestUnreadScrapes has many clients that do not read their pages. A worker's memory does not grow by a page for each.
func TestUnreadScrapes(t *testing.T) {
	t.Parallel()
	proctest.Long(t)
	socket := filepath.Join(t.TempDir(), "s")
	s := startServer(t, "socket = 127.0.0.1:0\nsocket = "+socket+"\nprocesses = 1\nmetrics-dir = m\n")
	w, err := mpmetrics.NewWriter(filepath.Join(s.dir, "m"), "test", mpmetrics.WriterOptions{})
	check(t, err)
	defer w.Close()
	values, err := w.NewCounterVec(prometheus.CounterOpts{Name: "some_total", Help: "Values."}, []string{"path"})
	check(t, err)
	for i := range 8000 {
		values.WithLabelValues(fmt.Sprintf("/a/path/of/some/length/%d", i)).Inc()
	}
	anonymous := func() (kib int) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.workers()[0]))
		check(t, err)
		_, after, _ := strings.Cut(string(status), "RssAnon:")
		_, err = fmt.Sscan(after, &kib)
		check(t, err)
		return kib
	}
	before := anonymous()
	const clients = 1500
	for range clients {
		c, err := new(net.Dialer).DialContext(t.Context(), "unix", socket) // whose buffer is smaller than the page
		check(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n")
		check(t, err)
	}
	for range 5 {
		start := time.Now()
		s.wantVisit(http.StatusOK, "/metrics", "")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("a scrape took %s", took)
		}
	}
	if grown := anonymous() - before; grown > clients*32+16<<10 {
		t.Errorf("%d KiB more for %d unread pages", grown, clients)
	}
	s.stop()
}

// TestSlowForms has clients that drip a body before a login and without a token. They have 10 s in all.
func TestSlowForms(t *testing.T) {
	t.Parallel()
	proctest.Long(t)
	s := startServer(t, "socket = 127.0.0.1:0\ndatabase = db\n")
	for _, test := range []struct {
		path, kind string
		code       int
	}{
		{"/admin/login", "application/x-www-form-urlencoded", http.StatusRequestTimeout},
		{"/admin/password", "application/x-www-form-urlencoded", http.StatusSeeOther}, // to the login
		{"/api/v1/transactions", "application/json", http.StatusUnauthorized},
		{"/none", "text/plain", http.StatusNotFound},
	} {
		t.Run(test.path, func(t *testing.T) {
			t.Parallel()
			c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
			check(t, err)
			defer c.Close()
			start := time.Now()
			_, err = fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: test\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n", test.path, test.kind)
			check(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				tick := time.NewTicker(100 * time.Millisecond)
				defer tick.Stop()
				for ctx.Err() == nil {
					<-tick.C
					if _, err := io.WriteString(c, "a"); err != nil {
						return
					}
				}
			}()
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			check(t, err)
			took := time.Since(start)
			_, _ = io.Copy(io.Discard, r.Body)
			check(t, r.Body.Close())
			if r.StatusCode != test.code || !r.Close || took < 9*time.Second || took > 15*time.Second {
				t.Errorf("%s after %s, last %v", r.Status, took, r.Close)
			}
		})
	}
	t.Cleanup(s.stop)
}

// TestReloadOfSlowFiles replaces files that a reload reads by FIFOs, directories, endless and huge files. The reload is refused at once,
// and the master continues.
func TestReloadOfSlowFiles(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\n")
	odd := filepath.Join(s.dir, "odd")
	for name, create := range map[string]func() error{
		"a FIFO":          func() error { return unix.Mkfifo(odd, 0o600) },
		"a directory":     func() error { return os.Mkdir(odd, 0o700) },
		"an endless file": func() error { return os.Symlink("/dev/zero", odd) },
		"a huge file": func() error {
			f, err := os.Create(odd)
			check(t, err)
			defer f.Close()
			return f.Truncate(10 << 30)
		},
	} {
		check(t, create())
		for _, line := range []string{
			"include = " + odd, "procname-prefix = @(" + odd + ")", "metrics-token-file = " + odd,
			"tls-cert = " + odd + "\ntls-key = " + odd, "metrics-socket = 127.0.0.1:0\nmetrics-auth-file = " + odd,
		} {
			s.writeINI("socket = 127.0.0.1:0\n" + line + "\n")
			start := time.Now()
			_, stderr, code := s.run("reload", "--control="+s.control())
			if took := time.Since(start); code != 1 || !strings.Contains(stderr, odd) || took > 10*time.Second {
				t.Errorf("%s, %s: exit code %d after %s: %s", name, line, code, took, stderr)
			}
		}
		check(t, os.Remove(odd))
	}
	check(t, os.Remove(s.ini))
	check(t, unix.Mkfifo(s.ini, 0o600))
	check(t, s.cmd.Process.Signal(syscall.SIGHUP))
	s.stop()
}

// TestINIFromPipe starts from a pipe, as a shell's process substitution makes one. A reload cannot read it again.
func TestINIFromPipe(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\n", wrapped("/bin/bash", "-c", `exec "$1" --ini <(cat "$3")`, "bash"))
	_, stderr, code := s.run("reload", "--control="+s.control())
	if code != 1 || !strings.Contains(stderr, "cannot be read again") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	s.stop()
}
