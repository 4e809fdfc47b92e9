package uwsgistats

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiproc/internal/listen"
	"multiproc/master"
	"multiproc/worker/requests"
)

// TestStatsKeys checks for all keys of uWSGI 2.0.
func TestStatsKeys(t *testing.T) {
	var p map[string]any
	page := newPage(master.Status{
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
			t.Fatalf("%v is not a list of %d", of, length)
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
				t.Errorf("%v is not an empty list", list)
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
			// A draining worker and its successor.
			{Slot: 1, ID: "w1", PID: 11, Generation: 1, State: "draining", Started: at(0)},
			{Slot: 1, ID: "w1-1", PID: 12, Generation: 2, State: "ready", Started: at(1), Restarts: 1, Resident: 7, Virtual: 9},
			// A worker that serves, and one of the next generation that is ready already.
			{Slot: 2, ID: "w2", PID: 21, Generation: 2, State: "ready", Started: at(2)},
			{Slot: 2, ID: "w2-1", PID: 22, Generation: 3, State: "ready", Started: at(3)},
			// Workers to be replaced, with a successor that is not ready and one that is.
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
		"w8":     {Requests: 1}, // no such slot
		"master": {Requests: 1},
		"123":    {Requests: 1}, // of another library
		"wx":     {Requests: 1},
	}
	p := newPage(status, loads, map[string]float64{"w1-1": 4})
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
