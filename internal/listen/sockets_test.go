package listen

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

// open opens sockets and closes them at the end of the test.
func open(t *testing.T, s *Sockets, want ...Socket) *Set {
	t.Helper()
	set, err := s.Open(want)
	check(t, err)
	t.Cleanup(func() { check(t, set.Close(true)) })
	return set
}

func descriptors(t *testing.T, set *Set, slot int) []int {
	t.Helper()
	fds, names, err := set.Descriptors(slot)
	check(t, err)
	if len(fds) != len(names) {
		t.Errorf("%d descriptors with %d names", len(fds), len(names))
	}
	return fds
}

func dial(network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(context.Background(), network, address)
}

// connect makes a connection and closes it at the end of the test.
func connect(t *testing.T, network, address string) {
	t.Helper()
	conn, err := dial(network, address)
	check(t, err)
	t.Cleanup(func() { check(t, conn.Close()) })
}

// acceptOne accepts a connection that is queued already.
func acceptOne(t *testing.T, fd int) {
	t.Helper()
	conn, _, err := unix.Accept(fd)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	check(t, unix.Close(conn))
}

// mustServe checks that connections to an address arrive at a descriptor, which does not block and is closed on exec.
func mustServe(t *testing.T, fd int, network, address string) {
	t.Helper()
	connect(t, network, address)
	acceptOne(t, fd)
	if _, _, err := unix.Accept(fd); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("%s: accept with an empty queue: %v", address, err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("%s: the descriptor is kept on exec: flags %#x (%v)", address, flags, err)
	}
}

func refuses(t *testing.T, network, address string) {
	t.Helper()
	if conn, err := dial(network, address); err == nil {
		check(t, conn.Close())
		t.Errorf("there is a listener on %s %s", network, address)
	}
}

func loopback(name string) Socket { return Socket{Name: name, Network: "tcp", Address: "127.0.0.1:0"} }

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	abstract := fmt.Sprintf("@%s-%d", t.Name(), os.Getpid())
	set := open(
		t, NewSockets(nil), loopback("http"), Socket{Name: "metrics", Network: "unix", Address: path},
		Socket{Name: "http", Network: "unix", Address: abstract},
	)
	fds, names, err := set.Descriptors(1)
	check(t, err)
	if diff := cmp.Diff([]string{"http", "metrics", "http"}, names); diff != "" {
		t.Errorf("names:\n%s", diff)
	}
	addresses := set.Addresses()
	if strings.HasSuffix(addresses[0], ":0") {
		t.Errorf("address %s has no port", addresses[0])
	}
	if diff := cmp.Diff([]string{path, abstract}, addresses[1:]); diff != "" {
		t.Errorf("addresses:\n%s", diff)
	}
	for i, network := range []string{"tcp", "unix", "unix"} {
		mustServe(t, fds[i], network, addresses[i])
	}
	if protocol, err := unix.GetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_PROTOCOL); err != nil || protocol != unix.IPPROTO_TCP {
		t.Errorf("protocol %d (%v), want TCP", protocol, err)
	}
}

// A listener in the poller would wake the master for each connection.
func TestSocketsAreNotPolled(t *testing.T) {
	other := loopback("http")
	other.ReusePort = true
	set := open(t, NewSockets(nil), loopback("http"), other)
	polled := map[uint64]bool{}
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	pollers := 0
	for _, entry := range entries {
		if link, _ := os.Readlink("/proc/self/fd/" + entry.Name()); link != "anon_inode:[eventpoll]" {
			continue
		}
		pollers++
		info, err := os.ReadFile("/proc/self/fdinfo/" + entry.Name())
		check(t, err)
		for line := range strings.Lines(string(info)) {
			if _, rest, ok := strings.Cut(line, "ino:"); ok {
				number, err := strconv.ParseUint(strings.Fields(rest)[0], 16, 64)
				check(t, err)
				polled[number] = true
			}
		}
	}
	if pollers == 0 {
		t.Fatal("no poller found")
	}
	for i, fd := range descriptors(t, set, 1) {
		var st unix.Stat_t
		check(t, unix.Fstat(fd, &st))
		if polled[st.Ino] {
			t.Errorf("%s is polled", set.Addresses()[i])
		}
	}
}

func TestOpenAddresses(t *testing.T) {
	l, err := net.ListenTCP("tcp6", &net.TCPAddr{IP: net.IPv6loopback})
	if err != nil {
		proctest.Missing(t, fmt.Sprintf("it needs IPv6: %v", err))
	}
	check(t, l.Close())
	for _, test := range []struct {
		address, resolved string
		v6                bool
	}{
		{":0", "[::]:", true},
		{"[::]:0", "[::]:", true},
		{"0.0.0.0:0", "0.0.0.0:", false},
		{"127.0.0.1:0", "127.0.0.1:", false},
		{"localhost:0", "127.0.0.1:", false},
	} {
		set := open(t, NewSockets(nil), Socket{Name: "http", Network: "tcp", Address: test.address})
		resolved := set.Addresses()[0]
		port, ok := strings.CutPrefix(resolved, test.resolved)
		if !ok {
			t.Errorf("%s listens on %s", test.address, resolved)
			continue
		}
		connect(t, "tcp", "127.0.0.1:"+port)
		if test.v6 {
			connect(t, "tcp", "[::1]:"+port)
		} else {
			refuses(t, "tcp", "[::1]:"+port)
		}
	}
}

