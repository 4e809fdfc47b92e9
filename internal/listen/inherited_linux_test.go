package listen

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// inherited makes a descriptor as a service manager passes it on: it blocks, and is kept over exec.
func inherited(t *testing.T, name string, family, kind int, listens bool) *os.File {
	t.Helper()
	fd, err := unix.Socket(family, kind, 0)
	check(t, err)
	file := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { _ = file.Close() }) // some test closes it
	switch family {
	case unix.AF_INET:
		check(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	case unix.AF_UNIX:
		check(t, unix.Bind(fd, &unix.SockaddrUnix{}))
	}
	if listens {
		check(t, unix.Listen(fd, 9))
	}
	return file
}

func numberOf(file *os.File) string { return strconv.Itoa(int(osfile.FD(file))) }

func TestActivated(t *testing.T) {
	web := inherited(t, "multiproc.socket", unix.AF_INET, unix.SOCK_STREAM, true)
	metrics := inherited(t, "metrics", unix.AF_UNIX, unix.SOCK_STREAM, true)
	s := NewSockets([]*os.File{web, metrics})
	want := []Socket{{Name: "http", Network: "fd", Address: numberOf(web)}, {Name: "metrics", Network: "fd", Address: numberOf(metrics)}}
	if diff := cmp.Diff(want, s.Activated()); diff != "" {
		t.Fatalf("activated:\n%s", diff)
	}
	told := ""
	s.Blocking = func(address string) { told += address }
	for range 2 { // they stay when a generation does without them
		set := open(t, s, s.Activated()...)
		fds := descriptors(t, set, 1)
		if diff := cmp.Diff([]int{int(osfile.FD(web)), int(osfile.FD(metrics))}, fds); diff != "" {
			t.Errorf("descriptors:\n%s", diff)
		}
		for i, network := range []string{"tcp", "unix"} {
			connect(t, network, set.Addresses()[i])
			acceptOne(t, fds[i])
			if _, _, err := unix.Accept(fds[i]); !errors.Is(err, unix.EAGAIN) {
				t.Errorf("%s blocks: %v", network, err)
			}
			if flags, err := unix.FcntlInt(uintptr(fds[i]), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("%s: descriptor has the flags %#x (%v), is passed on to every program", network, flags, err)
			}
		}
		queues, err := set.Queues()
		check(t, err)
		if queues[0].Limit != 9 || queues[1].Limit != 9 {
			t.Errorf("the backlog has been changed: %+v", queues)
		}
		check(t, set.Close(true))
	}
	if told != "" {
		t.Errorf("a worker is said to have made %s block", told)
	}
	backlog := s.Activated()[:1]
	backlog[0].Backlog = 4
	queues, err := open(t, s, backlog...).Queues()
	check(t, err)
	if queues[0].Limit != 4 {
		t.Errorf("with a backlog of 4: %+v", queues)
	}
}

// Not every manager speaks of activation.
func TestInheritedByNumber(t *testing.T) {
	file := inherited(t, "", unix.AF_INET, unix.SOCK_STREAM, true)
	set := open(t, NewSockets(nil), Socket{Name: "http", Network: "fd", Address: numberOf(file)})
	connect(t, "tcp", set.Addresses()[0])
	acceptOne(t, descriptors(t, set, 1)[0])
}

func TestInheritedRefuses(t *testing.T) {
	s := NewSockets(nil)
	f := func(number, cause string) {
		t.Helper()
		set, err := s.Open([]Socket{{Network: "fd", Address: number}})
		if err == nil {
			t.Errorf("%s: no error, and %v on Close", number, set.Close(true))
		} else if !strings.Contains(err.Error(), cause) {
			t.Errorf("%s: %v", number, err)
		}
	}
	null, err := os.Open(os.DevNull)
	check(t, err)
	defer null.Close()
	f("9999", "not started with")
	f(numberOf(null), "not a socket")
	f(numberOf(inherited(t, "", unix.AF_INET, unix.SOCK_STREAM, false)), "not a stream socket that listens")
	f(numberOf(inherited(t, "", unix.AF_INET, unix.SOCK_DGRAM, false)), "not a stream socket that listens")
	f(numberOf(inherited(t, "", unix.AF_UNIX, unix.SOCK_SEQPACKET, true)), "not a stream socket that listens")
	own := open(t, s, loopback("http"))
	f(strconv.Itoa(descriptors(t, own, 1)[0]), "the master's own")

	// What is refused is left as it was.
	packets := inherited(t, "", unix.AF_UNIX, unix.SOCK_SEQPACKET, true)
	f(numberOf(packets), "not a stream socket")
	if flags, err := unix.FcntlInt(osfile.FD(packets), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}

// The listener of another process is a descriptor as well, and its flags must survive what finds out its address.
func TestListenerAddressKeepsFlags(t *testing.T) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	check(t, err)
	defer l.Close()
	fd, err := copyDescriptor(l)
	check(t, err)
	defer unix.Close(fd)
	address, err := adopt(fd)
	check(t, err)
	if address != l.Addr().String() {
		t.Errorf("%s instead of %s", address, l.Addr())
	}
	if cleared, err := setNonblocking(fd); cleared || err != nil {
		t.Errorf("it blocks: %v, %v", cleared, err)
	}
}
