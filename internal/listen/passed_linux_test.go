package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

// bound makes a socket as a service manager passes it on, bound to an address and listening if it is a stream socket.
func bound(t *testing.T, name string, kind int, at unix.Sockaddr, v6only bool) *os.File {
	t.Helper()
	family := unix.AF_UNIX
	switch at.(type) {
	case *unix.SockaddrInet4:
		family = unix.AF_INET
	case *unix.SockaddrInet6:
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, kind, 0)
	check(t, err)
	file := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { _ = file.Close() }) // some tests close it
	if family == unix.AF_INET6 {
		only := 0
		if v6only {
			only = 1
		}
		check(t, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only))
	}
	check(t, unix.Bind(fd, at))
	if kind != unix.SOCK_DGRAM {
		check(t, unix.Listen(fd, 9))
	}
	return file
}

// freePort returns a port that no socket has.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.ListenTCP("tcp", nil)
	check(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// TestPassedFilesRefuses has a parent that announces more descriptors than it has passed.
func TestPassedFilesRefuses(t *testing.T) {
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	for _, n := range []string{"10000", "2147483647", "9223372036854775807"} {
		t.Setenv("LISTEN_FDS", n)
		files, err := PassedFiles()
		if err == nil || !strings.HasPrefix(err.Error(), "LISTEN_FDS is "+n+", but descriptor ") {
			t.Errorf("%s: %d files, %v", n, len(files), err)
		}
	}
	for _, variables := range [][2]string{{"many", strconv.Itoa(os.Getpid())}, {"-1", strconv.Itoa(os.Getpid())}, {"10000", "1"}} {
		t.Setenv("LISTEN_FDS", variables[0])
		t.Setenv("LISTEN_PID", variables[1])
		if files, err := PassedFiles(); len(files) > 0 || err != nil {
			t.Errorf("LISTEN_FDS=%s: %d files, %v", variables[0], len(files), err)
		}
	}
}

// TestResolve passes sockets and has addresses that name some of them.
func TestResolve(t *testing.T) {
	if l, err := net.ListenTCP("tcp6", &net.TCPAddr{IP: net.IPv6loopback}); err != nil {
		proctest.Missing(t, fmt.Sprintf("it needs IPv6: %v", err))
	} else {
		check(t, l.Close())
	}
	dir := t.TempDir()
	t.Chdir(dir)
	check(t, os.Mkdir(filepath.Join(dir, "run"), 0o700))
	check(t, os.Symlink("run", filepath.Join(dir, "var")))
	v4 := func(a, b, c, d byte) unix.Sockaddr { return &unix.SockaddrInet4{Addr: [4]byte{a, b, c, d}} }
	v6 := func(text string) unix.Sockaddr { return &unix.SockaddrInet6{Addr: [16]byte(net.ParseIP(text).To16())} }
	file := func(name string) unix.Sockaddr { return &unix.SockaddrUnix{Name: filepath.Join(dir, "run", name)} }
	abstract := fmt.Sprintf("@%s-%d", t.Name(), os.Getpid())

	type socket struct {
		at     unix.Sockaddr
		kind   int
		v6only bool
	}
	stream := func(at unix.Sockaddr) socket { return socket{at: at, kind: unix.SOCK_STREAM} }
	only := func(at unix.Sockaddr) socket { return socket{at, unix.SOCK_STREAM, true} }
	datagram := func(at unix.Sockaddr) socket { return socket{at: at, kind: unix.SOCK_DGRAM} }
	// An address has PORT where the passed sockets have their port, and DIR for the directory. "0 1" are the first and the second
	// passed socket, and "" is none: the address itself is opened.
	for _, test := range []struct {
		name   string
		passed []socket
		want   map[string]string
	}{
		{"IPv4", []socket{stream(v4(127, 0, 0, 1))}, map[string]string{
			"127.0.0.1:PORT": "0", "localhost:PORT": "0", "[::ffff:127.0.0.1]:PORT": "0",
			":PORT": "", "0.0.0.0:PORT": "", "127.0.0.2:PORT": "", "[::1]:PORT": "", "127.0.0.1:0": "", "127.0.0.1:1": "", "no-such-host.invalid:PORT": "",
		}},
		{"IPv4, all", []socket{stream(v4(0, 0, 0, 0))}, map[string]string{
			"0.0.0.0:PORT": "0", ":PORT": "0", "[::]:PORT": "0", "127.0.0.1:PORT": "",
		}},
		{"IPv6", []socket{stream(v6("::1"))}, map[string]string{
			"[::1]:PORT": "0", "[0:0:0:0:0:0:0:1]:PORT": "0", "127.0.0.1:PORT": "", "[::]:PORT": "",
		}},
		{"both, all", []socket{stream(v6("::"))}, map[string]string{
			":PORT": "0", "[::]:PORT": "0", "[0::0]:PORT": "0", "0.0.0.0:PORT": "0", "[::1]:PORT": "", "127.0.0.1:PORT": "",
		}},
		{"IPv6, all", []socket{only(v6("::"))}, map[string]string{
			":PORT": "0", "[::]:PORT": "0", "0.0.0.0:PORT": "",
		}},
		{"IPv4 in IPv6", []socket{stream(v6("::ffff:127.0.0.1"))}, map[string]string{
			"127.0.0.1:PORT": "0", "[::1]:PORT": "",
		}},
		{"one for each, all", []socket{only(v6("::")), stream(v4(0, 0, 0, 0))}, map[string]string{
			":PORT": "0 1", "[::]:PORT": "0 1", "0.0.0.0:PORT": "1",
		}},
		{"UDP beside TCP", []socket{datagram(v4(127, 0, 0, 1)), stream(v4(127, 0, 0, 1))}, map[string]string{
			"127.0.0.1:PORT": "1",
		}},
		{"UDP", []socket{datagram(v4(127, 0, 0, 1))}, map[string]string{
			"127.0.0.1:PORT": "0",
		}},
		{"unix", []socket{stream(file("a")), stream(file("b"))}, map[string]string{
			"DIR/run/a": "0", "DIR/run/b": "1", "DIR/var/b": "1", "DIR/run/../var/a": "0", "DIR/run/c": "", "@a": "",
		}},
		{"relative", []socket{stream(&unix.SockaddrUnix{Name: "run/r"})}, map[string]string{
			"DIR/run/r": "0", "DIR/var/r": "0", "/run/r": "",
		}},
		{"abstract", []socket{stream(&unix.SockaddrUnix{Name: abstract}), stream(&unix.SockaddrUnix{})}, map[string]string{
			abstract: "0", abstract + "x": "", "/" + abstract: "",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			port := freePort(t)
			var files []*os.File
			for i, s := range test.passed {
				switch at := s.at.(type) {
				case *unix.SockaddrInet4:
					at.Port = port
				case *unix.SockaddrInet6:
					at.Port = port
				}
				files = append(files, bound(t, strconv.Itoa(i), s.kind, s.at, s.v6only))
			}
			sockets := NewSockets(files)
			t.Chdir("/")
			for address, want := range test.want {
				address = strings.NewReplacer("PORT", strconv.Itoa(port), "DIR", dir).Replace(address)
				network := "tcp"
				if strings.ContainsAny(address, "/@") {
					network = "unix"
				}
				ask := Socket{Name: "http", Network: network, Address: address, Backlog: 3, ReusePort: true}
				found, err := sockets.Resolve(ask)
				check(t, err)
				expected := []Socket{ask}
				if want != "" {
					expected = nil
				}
				for n := range strings.FieldsSeq(want) {
					i, err := strconv.Atoi(n)
					check(t, err)
					expected = append(expected, Socket{Name: "http", Network: "fd", Address: numberOf(files[i]), Backlog: 3})
				}
				if diff := cmp.Diff(expected, found); diff != "" {
					t.Errorf("%s (-want +got)\n%s", address, diff)
				}
			}
		})
	}
}

func TestResolveNames(t *testing.T) {
	one := bound(t, "web", unix.SOCK_STREAM, &unix.SockaddrUnix{}, false)
	two := bound(t, "web", unix.SOCK_STREAM, &unix.SockaddrUnix{}, false)
	other := bound(t, "app.socket", unix.SOCK_STREAM, &unix.SockaddrUnix{}, false)
	sockets := NewSockets([]*os.File{one, two, other})
	for name, want := range map[string][]string{
		"web": {numberOf(one), numberOf(two)}, "app.socket": {numberOf(other)}, numberOf(two): {numberOf(two)}, "999": {"999"},
	} {
		found, err := sockets.Resolve(Socket{Network: "fd", Address: name})
		check(t, err)
		var numbers []string
		for _, s := range found {
			numbers = append(numbers, s.Address)
		}
		if diff := cmp.Diff(want, numbers); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	for _, test := range []struct {
		sockets *Sockets
		want    string
	}{
		{sockets, `no socket "Web" was passed, only web, app.socket`},
		{NewSockets(nil), `no socket "Web" was passed`},
	} {
		if _, err := test.sockets.Resolve(Socket{Network: "fd", Address: "Web"}); err == nil || err.Error() != test.want {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// TestResolveUnreachable finds a socket by a link while that can be followed, and remembers it.
func TestResolveUnreachable(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "s"), filepath.Join(dir, "link")
	sockets := NewSockets([]*os.File{bound(t, "app", unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path}, false)})
	f := func(address, network string) {
		t.Helper()
		found, err := sockets.Resolve(Socket{Network: "unix", Address: address})
		if err != nil || len(found) != 1 || found[0].Network != network {
			t.Errorf("%s: %v, %v, want %s", address, found, err, network)
		}
	}
	f(link, "unix")
	check(t, os.Symlink(path, link))
	f(link, "fd")
	check(t, os.Remove(path))
	f(link, "fd")
	f(link+"2", "unix")
	check(t, os.WriteFile(path, nil, 0o600))
	check(t, os.Remove(link))
	check(t, os.WriteFile(link, nil, 0o600))
	f(link, "unix") // it leads elsewhere
}

func TestCloseUnused(t *testing.T) {
	null, err := os.Open(os.DevNull)
	check(t, err)
	path := filepath.Join(t.TempDir(), "s")
	unused := bound(t, "app", unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path}, false)
	udp := bound(t, "dns", unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, false)
	used := bound(t, "web", unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, false)
	nullFD, dnsFD := dup(t, null), int(osfile.FD(udp))
	sockets := NewSockets([]*os.File{unused, used, udp, os.NewFile(uintptr(nullFD), "null")})
	web := addrPort(sockets.passed[1].bound).String()
	wantDNS := addrPort(sockets.passed[2].bound).String()
	found, err := sockets.Resolve(Socket{Name: "http", Network: "tcp", Address: web})
	check(t, err)
	set := open(t, sockets, found...)
	var closed [][2]string
	for range 2 { // the second time there are none
		check(t, sockets.CloseUnused(func(name, address string) { closed = append(closed, [2]string{name, address}) }))
	}
	if diff := cmp.Diff([][2]string{{"app", path}, {"dns", wantDNS}, {"null", ""}}, closed); diff != "" {
		t.Errorf("closed (-want +got)\n%s", diff)
	}
	refuses(t, "unix", path)
	for number, want := range map[int]error{sockets.open[address{"fd", numberOf(used), "", 0}].fd: nil, nullFD: nil, dnsFD: unix.EBADF} {
		if _, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0); !errors.Is(err, want) {
			t.Errorf("descriptor %d: %v, want %v", number, err, want)
		}
	}
	mustServe(t, descriptors(t, set, 1)[0], "tcp", web)
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the file of a passed socket was removed: %v", err)
	}
	// It cannot be named any more, and its number may be another file's.
	if found, err := sockets.Resolve(Socket{Name: "http", Network: "unix", Address: path}); err != nil || found[0].Network != "unix" {
		t.Errorf("%v, %v", found, err)
	}
}

