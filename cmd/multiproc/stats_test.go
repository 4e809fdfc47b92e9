package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/cmd/internal/uwsgistats"
	"multiproc/internal/proctest"
)

// readStats returns the page that a connection to the stats server receives.
func readStats(tb testing.TB, network, address string) uwsgistats.Page {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), proctest.Patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	check(tb, err)
	defer conn.Close()
	check(tb, conn.SetReadDeadline(time.Now().Add(proctest.Patience)))
	text, err := io.ReadAll(conn)
	check(tb, err)
	return parseStats(tb, text)
}

func parseStats(tb testing.TB, text []byte) uwsgistats.Page {
	tb.Helper()
	var p uwsgistats.Page
	if err := json.Unmarshal(text, &p); err != nil {
		tb.Fatalf("%v:\n%s", err, text)
	}
	return p
}

// awaitStats reads pages until the condition holds for one.
func awaitStats(tb testing.TB, address, what string, is func(uwsgistats.Page) bool) uwsgistats.Page {
	tb.Helper()
	var p uwsgistats.Page
	defer func() {
		if tb.Failed() {
			tb.Logf("stats: %+v", p)
		}
	}()
	proctest.Eventually(tb, what, func() bool {
		p = readStats(tb, "tcp", address)
		return is(p)
	})
	return p
}

func total(p uwsgistats.Page, of func(uwsgistats.Worker) uint64) uint64 {
	n := uint64(0)
	for _, w := range p.Workers {
		n += of(w)
	}
	return n
}

// TestStats compares the page with what the workers of a server have done.
func TestStats(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ndrain-idle = 1\nstats = "+address+"\n"+appINI(t))
	sent := 0
	for range 18 {
		_, body := s.get("/pid")
		sent += len(body)
	}
	_, body := s.get("/big?size=100000")
	sent += len(body)
	if answer, err := io.ReadAll(s.hold("GET /panic HTTP/1.1\r\nHost: server\r\n\r\n")); err != nil || len(answer) > 0 {
		t.Fatalf("%q %v", answer, err)
	}
	p := awaitStats(t, address, "all requests and the memory", func(p uwsgistats.Page) bool {
		return total(p, func(w uwsgistats.Worker) uint64 { return w.Requests }) == 20 && len(p.Sockets) == 1 &&
			!slices.ContainsFunc(p.Workers, func(w uwsgistats.Worker) bool { return w.RSS < 1<<20 })
	})
	status, err := s.status()
	check(t, err)
	if p.PID != s.cmd.Process.Pid || p.UID != os.Getuid() || p.GID != os.Getgid() || p.Cwd != s.dir || len(p.Workers) != 2 ||
		p.Sockets[0].Name != s.address || p.Sockets[0].MaxQueue < 1 || p.ListenQueue != 0 {
		t.Errorf("%+v", p)
	}
	if n := total(p, func(w uwsgistats.Worker) uint64 { return w.TX }); n != uint64(sent) {
		t.Errorf("%d bytes sent, %d counted", sent, n)
	}
	if n := total(p, func(w uwsgistats.Worker) uint64 { return w.Exceptions }); n != 1 {
		t.Errorf("one handler panicked, %d counted", n)
	}
	for i, w := range p.Workers {
		if w.ID != i+1 || w.PID != status.Workers[i].PID || w.Status != "idle" || w.Accepting != 1 || w.RespawnCount != 1 ||
			w.DeltaRequests != w.Requests || w.VSZ <= w.RSS || w.LastSpawn != status.Workers[i].Started.Unix() ||
			len(w.Cores) != 1 || w.Cores[0].Requests != w.Requests || w.Cores[0].InRequest != 0 {
			t.Errorf("%+v", w)
		}
		if w.Requests > 0 && (w.AvgRT == 0 || w.AvgRT*w.Requests > w.RunningTime) {
			t.Errorf("%d requests took %d, %d each", w.Requests, w.RunningTime, w.AvgRT)
		}
	}

	// The successor of a killed worker continues its counters.
	requests := p.Workers[0].Requests
	proctest.Kill(t, p.Workers[0].PID, syscall.SIGKILL)
	s.awaitReplaced(p.Workers[0].PID)
	p = awaitStats(t, address, "a successor", func(p uwsgistats.Page) bool { return p.Workers[0].RespawnCount == 2 && p.Workers[0].Accepting == 1 })
	if w := p.Workers[0]; w.Requests != requests || w.DeltaRequests != 0 || p.Workers[1].RespawnCount != 1 {
		t.Errorf("after %d requests and a kill: %+v", requests, p.Workers)
	}

	// A reload has two processes in a slot, but one row.
	s.mustReload()
	s.awaitNoneDraining()
	p = awaitStats(t, address, "the next generation", func(p uwsgistats.Page) bool { return p.Workers[0].RespawnCount == 3 })
	if n := total(p, func(w uwsgistats.Worker) uint64 { return w.Requests }); n != 20 || len(p.Workers) != 2 || p.Workers[1].RespawnCount != 2 {
		t.Errorf("%+v", p.Workers)
	}

	slow := startSlow(s, 1, time.Second)
	if p := readStats(t, "tcp", address); !slices.ContainsFunc(p.Workers, func(w uwsgistats.Worker) bool {
		return w.Status == "busy" && w.Cores[0].InRequest == 1
	}) {
		t.Errorf("a busy server: %+v", p.Workers)
	}
	slow.mustAnswer(1)

	// Connections wait in the queue while all workers are stopped.
	for _, pid := range s.workers() {
		proctest.Kill(t, pid, syscall.SIGSTOP)
	}
	var waiting []net.Conn
	p = awaitStats(t, address, "a queue", func(p uwsgistats.Page) bool {
		waiting = append(waiting, s.hold("")) // a first one may still be accepted
		return p.ListenQueue >= 3
	})
	if p.Sockets[0].Queue != p.ListenQueue || p.Load != p.ListenQueue {
		t.Errorf("%+v", p)
	}
	for _, w := range p.Workers {
		proctest.Kill(t, w.PID, syscall.SIGCONT)
	}
	for _, conn := range waiting {
		_ = conn.Close() // the stop would wait for their requests
	}
	s.stop()
	if !refused("tcp", address) {
		t.Error("stats outlives its server")
	}
}

