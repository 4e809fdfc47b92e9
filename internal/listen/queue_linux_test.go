package listen

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestQueues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	abstract := fmt.Sprintf("@%s-%d", t.Name(), os.Getpid())
	want := []Queue{{"", 3, 100}, {path, 2, 50}, {abstract, 0, 20}}
	tcp := loopback("http")
	tcp.Backlog = 100
	set := open(
		t, NewSockets(nil), tcp, Socket{Network: "unix", Address: path, Backlog: 50},
		Socket{Network: "unix", Address: abstract, Backlog: 20},
	)
	want[0].Listener = set.Addresses()[0]
	for i, network := range []string{"tcp", "unix", "unix"} {
		for range want[i].Length {
			connect(t, network, set.Addresses()[i])
		}
	}
	queues, err := set.Queues()
	check(t, err)
	if diff := cmp.Diff(want, queues); diff != "" {
		t.Error(diff)
	}
	acceptOne(t, descriptors(t, set, 1)[1])
	want[1].Length--
	queues, err = set.Queues()
	check(t, err)
	if diff := cmp.Diff(want, queues); diff != "" {
		t.Error(diff)
	}
}

// A queue that cannot be read does not hide the others.
func TestQueuesUnreadable(t *testing.T) {
	s := NewSockets(nil)
	file := inherited(t, "", unix.AF_INET, unix.SOCK_STREAM, true)
	set := open(t, s, Socket{Name: "http", Network: "fd", Address: numberOf(file)}, loopback("http"))
	check(t, file.Close())
	queues, err := set.Queues()
	if err == nil || !strings.Contains(err.Error(), "read queue of "+set.Addresses()[0]+": ") {
		t.Error(err)
	}
	if len(queues) != 1 || queues[0].Listener != set.Addresses()[1] {
		t.Errorf("%+v", queues)
	}
}
