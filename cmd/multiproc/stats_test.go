package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiproc/internal/listen"
	"multiproc/internal/proctest"
	"multiproc/master"
	"multiproc/worker/handoff"
	"multiproc/worker/requests"
)

// readStats reads what whoever connects to stats is told, until the connection ends.
func readStats(tb testing.TB, network, address string) statsPage {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), proctest.Patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(proctest.Patience)); err != nil {
		tb.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		tb.Fatal(err)
	}
	return parseStats(tb, text)
}

func parseStats(tb testing.TB, text []byte) statsPage {
	tb.Helper()
	var p statsPage
	if err := json.Unmarshal(text, &p); err != nil {
		tb.Fatalf("%v:\n%s", err, text)
	}
	return p
}

// awaitStats asks until stats tells what the test waits for.
func awaitStats(tb testing.TB, address, what string, is func(statsPage) bool) statsPage {
	tb.Helper()
	var p statsPage
	defer func() {
		if tb.Failed() {
			tb.Logf("stats: %s", p.text())
		}
	}()
	proctest.Eventually(tb, what, func() bool {
		p = readStats(tb, "tcp", address)
		return is(p)
	})
	return p
}

func total(p statsPage, of func(statsWorker) uint64) uint64 {
	n := uint64(0)
	for _, w := range p.Workers {
		n += of(w)
	}
	return n
}

// TestStats has workers do all that is counted, and reads it where uwsgitop would.
func TestStats(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nstats = "+address+"\n"+appINI(t))
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
	p := awaitStats(t, address, "all requests, and memory that has been measured", func(p statsPage) bool {
		return total(p, func(w statsWorker) uint64 { return w.Requests }) == 20 && len(p.Sockets) == 1 &&
			!slices.ContainsFunc(p.Workers, func(w statsWorker) bool { return w.RSS == 0 })
	})
	status, err := s.status()
	if err != nil {
		t.Fatal(err)
	}
	if p.PID != s.cmd.Process.Pid || p.UID != os.Getuid() || p.GID != os.Getgid() || p.Cwd != s.dir || len(p.Workers) != 2 ||
		p.Sockets[0].Name != s.address || p.Sockets[0].MaxQueue < 1 || p.ListenQueue != 0 {
		t.Errorf("%+v", p)
	}
	if n := total(p, func(w statsWorker) uint64 { return w.TX }); n != uint64(sent) {
		t.Errorf("%d bytes were sent, and %d counted", sent, n)
	}
	if n := total(p, func(w statsWorker) uint64 { return w.Exceptions }); n != 1 {
		t.Errorf("one handler has panicked, and %d are counted", n)
	}
	for i, w := range p.Workers {
		if w.ID != i+1 || w.PID != status.Workers[i].PID || w.Status != statsIdle || w.Accepting != 1 || w.RespawnCount != 1 ||
			w.DeltaRequests != w.Requests || w.VSZ <= w.RSS || w.LastSpawn != status.Workers[i].Started.Unix() ||
			len(w.Cores) != 1 || w.Cores[0].Requests != w.Requests || w.Cores[0].InRequest != 0 {
			t.Errorf("%+v", w)
		}
		if w.Requests > 0 && (w.AvgRT == 0 || w.AvgRT*w.Requests > w.RunningTime) {
			t.Errorf("%d requests took %d, %d each", w.Requests, w.RunningTime, w.AvgRT)
		}
	}

	// A killed worker's successor goes on with its counters.
	requests := p.Workers[0].Requests
	proctest.Kill(t, p.Workers[0].PID, syscall.SIGKILL)
	s.awaitReplaced(p.Workers[0].PID)
	p = awaitStats(t, address, "a successor", func(p statsPage) bool { return p.Workers[0].RespawnCount == 2 && p.Workers[0].Accepting == 1 })
	if w := p.Workers[0]; w.Requests != requests || w.DeltaRequests != 0 || p.Workers[1].RespawnCount != 1 {
		t.Errorf("after %d requests and a kill: %+v", requests, p.Workers)
	}

	// In a hand-over there are two processes in a slot, and one row.
	s.mustReload()
	s.awaitNoneDraining()
	p = awaitStats(t, address, "the next generation", func(p statsPage) bool { return p.Workers[0].RespawnCount == 3 })
	if n := total(p, func(w statsWorker) uint64 { return w.Requests }); n != 20 || len(p.Workers) != 2 || p.Workers[1].RespawnCount != 2 {
		t.Errorf("%+v", p.Workers)
	}

	slow := newSlow(s)
	slow.start(1, time.Second)
	if p := readStats(t, "tcp", address); !slices.ContainsFunc(p.Workers, func(w statsWorker) bool {
		return w.Status == statsBusy && w.Cores[0].InRequest == 1
	}) {
		t.Errorf("a busy server: %+v", p.Workers)
	}
	slow.mustAnswer(1)

	// Who is not accepted waits in the queue.
	for _, pid := range s.workers() {
		proctest.Kill(t, pid, syscall.SIGSTOP)
	}
	p = awaitStats(t, address, "a queue", func(p statsPage) bool {
		s.hold("") // the first may still be accepted
		return p.ListenQueue >= 3
	})
	if p.Sockets[0].Queue != p.ListenQueue || p.Load != p.ListenQueue {
		t.Errorf("%+v", p)
	}
	for _, w := range p.Workers {
		proctest.Kill(t, w.PID, syscall.SIGCONT)
	}
	s.stop()
	if !refused(t, "tcp", address) {
		t.Error("stats has outlived its server")
	}
}