// TestStatsForms reads pages over HTTP and over unix sockets.
func TestStatsForms(t *testing.T) {
	tcp, path := freeAddress(t), filepath.Join(t.TempDir(), "stats.sock")
	s := startServer(t, "socket = 127.0.0.1:0\nstats = "+tcp+"\nstats = "+path+"\nstats-http\nchmod-socket = 660\n"+appINI(t))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+tcp+"/anything?x=y", nil)
	check(t, err)
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/json" || !response.Close {
		t.Errorf("%s %v %v", response.Status, response.Header, err)
	}
	if p := parseStats(t, body); p.PID != s.cmd.Process.Pid || len(p.Workers) != 1 {
		t.Errorf("%+v", p)
	}
	at := *s
	at.address = tcp
	head, err := io.ReadAll(at.hold("HEAD / HTTP/1.0\r\n\r\n"))
	if text := string(head); err != nil || !strings.HasPrefix(text, "HTTP/1.0 200 OK\r\n") || strings.Index(text, "\r\n\r\n") != len(text)-4 {
		t.Errorf("response to HEAD: %q %v", text, err)
	}
	mustAnswer(t, "unix", path, "/", http.StatusOK)
	if mode := fileInfo(t, path).Mode(); mode != os.ModeSocket|0o660 {
		t.Errorf("the mode of %s is %s", path, mode)
	}
	s.mustReload()
	mustAnswer(t, "unix", path, "/", http.StatusOK)
	s.stop()
	if fileExists(path) {
		t.Error("the file of a unix socket outlives its server")
	}

	raw := startServer(t, "socket = 127.0.0.1:0\nstats = "+path+"\nstats = @"+path+"\n"+appINI(t))
	for _, address := range []string{path, "@" + path} {
		if p := readStats(t, "unix", address); p.PID != raw.cmd.Process.Pid || len(p.Workers) != 1 {
			t.Errorf("%+v", p)
		}
	}
	raw.writeINI("socket = 127.0.0.1:0\n" + appINI(t))
	raw.mustRefuse("stats")
	raw.stop()
}
