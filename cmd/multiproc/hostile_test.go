package main

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"multiproc/master"
)

// TestLogUnread starts a server whose log is a full pipe without a reader: it serves, reloads and stops.
func TestLogUnread(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	check(t, err)
	defer r.Close()
	fill(t, w)
	address := freeAddress(t)
	s := startServer(t, "socket = "+address+"\ndisable-logging = true\n", at(address), func(o *serverOptions) { o.stderr = w })
	check(t, w.Close())
	s.reload()
	s.stop()
}

// fill writes until the pipe is full.
func fill(tb testing.TB, w *os.File) {
	tb.Helper()
	raw, err := w.SyscallConn()
	check(tb, err)
	var failed error
	err = raw.Control(func(fd uintptr) {
		for _, size := range []int{4096, 1} {
			for failed = nil; failed == nil; {
				_, failed = syscall.Write(int(fd), make([]byte, size))
			}
		}
	})
	if err = errors.Join(err, failed); !errors.Is(err, syscall.EAGAIN) {
		tb.Fatal(err)
	}
	// The flag is shared with the server, which expects an ordinary pipe.
	if err := raw.Control(func(fd uintptr) { failed = syscall.SetNonblock(int(fd), false) }); err != nil || failed != nil {
		tb.Fatal(err, failed)
	}
}

// TestHealthFlood opens more connections to the health address than the master has descriptors, sends requests and reads no
// answers: a dead worker is still replaced, and the control socket still answers.
func TestHealthFlood(t *testing.T) {
	t.Parallel()
	health := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nhealth = "+health+"\n", wrapped("/bin/sh", "-c", `ulimit -n 128; exec "$@"`, "sh"))
	for range 200 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", health)
		check(t, err)
		defer conn.Close()
		if _, err := io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	before := s.await("ready", func(status master.Status) bool { return status.Ready() == 1 }).Workers[0].PID
	check(t, syscall.Kill(before, syscall.SIGKILL))
	s.await("another worker", func(status master.Status) bool { return status.Ready() == 1 && status.Workers[0].PID != before })
	s.stop()
}