// TestStatsKeys wants all keys that uWSGI 2.0 has, those that uwsgitop reads among them.
func TestStatsKeys(t *testing.T) {
	var p map[string]any
	page := newStatsPage(master.Status{
		Workers:   []master.WorkerStatus{{Slot: 1, ID: "w1", State: "ready"}},
		Waiting:   []master.SlotStatus{{Slot: 2}},
		Listeners: []listen.Queue{{Listener: ":1"}},
	}, nil, nil)
	if err := json.Unmarshal(page.text(), &p); err != nil {
		t.Fatal(err)
	}
	mustHave := func(of any, want string) map[string]any {
		t.Helper()
		object, _ := of.(map[string]any)
		var got []string
		for key := range object {
			got = append(got, key)
		}
		slices.Sort(got)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		return object
	}
	nth := func(of any, n, length int) any {
		t.Helper()
		list, ok := of.([]any)
		if !ok || len(list) != length {
			t.Fatalf("%v is no list of %d", of, length)
		}
		return list[n]
	}
	mustHave(p, "version listen_queue listen_queue_errors signal_queue load pid uid gid cwd locks sockets workers")
	mustHave(nth(p["sockets"], 0, 1), "name proto queue max_queue shared can_offload")
	for n := range 2 {
		w := mustHave(nth(p["workers"], n, 2), "id pid accepting requests delta_requests exceptions harakiri_count signals "+
			"signal_queue status rss vsz uss pss running_time last_spawn respawn_count tx avg_rt apps cores")
		core := mustHave(nth(w["cores"], 0, 1), "id requests static_requests routed_requests offloaded_requests write_errors "+
			"read_errors in_request vars req_info")
		for _, list := range []any{p["locks"], w["apps"], core["vars"]} {
			if l, ok := list.([]any); !ok || len(l) > 0 {
				t.Errorf("%v is no empty list", list)
			}
		}
	}
}

// TestStatsRows has slots in all states.
func TestStatsRows(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(1_000_000_000+seconds, 0) }
	status := master.Status{
		Generation: 2,
		Workers: []master.WorkerStatus{
			// An old one that drains, and who serves in its place.
			{Slot: 1, ID: "w1", PID: 11, Generation: 1, State: "draining", Started: at(0)},
			{Slot: 1, ID: "w1-1", PID: 12, Generation: 2, State: "ready", Started: at(1), Restarts: 1, Resident: 7, Virtual: 9},
			// Who serves, and who will after the next reload, ready already.
			{Slot: 2, ID: "w2", PID: 21, Generation: 2, State: "ready", Started: at(2)},
			{Slot: 2, ID: "w2-1", PID: 22, Generation: 3, State: "ready", Started: at(3)},
			// One that is to leave, and its successor, not yet ready and ready.
			{Slot: 3, ID: "w3", PID: 31, Generation: 2, State: "ready", Leaving: "lifetime", Started: at(4)},
			{Slot: 3, ID: "w3-1", PID: 32, Generation: 2, State: "starting", Started: at(5)},
			{Slot: 4, ID: "w4-1", PID: 42, Generation: 2, State: "ready", Started: at(7)},
			{Slot: 4, ID: "w4", PID: 41, Generation: 2, State: "ready", Leaving: "lifetime", Started: at(6)},
			{Slot: 5, ID: "w5", PID: 51, Generation: 2, State: "starting", Started: at(8)},
			{Slot: 7, ID: "w7", PID: 71, Generation: 2, State: "draining", Leaving: "fewer", Started: at(9)},
		},
		Waiting: []master.SlotStatus{{Slot: 6, Restarts: 4}},
	}
	loads := map[string]requests.Totals{
		"w1":     {Requests: 10, Seconds: 1, Bytes: 100, Panics: 1, Harakiris: 2, InFlight: 1},
		"w1-1":   {Requests: 5, Seconds: 2, Bytes: 20, Panics: 1, InFlight: 0},
		"w3":     {Requests: 3, InFlight: 2},
		"w6":     {Requests: 6},
		"w8":     {Requests: 1}, // a slot that is no more
		"master": {Requests: 1},
		"123":    {Requests: 1}, // another library's
		"wx":     {Requests: 1},
	}
	p := newStatsPage(status, loads, map[string]float64{"w1-1": 4})
	var got []string
	for _, w := range p.Workers {
		got = append(got, fmt.Sprintf("%d: %d %s accepting %d, requests %d (%d), spawned %d times, last %d", w.ID, w.PID, w.Status, w.Accepting,
			w.Requests, w.DeltaRequests, w.RespawnCount, max(0, w.LastSpawn-1_000_000_000)))
	}
	want := []string{
		"1: 12 idle accepting 1, requests 15 (1), spawned 2 times, last 1",
		"2: 21 idle accepting 1, requests 0 (0), spawned 1 times, last 2",
		"3: 31 busy accepting 1, requests 3 (3), spawned 1 times, last 4",
		"4: 42 idle accepting 1, requests 0 (0), spawned 1 times, last 7",
		"5: 51 pause accepting 0, requests 0 (0), spawned 1 times, last 8",
		"6: 0 cheap accepting 0, requests 6 (0), spawned 4 times, last 0",
		"7: 71 idle accepting 0, requests 0 (0), spawned 1 times, last 9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if w := p.Workers[0]; w.RunningTime != 3_000_000 || w.AvgRT != 200_000 || w.TX != 120 || w.Exceptions != 2 || w.HarakiriCount != 2 ||
		w.RSS != 7 || w.VSZ != 9 {
		t.Errorf("%+v", w)
	}
}

