package listen

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// inherited makes a descriptor as a service manager passes it on: blocking and kept on exec.
func inherited(t *testing.T, name string, family, kind int, listens bool) *os.File {
	t.Helper()
	fd, err := unix.Socket(family, kind, 0)
	check(t, err)
	file := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { _ = file.Close() }) // some tests close it
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
	reported := ""
	s.Blocking = func(address string) { reported += address }
	for range 2 { // they remain open when a generation does not use them
		set := open(t, s, s.Activated()...)
		fds := descriptors(t, set, 1)
		if diff := cmp.Diff([]int{int(osfile.FD(web)), int(osfile.FD(metrics))}, fds); diff != "" {
			t.Errorf("descriptors:\n%s", diff)
		}
		for i, network := range []string{"tcp", "unix"} {
			mustServe(t, fds[i], network, set.Addresses()[i])
		}
		queues, err := set.Queues()
		check(t, err)
		if queues[0].Limit != 9 || queues[1].Limit != 9 {
			t.Errorf("the backlog was changed: %+v", queues)
		}
		check(t, set.Close(true))
	}
	if reported != "" {
		t.Errorf("reported as made blocking by a worker: %s", reported)
	}
	backlog := s.Activated()[:1]
	backlog[0].Backlog = 4
	queues, err := open(t, s, backlog...).Queues()
	check(t, err)
	if queues[0].Limit != 4 {
		t.Errorf("backlog 4: %+v", queues)
	}
}

// Not every service manager sets LISTEN_FDS.
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
	f("9999", "not inherited")
	f(numberOf(null), "not a socket")
	f(numberOf(inherited(t, "", unix.AF_INET, unix.SOCK_STREAM, false)), "does not listen")
	f(numberOf(inherited(t, "", unix.AF_INET, unix.SOCK_DGRAM, false)), "a datagram socket")
	f(numberOf(inherited(t, "", unix.AF_UNIX, unix.SOCK_SEQPACKET, true)), "not a stream socket")
	own := open(t, s, loopback("http"))
	f(strconv.Itoa(descriptors(t, own, 1)[0]), "own sockets")
	copied := func(fd int) string {
		t.Helper()
		fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		check(t, err)
		t.Cleanup(func() { check(t, unix.Close(fd)) })
		return strconv.Itoa(fd)
	}
	f(copied(descriptors(t, own, 1)[0]), "own sockets")
	other := open(t, s, Socket{Name: "health", Network: "fd", Address: numberOf(inherited(t, "", unix.AF_INET, unix.SOCK_STREAM, true))})
	f(copied(descriptors(t, other, 1)[0]), "own sockets")

	// A refused descriptor is left unchanged.
	packets := inherited(t, "", unix.AF_UNIX, unix.SOCK_SEQPACKET, true)
	f(numberOf(packets), "not a stream socket")
	if flags, err := unix.FcntlInt(osfile.FD(packets), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}

// Finding out the address of a socket must not change its flags, which another process may share.
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
		t.Errorf("address %s, want %s", address, l.Addr())
	}
	if cleared, err := setNonblocking(fd); cleared || err != nil {
		t.Errorf("it blocks: %v, %v", cleared, err)
	}
}
