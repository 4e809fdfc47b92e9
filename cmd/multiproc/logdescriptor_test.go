package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

// TestLogToDescriptor logs to descriptors that cannot be opened by name because they are sockets, as under systemd. Reopening the log
// leaves them as they are.
func TestLogToDescriptor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	link := filepath.Join(dir, "app.log")
	check(t, os.Symlink("/dev/stdout", link)) // as images of other servers have it
	for path, wrap := range map[string]string{
		"/dev/stdout":     `exec "$0" "$@" >&2 2>/dev/null`,
		"/proc/self/fd/1": `exec "$0" "$@" >&2 2>/dev/null`,
		link:              `exec "$0" "$@" >&2 2>/dev/null`,
		"/dev/stderr":     `exec "$0" "$@"`,
		"/dev/fd/7":       `exec "$0" "$@" 7>&2 2>/dev/null`,
	} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		check(t, err)
		ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
		log := new(proctest.Log)
		read := make(chan error, 1)
		go func() {
			_, err := io.Copy(log, ours)
			read <- errors.Join(err, ours.Close())
		}()
		address := freeAddress(t)
		s := startServer(t, "socket = "+address+"\nlogto = "+path+"\n", at(address), wrapped("/bin/sh", "-c", wrap), func(o *serverOptions) { o.stderr = theirs })
		check(t, theirs.Close())
		s.signal(syscall.SIGUSR1)
		log.Wait(t, s.done, "log reopened")
		s.get("/livez")
		log.Wait(t, s.done, "path=/livez") // of a worker
		s.stop()
		check(t, <-read)
	}
}