// TestStatsForms asks over HTTP and over unix sockets.
func TestStatsForms(t *testing.T) {
	tcp, path := freeAddress(t), filepath.Join(t.TempDir(), "stats.sock")
	s := startServer(t, "socket = 127.0.0.1:0\nstats = "+tcp+"\nstats = "+path+"\nstats-http\nchmod-socket = 660\n"+appINI(t))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+tcp+"/anything?x=y", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
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
	if text := string(head); err != nil || !strings.HasPrefix(text, "HTTP/1.1 200 OK\r\n") || strings.Index(text, "\r\n\r\n") != len(text)-4 {
		t.Errorf("an answer to HEAD: %q %v", text, err)
	}
	mustAnswer(t, "unix", path, "/", http.StatusOK)
	if mode := fileInfo(t, path).Mode(); mode != os.ModeSocket|0o660 {
		t.Errorf("the mode of %s is %s", path, mode)
	}
	s.mustReload()
	mustAnswer(t, "unix", path, "/", http.StatusOK)
	s.stop()
	if fileExists(path) {
		t.Error("the file of a unix socket has outlived its server")
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

// TestStatsClientsThatDoNothing has more clients than there are places, none of which asks: the master has only so many
// connections, reloads, and stops.
func TestStatsClientsThatDoNothing(t *testing.T) {
	address := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nstats = "+address+"\nstats-http\n"+appINI(t))
	descriptors := entries(t, s.cmd.Process.Pid, "fd")
	for range 3 * statsConnections {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	proctest.Eventually(t, "as many connections as there may be", func() bool {
		return entries(t, s.cmd.Process.Pid, "fd") >= descriptors+statsConnections
	})
	begun := time.Now()
	s.mustReload()
	s.awaitNoneDraining()
	if n := entries(t, s.cmd.Process.Pid, "fd"); n > descriptors+statsConnections+8 {
		t.Errorf("%d descriptors, %d before there were clients", n, descriptors)
	}
	s.stop()
	if took := time.Since(begun); took >= statsPatience {
		t.Errorf("reload and stop took %s", took)
	}
}

// TestStatsClientsThatNeverRead has an answer that the kernel has no room for: it keeps neither the end of the server nor
// the hooks waiting.
func TestStatsClientsThatNeverRead(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "stats"))
	if err != nil {
		t.Fatal(err)
	}
	s := newStatsServer([]net.Listener{l}, false, t.TempDir(), slog.New(slog.DiscardHandler))
	hooks := s.join(master.Hooks{Started: func(handoff.Identity) {}, Status: func(master.Status) {}})
	var status master.Status
	for slot := range handoff.Slot(5000) {
		status.Workers = append(status.Workers, master.WorkerStatus{Slot: slot + 1, ID: fmt.Sprintf("w%d", slot+1), State: "ready"})
	}
	hooks.Status(status)
	for range 3 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil { // it is being answered
			t.Fatal(err)
		}
	}
	begun := time.Now()
	hooks.Started(handoff.Identity{Slot: 1, ID: "w1"})
	hooks.Status(status)
	s.close()
	if took := time.Since(begun); took >= statsPatience/2 {
		t.Errorf("it ended after %s", took)
	}
}

// TestStatsWithoutMetrics has the metrics directory gone, and files in it that are none.
func TestStatsWithoutMetrics(t *testing.T) {
	address := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nstats = "+address+"\n"+appINI(t))
	s.get("/pid")
	awaitStats(t, address, "a request", func(p statsPage) bool { return p.Workers[0].Requests == 1 })
	if err := os.WriteFile(filepath.Join(s.metricsDir(), "counter_w9.db"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := readStats(t, "tcp", address); p.Workers[0].Requests != 1 {
		t.Errorf("%+v", p)
	}
	if err := os.RemoveAll(s.metricsDir()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if p := readStats(t, "tcp", address); len(p.Workers) != 1 || p.Workers[0].PID == 0 || p.Workers[0].Requests != 0 {
			t.Errorf("%+v", p)
		}
	}
	if n := s.log.Count("stats has no metrics of the workers"); n != 1 {
		t.Errorf("told %d times\n%s", n, s.log)
	}
	s.stop()
}