func TestSetsShare(t *testing.T) {
	s := NewSockets(nil)
	path := filepath.Join(t.TempDir(), "s")
	stays, goes := Socket{Name: "http", Network: "unix", Address: path}, loopback("http")
	// Two sockets with port 0 are two sockets, and each is found again.
	first := open(t, s, goes, stays, goes)
	a := descriptors(t, first, 1)
	if a[0] == a[2] {
		t.Error("port 0 twice is one socket")
	}
	stays.Name = "metrics"
	second := open(t, s, stays, goes)
	fds, names, err := second.Descriptors(1)
	check(t, err)
	if diff := cmp.Diff([]int{a[1], a[0]}, fds); diff != "" {
		t.Errorf("other sockets:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"metrics", "http"}, names); diff != "" {
		t.Errorf("names:\n%s", diff)
	}
	addresses := first.Addresses()
	check(t, first.Close(true))
	check(t, first.Close(true)) // it is empty
	refuses(t, "tcp", addresses[2])
	connect(t, "tcp", addresses[0])
	connect(t, "unix", path)
	check(t, second.Close(true))
	refuses(t, "tcp", addresses[0])
	refuses(t, "unix", path)
	if fds, _, err := second.Descriptors(1); err != nil || len(fds) > 0 {
		t.Errorf("descriptors of a closed set: %v, %v", fds, err)
	}
}

func TestNewestSetDecides(t *testing.T) {
	s := NewSockets(nil)
	path := filepath.Join(t.TempDir(), "s")
	socket := func(mode fs.FileMode, backlog int) Socket {
		return Socket{Name: "http", Network: "unix", Address: path, Mode: &mode, Backlog: backlog}
	}
	expect := func(set *Set, mode fs.FileMode, limit int) {
		t.Helper()
		info, err := os.Lstat(path)
		check(t, err)
		queues, err := set.Queues()
		check(t, err)
		if info.Mode().Perm() != mode || len(queues) != 1 || queues[0].Limit != limit {
			t.Errorf("mode %v, queues %+v; want %v, %d", info.Mode(), queues, mode, limit)
		}
	}
	first := open(t, s, socket(0o600, 5))
	expect(first, 0o600, 5)
	second := open(t, s, socket(0o666, 7))
	expect(first, 0o666, 7)
	check(t, second.Close(true)) // rolled back
	expect(first, 0o600, 5)
	third := open(t, s, socket(0o660, 3))
	check(t, first.Close(true)) // committed
	expect(third, 0o660, 3)
	if _, err := s.Open([]Socket{socket(0o606, 9), {Network: "tcp", Address: "nonsense"}}); err == nil {
		t.Error("an invalid address was opened")
	}
	expect(third, 0o660, 3)
}

func TestBacklog(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	check(t, err)
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	check(t, err)
	for backlog, limit := range map[int]int{0: most, 3: 3, most + 1: most} {
		for _, socket := range []Socket{loopback("http"), {Network: "unix", Address: fmt.Sprintf("@%s-%d", t.Name(), os.Getpid())}} {
			socket.Backlog = backlog
			set := open(t, NewSockets(nil), socket)
			queues, err := set.Queues()
			check(t, err)
			if queues[0].Limit != limit {
				t.Errorf("%s with a backlog of %d: %+v, want %d", socket, backlog, queues, limit)
			}
			check(t, set.Close(true))
		}
	}
}

func TestOpenAllOrNothing(t *testing.T) {
	s := NewSockets(nil)
	taken := open(t, NewSockets(nil), loopback("http")).Addresses()[0]
	path := filepath.Join(t.TempDir(), "s")
	before := len(proctest.Descriptors(os.Getpid()))
	for _, reusePort := range []bool{false, true} {
		first := loopback("http")
		first.ReusePort = reusePort
		set, err := s.Open([]Socket{
			first,
			{Name: "http", Network: "unix", Address: path},
			{Name: "http", Network: "tcp", Address: taken, ReusePort: reusePort},
		})
		if set != nil || !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "listen on tcp "+taken+": address already in use") {
			t.Errorf("%v, %v", set, err)
		}
	}
	if after := len(proctest.Descriptors(os.Getpid())); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file of a socket remains: %v", err)
	}
	if len(s.open) > 0 {
		t.Errorf("still open: %v", s.open)
	}
}

