package server

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	"multiproc/internal/osfile"
)

// TestEnviron checks that each name occurs once: of two, a Go program sees the first and a C program may see the last.
func TestEnviron(t *testing.T) {
	g := generations{
		env:        []string{"HOME=/root", "SECRET=s", "GOMAXPROCS=64", config.MetricsDirVariable + "=/other", "TZ=CET"},
		metricsDir: "/metrics",
	}
	cfg := &config.Config{
		Threads: 2,
		Env:     []config.Variable{{Name: "TZ", Value: "UTC"}, {Name: config.MetricsDirVariable, Value: "/ini"}, {Name: "EMPTY"}},
		Unenv:   []string{"SECRET"},
	}
	want := []string{"HOME=/root", "GOMAXPROCS=2", "TZ=UTC", "EMPTY=", config.MetricsDirVariable + "=/metrics"}
	if diff := cmp.Diff(want, g.environ(cfg)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	cfg.Env = append(cfg.Env, config.Variable{Name: "GOMAXPROCS", Value: "3"})
	want = []string{"HOME=/root", "TZ=UTC", "EMPTY=", "GOMAXPROCS=3", config.MetricsDirVariable + "=/metrics"}
	if diff := cmp.Diff(want, g.environ(cfg)); diff != "" {
		t.Errorf("threads by env (-want +got)\n%s", diff)
	}
}

// TestFindSockets has sockets from systemd and keys that name some of them.
func TestFindSockets(t *testing.T) {
	names := []string{"web", "metrics", "admin"}
	var files []*os.File
	var at []config.Address
	for _, name := range names {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		fd, err := unix.FcntlInt(osfile.FD(l), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		file := os.NewFile(uintptr(fd), name)
		defer file.Close()
		files, at = append(files, file), append(at, config.Address{Network: "tcp", Address: l.Addr().String()})
	}
	passed := listen.NewSockets(files)
	name := func(name string) config.Address { return config.Address{Network: "fd", Address: name} }
	number := func(i int) config.Address { return config.Address{Network: "fd", FD: int(osfile.FD(files[i]))} }
	type addresses = []config.Address
	for _, test := range []struct {
		name string
		cfg  config.Config
		want string // name:socket of workers, metrics, health, stats; or an error
	}{
		{"no keys", config.Config{}, "http:web http:admin | metrics:metrics | |"},
		{"address", config.Config{Sockets: addresses{at[0]}}, "http:web | metrics:metrics | |"},
		{"all by address", config.Config{Sockets: addresses{at[0]}, MetricsSockets: addresses{at[2]}}, "http:web | metrics:admin | |"},
		{"twice", config.Config{Sockets: addresses{at[0], name("web"), number(0)}}, "http:web http:web http:web | metrics:metrics | |"},
		{"names", config.Config{Sockets: addresses{name("admin")}, MetricsSockets: addresses{name("web")}}, "http:admin | metrics:web | |"},
		{"no socket, health and stats", config.Config{Health: addresses{at[2]}, Stats: addresses{name("metrics")}}, "http:web | | health:admin | stats:metrics"},
		{"program, no keys", config.Config{Command: "app"}, "http:web http:admin | metrics:metrics | |"},
		{"program, socket", config.Config{Command: "app", Sockets: at[:1]}, "http:web | | |"},
		{"program, both", config.Config{Command: "app", Sockets: at[:1], MetricsSockets: at[1:2]}, "http:web | metrics:metrics | |"},
		{"two keys", config.Config{Sockets: addresses{at[0]}, Health: addresses{name("web")}}, "socket: " + at[0].Address + " is the same socket as that of health"},
		{"no such name", config.Config{Sockets: addresses{name("no")}}, `socket: no socket "no" was passed, only web, metrics, admin`},
		{"none is left", config.Config{Health: at[:1], Stats: at[2:], MetricsSockets: at[1:2]}, "socket is missing: all sockets that were passed are for other keys"},
		{"none at all is left", config.Config{Health: at}, "socket is missing: all sockets that were passed are for other keys"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := findSockets(&test.cfg, passed)
			got := fmt.Sprint(err)
			if err == nil {
				var lists []string
				for _, list := range [][]listen.Socket{found.workers, found.metrics, found.health, found.stats} {
					var words []string
					for _, s := range list {
						i := slices.IndexFunc(files, func(f *os.File) bool { return strconv.Itoa(int(osfile.FD(f))) == s.Address })
						words = append(words, s.Name+":"+names[i])
					}
					lists = append(lists, strings.Join(words, " "))
				}
				got = strings.TrimSpace(strings.Join(lists, " | "))
			}
			if strings.Join(strings.Fields(got), " ") != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestProgramArgs(t *testing.T) {
	for command, want := range map[string][]string{
		"python3  server.py -v":   {"python3", "server.py", "-v"},
		`./serve --name "a b"`:    {"/bin/sh", "-c", `exec ./serve --name "a b"`},
		"serve $PORT":             {"/bin/sh", "-c", "exec serve $PORT"},
		"/opt/app/bin/serve":      {"/opt/app/bin/serve"},
		"serve --key=value":       {"serve", "--key=value"},
		"A=1 serve":               {"/bin/sh", "-c", "A=1 serve"},
		"cd /srv && exec ./serve": {"/bin/sh", "-c", "cd /srv && exec ./serve"},
	} {
		if diff := cmp.Diff(want, programArgs(command)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", command, diff)
		}
	}
}