func dup(t *testing.T, file *os.File) int {
	t.Helper()
	fd, err := unix.FcntlInt(osfile.FD(file), unix.F_DUPFD_CLOEXEC, 0)
	check(t, err)
	return fd
}

func TestPassedRefuses(t *testing.T) {
	udp := bound(t, "dns", unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}, false)
	all := bound(t, "web", unix.SOCK_STREAM, &unix.SockaddrInet4{}, false)
	sockets := NewSockets([]*os.File{udp, all})
	f := func(address string, want ...string) {
		t.Helper()
		found, err := sockets.Resolve(Socket{Name: "http", Network: "tcp", Address: address})
		check(t, err)
		set, err := sockets.Open(found)
		if err == nil {
			t.Fatalf("%s: no error, and %v on Close", address, set.Close(true))
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v; want %s", address, err, part)
			}
		}
	}
	dns, web := addrPort(sockets.passed[0].bound), addrPort(sockets.passed[1].bound)
	f(dns.String(), `passed as dns, bound to "`+dns.String()+`"`, "a datagram socket, not a stream socket (ListenStream= in a socket unit)")
	narrow := fmt.Sprintf("127.0.0.1:%d", web.Port())
	f(narrow, "perhaps by the passed socket web: use its address, "+web.String())
	if _, err := sockets.Open([]Socket{{Network: "tcp", Address: narrow}}); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	// The service manager has it open when no key named it at the start, and a reload does.
	manager := dup(t, all)
	defer unix.Close(manager)
	check(t, sockets.CloseUnused(func(string, string) {}))
	f(web.String(), "perhaps by the socket that was passed as web: no key named it at the start, so a restart is needed")
}
