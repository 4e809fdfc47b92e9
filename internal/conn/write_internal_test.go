package conn

import (
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestStalledSince looks at a queue of the same length at each look. The client is stalled only if the looks follow each other closely.
func TestStalledSince(t *testing.T) {
	t.Parallel()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	client, file := os.NewFile(uintptr(fds[0]), "client"), os.NewFile(uintptr(fds[1]), "server")
	defer client.Close()
	server, err := net.FileConn(file)
	_ = file.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := server.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var w write
		w.begin(time.Now())
		look := func(want bool) {
			t.Helper()
			if since := w.stalledSince(server); since.IsZero() == want {
				t.Errorf("stalled since %v", since)
			}
		}
		for range 3 {
			look(false)
			<-time.After(time.Minute)
		}
		for range unreadTimeout / lookInterval {
			look(false)
			<-time.After(lookInterval)
		}
		look(true)
		w.end()
		look(false)
	})
}