func TestOpenRefuses(t *testing.T) {
	s := NewSockets(nil)
	held := open(t, s, loopback("http"))
	port := held.Addresses()[0][len("127.0.0.1"):]
	f := func(cause string, want ...Socket) {
		t.Helper()
		set, err := s.Open(want)
		if err == nil {
			t.Errorf("%v: no error, and %v on Close", want, set.Close(true))
		} else if !strings.Contains(err.Error(), cause) {
			t.Errorf("%v: %v; want %s", want, err, cause)
		}
	}
	dir := t.TempDir()
	f("unknown network", Socket{Network: "udp", Address: "127.0.0.1:0"})
	f("missing port", Socket{Network: "tcp", Address: "127.0.0.1"})
	f("invalid port", Socket{Network: "tcp", Address: "127.0.0.1:65536"})
	f("absolute path", Socket{Network: "unix", Address: "s"})
	f("107 bytes", Socket{Network: "unix", Address: "/" + strings.Repeat("s", 107)})
	f("no such file", Socket{Network: "unix", Address: dir + "/missing/s"})
	f("not a descriptor number", Socket{Network: "fd", Address: "x"})
	f("not a descriptor number", Socket{Network: "fd", Address: "-1"})
	f("is http already and cannot be metrics", Socket{Name: "http", Network: "unix", Address: dir + "/s"},
		Socket{Name: "metrics", Network: "unix", Address: dir + "/s"})
	f("reuse-port cannot change", Socket{Name: "http", Network: "tcp", Address: "127.0.0.1:0", ReusePort: true})
	f("by this server itself, which listens on 127.0.0.1"+port, Socket{Network: "tcp", Address: port})
	connect(t, "tcp", "127.0.0.1"+port) // it still listens

	twice := open(t, s, Socket{Name: "http", Network: "unix", Address: dir + "/s"}, Socket{Name: "http", Network: "unix", Address: dir + "/s"})
	if fds := descriptors(t, twice, 1); len(fds) != 1 {
		t.Errorf("an address listed twice was opened %d times", len(fds))
	}
	if other := open(t, s, loopback("health")).Addresses()[0]; other == held.Addresses()[0] {
		t.Errorf("a socket with another name has the same port: %s", other)
	}
}

// In a new network namespace ports below 1024 are privileged, whatever the machine is configured to.
func TestPrivilegedPort(t *testing.T) {
	proctest.Root(t)
	c := proctest.StartWith(t, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	}, "drop", "port")
	if got := c.Line(); !strings.Contains(got, "listen on tcp :80: bind: permission denied (ports below") {
		t.Error(got)
	}
	c.Stop()
}

// A worker that makes a socket blocking does so for all workers.
func TestDescriptorsDoNotBlock(t *testing.T) {
	s := NewSockets(nil)
	var reported []string
	s.Blocking = func(address string) { reported = append(reported, address) }
	set := open(t, s, loopback("http"), loopback("http"))
	fds := descriptors(t, set, 1)
	check(t, unix.SetNonblock(fds[1], false))
	descriptors(t, set, 1)
	if _, _, err := unix.Accept(fds[1]); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("accept: %v", err)
	}
	descriptors(t, set, 2)
	if diff := cmp.Diff(set.Addresses()[1:], reported); diff != "" {
		t.Errorf("reported:\n%s", diff)
	}
	s.Blocking = nil
	check(t, unix.SetNonblock(fds[1], false))
	descriptors(t, set, 1)
}

// listenChild opens and closes sockets as a master does, by requests on standard input: "open NETWORK ADDRESS [reuse-port]",
// "close", or "abandon" to leave the files of unix sockets behind.
func listenChild([]string) error {
	s := NewSockets(nil)
	var sets []*Set
	for requests := bufio.NewScanner(os.Stdin); requests.Scan(); {
		words := strings.Fields(requests.Text())
		switch words[0] {
		case "open":
			set, err := s.Open([]Socket{{Name: "http", Network: words[1], Address: words[2], ReusePort: slices.Contains(words, "reuse-port")}})
			switch {
			case errors.Is(err, ErrInUse):
				fmt.Println("in use")
			case err != nil:
				fmt.Println(err)
			default:
				sets = append(sets, set)
				fmt.Println("open", set.Addresses()[0])
			}
		case "close", "abandon":
			for _, set := range sets {
				if err := set.Close(words[0] == "close"); err != nil {
					return err
				}
			}
			sets = nil
			fmt.Println("closed")
		}
	}
	return nil
}

// contend makes several masters open a socket at the same moment. Each time exactly one must get it.
func contend(t *testing.T, request, network, address string) {
	t.Helper()
	const masters = 4
	var children []*proctest.Child
	for range masters {
		children = append(children, proctest.Start(t, "listen"))
	}
	for range proctest.Rounds(50, 300) {
		for _, c := range children {
			c.Send(request)
		}
		opened := 0
		for _, c := range children {
			switch report := c.Line(); report {
			case "open " + address:
				opened++
			case "in use":
			default:
				t.Errorf("a master reported: %s", report)
			}
		}
		if opened != 1 {
			t.Fatalf("%d masters opened it", opened)
		}
		conn, err := dial(network, address)
		check(t, err)
		check(t, conn.Close())
		for _, c := range children {
			if report := c.Ask("abandon"); report != "closed" {
				t.Fatal(report)
			}
		}
	}
	for _, c := range children {
		c.Stop()
	}
}
