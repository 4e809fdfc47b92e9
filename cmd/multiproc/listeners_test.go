package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// ask requests a path on a new connection and returns the status code.
func ask(network, address, path string) (int, error) {
	response, err := dialingClient(network, address, false).Get("http://server" + path) //nolint:noctx // it has a timeout
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func mustAnswer(tb testing.TB, network, address, path string, want int) {
	tb.Helper()
	if code, err := ask(network, address, path); err != nil || code != want {
		tb.Errorf("%s at %s: %d %v, want %d", path, address, code, err, want)
	}
}

// refused reports whether an address refuses connections.
func refused(network, address string) bool {
	_, err := ask(network, address, "/")
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// TestReloadListeners adds and removes listeners by reloads while the others are under load: new ones accept as soon as the
// reload is done, removed ones refuse, and the others never fail.
func TestReloadListeners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tcp, kept, unix := freeAddress(t), filepath.Join(dir, "kept.sock"), filepath.Join(dir, "http.sock")
	base := "processes = 2\ndrain-idle = 1\nsocket = 127.0.0.1:0\nsocket = " + kept + "\n" + appINI(t)
	more := "socket = " + tcp + "\nsocket = " + unix + "\n"
	s := startServer(t, base)
	l := startLoad(s, append(allKinds("tcp", s.address), allKinds("unix", kept)...)...)
	descriptors := entries(t, s.cmd.Process.Pid, "fd")
	for range 3 {
		s.writeINI(base + more)
		s.reload()
		mustAnswer(t, "tcp", tcp, "/pid", http.StatusOK)
		mustAnswer(t, "unix", unix, "/pid", http.StatusOK)
		s.log.Wait(t, s.done, "new generation", "listening="+tcp, "listening="+unix)

		s.writeINI(base)
		s.reload()
		proctest.Eventually(t, "refusal at what is no listener any more", func() bool {
			return refused("tcp", tcp) && refused("unix", unix)
		})
		if fileExists(unix) {
			t.Error("the file of a unix socket that has gone is still there")
		}
	}
	s.awaitNoneDraining()
	l.mustHaveLostNone()
	proctest.Eventually(t, "no more descriptors than before", func() bool { return entries(t, s.cmd.Process.Pid, "fd") <= descriptors })
	s.stop()
}

// TestReloadListenerFailed rolls back reloads with new listeners: none of them may be left, whether another listener or a
// worker was at fault.
func TestReloadListenerFailed(t *testing.T) {
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	defer busy.Close()
	dir := t.TempDir()
	tcp, kept, unix := freeAddress(t), filepath.Join(dir, "kept.sock"), filepath.Join(dir, "http.sock")
	base := "socket = 127.0.0.1:0\nsocket = " + kept + "\n" + appINI(t)
	more := "socket = " + tcp + "\nsocket = " + unix + "\nchmod-socket = 666\n"
	s := startServer(t, base)
	mode := fileInfo(t, kept).Mode()
	for name, bad := range map[string]struct{ ini, says string }{
		"another listener": {"socket = " + busy.Addr().String() + "\n", "in use"},
		"a worker":         {"env = APP_FAIL=no such database\n", "no such database"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			s.writeINI(base + more + bad.ini)
			s.mustRefuse(bad.says)
			proctest.Eventually(t, "refusal at the listeners of a reload that was taken back", func() bool {
				return refused("tcp", tcp) && refused("unix", unix)
			})
			if fileExists(unix) {
				t.Error("the file of its unix socket is still there")
			}
			if now := fileInfo(t, kept).Mode(); now != mode {
				t.Errorf("the mode of a socket that was there before is %s, was %s", now, mode)
			}
			mustAnswer(t, "tcp", s.address, "/pid", http.StatusOK)
			mustAnswer(t, "unix", kept, "/pid", http.StatusOK)
		})
	}
	s.writeINI(base + more)
	s.reload()
	mustAnswer(t, "tcp", tcp, "/pid", http.StatusOK)
	for _, path := range []string{kept, unix} {
		if mode := fileInfo(t, path).Mode().Perm(); mode != 0o666 {
			t.Errorf("the mode of %s is %o after the reload, want 666", path, mode)
		}
	}
	s.stop()
}

