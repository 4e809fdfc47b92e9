package listen

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

func shared() Socket {
	s := loopback("http")
	s.ReusePort = true
	return s
}

// queueLengths returns how many connections wait at each of these sockets.
func queueLengths(t *testing.T, fds ...int) []int {
	t.Helper()
	var lengths []int
	for _, fd := range fds {
		length, _, err := queueOf(fd)
		check(t, err)
		lengths = append(lengths, length)
	}
	return lengths
}

func TestReusePortSpreads(t *testing.T) {
	set := open(t, NewSockets(nil), shared())
	var fds []int
	for slot := int(1); slot <= 3; slot++ {
		fds = append(fds, descriptors(t, set, slot)[0])
	}
	if again := descriptors(t, set, 2)[0]; again != fds[1] || fds[0] == fds[1] || fds[1] == fds[2] {
		t.Errorf("slots 1 to 3 have %v, then slot 2 has %d", fds, again)
	}
	for n := 1; slices.Contains(queueLengths(t, fds...), 0); n++ {
		if n > 200 {
			t.Fatalf("%v of %d connections wait at the slots' sockets", queueLengths(t, fds...), n)
		}
		connect(t, "tcp", set.Addresses()[0])
	}
	queues, err := set.Queues()
	check(t, err)
	if sum := queueLengths(t, fds...); len(queues) != 1 || queues[0].Length != sum[0]+sum[1]+sum[2] {
		t.Errorf("queues %+v, of %v", queues, sum)
	}
}

func TestReusePortFollowsNewestSet(t *testing.T) {
	s := NewSockets(nil)
	socket := shared()
	socket.Backlog = 5
	set := open(t, s, socket)
	descriptors(t, set, 2)
	queues, err := set.Queues()
	check(t, err)
	if queues[0].Limit != 2*5 {
		t.Errorf("%+v", queues)
	}
}

// Two generations share a slot's socket, whose queue is kept as long as one of them has it.
func TestReusePortSharedBySets(t *testing.T) {
	s := NewSockets(nil)
	first := open(t, s, shared())
	one, two := descriptors(t, first, 1)[0], descriptors(t, first, 2)[0]
	second := open(t, s, shared())
	if fd := descriptors(t, second, 2)[0]; fd != two {
		t.Errorf("slot 2 has %d, and %d in the next generation", two, fd)
	}
	check(t, first.ReleaseSlot(2))
	queueLengths(t, one, two) // fails if one is closed
	check(t, first.Close(true))
	queueLengths(t, one, two)
	check(t, second.ReleaseSlot(2))
	check(t, second.ReleaseSlot(2)) // it is closed already
	queueLengths(t, one)
	if _, _, err := queueOf(two); !errors.Is(err, unix.EBADF) {
		t.Errorf("slot 2 is open after the last set has released it: %v", err)
	}
	connect(t, "tcp", second.Addresses()[0])
	acceptOne(t, one)
	descriptors(t, second, 2)
}

func TestReusePortKeepsOthersOut(t *testing.T) {
	set := open(t, NewSockets(nil), shared())
	descriptors(t, set, 2)
	for _, reusePort := range []bool{false, true} {
		if _, err := NewSockets(nil).Open([]Socket{{Network: "tcp", Address: set.Addresses()[0], ReusePort: reusePort}}); !errors.Is(err, ErrInUse) {
			t.Errorf("another master, reuse-port %v: %v", reusePort, err)
		}
	}
	plain := open(t, NewSockets(nil), loopback("http"))
	if _, err := NewSockets(nil).Open([]Socket{{Network: "tcp", Address: plain.Addresses()[0], ReusePort: true}}); !errors.Is(err, ErrInUse) {
		t.Errorf("reuse-port where another process listens without: %v", err)
	}
}

func TestReusePortConcurrentMasters(t *testing.T) {
	// No other process is likely to take this port in between.
	set := open(t, NewSockets(nil), Socket{Network: "tcp", Address: "127.77.0.1:0"})
	address := set.Addresses()[0]
	check(t, set.Close(true))
	contend(t, "open tcp "+address+" reuse-port", "tcp", address)
}

func TestReusePortAfterDrop(t *testing.T) {
	proctest.Root(t)
	for _, test := range []struct{ owner, want string }{
		{"chown", "slot 2 is open"},
		{"keep", "in use"}, // shows that Chown is needed
	} {
		c := proctest.Start(t, "drop", "reuse-port", test.owner)
		if got := c.Line(); got != test.want {
			t.Errorf("%s: %s", test.owner, got)
		}
		c.Stop()
	}
}