// TestReloadMetricsSocket moves the metrics to a listener of their own and back, and changes the backlog.
func TestReloadMetricsSocket(t *testing.T) {
	t.Parallel()
	base := "socket = 127.0.0.1:0\nprocesses = 2\n"
	metrics := freeAddress(t)
	s := startServer(t, base)
	for range 2 {
		mustAnswer(t, "tcp", s.address, "/metrics", http.StatusOK)
		s.writeINI(base + "metrics-socket = " + metrics + "\nlisten = 7\n")
		s.reload()
		s.awaitNoneDraining()
		s.await("listeners with another backlog", func(status master.Status) bool {
			return len(status.Listeners) == 2 && status.Listeners[0].Limit == 7 && status.Listeners[1].Limit == 7
		})
		mustAnswer(t, "tcp", metrics, "/metrics", http.StatusOK)
		mustAnswer(t, "tcp", metrics, "/", http.StatusNotFound)
		mustAnswer(t, "tcp", s.address, "/metrics", http.StatusNotFound)
		mustAnswer(t, "tcp", s.address, "/", http.StatusOK)
		s.writeINI(base)
		s.reload()
		proctest.Eventually(t, "refusal at what is no listener any more", func() bool { return refused("tcp", metrics) })
		s.awaitNoneDraining()
	}
	s.stop()
}

// limited runs a server with a limit of open files, as options of ulimit.
func limited(ulimit string) func(*serverOptions) {
	return wrapped("sh", "-c", "ulimit "+ulimit+` && exec "$@"`, "sh")
}

// TestManyListeners has more listeners than half of the limit of open files, and more than all of a soft limit that can be raised.
func TestManyListeners(t *testing.T) {
	t.Parallel()
	const n = 600
	for name, ulimit := range map[string]string{"half": "-n 1024", "soft": "-Sn 300"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ini strings.Builder
			dir := t.TempDir()
			name := func(i int) string {
				if i%2 == 0 {
					return fmt.Sprintf("@%s-%d-%d", t.Name(), os.Getpid(), i)
				}
				return filepath.Join(dir, strconv.Itoa(i))
			}
			ini.WriteString("chmod-socket = 600\n")
			for i := range n {
				ini.WriteString("socket = " + name(i) + "\n")
			}
			s := startServer(t, ini.String(), limited(ulimit))
			s.reload()
			for _, i := range []int{0, n / 2, n - 1} {
				mustAnswer(t, "unix", name(i), "/readyz", http.StatusOK)
			}
			s.stop()
		})
	}
}

// TestMoreListenersThanConnections has listeners that wait for clients while another one has the only connection that is allowed.
func TestMoreListenersThanConnections(t *testing.T) {
	t.Parallel()
	addresses := []string{freeAddress(t), freeAddress(t), freeAddress(t)}
	s := startServer(t, "max-connections = 1\nsocket = "+strings.Join(addresses, "\nsocket = ")+"\n")
	for range 2 {
		for _, address := range addresses {
			mustAnswer(t, "tcp", address, "/readyz", http.StatusOK)
		}
	}
	s.stop()
}

func TestTooManyListeners(t *testing.T) {
	t.Parallel()
	s := startServer(t, strings.Repeat("socket = 127.0.0.1:0\n", 300), limited("-n 256"), failing)
	s.mustExit(1)
	s.log.Wait(t, s.done, "too many open files (RLIMIT_NOFILE is 256: raise LimitNOFILE= of the unit, or ulimit -Hn)")
	if n := s.log.Count("RLIMIT_NOFILE"); n != 1 {
		t.Errorf("the limit is named %d times", n)
	}
}

// TestCommandKeepsLimit has a soft limit of open files that Go raises for itself: programs that use select(2) need the one from before.
func TestCommandKeepsLimit(t *testing.T) {
	t.Parallel()
	limit := filepath.Join(t.TempDir(), "limit")
	command := script(t, "ulimit -Sn >"+limit, "exec "+lookPath(t, "testapp"))
	s := startServer(t, "socket = 127.0.0.1:0\ncommand = "+command+"\n", limited("-Sn 777"))
	s.stop()
	if text, err := os.ReadFile(limit); err != nil || string(text) != "777\n" {
		t.Errorf("the soft limit of the program is %q, %v", text, err)
	}
}
