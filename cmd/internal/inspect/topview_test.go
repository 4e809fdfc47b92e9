package inspect

import (
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"multiproc/cmd/internal/page"
	"multiproc/internal/listen"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
	"multiproc/worker/requests"
)

// twoReadings returns readings, 2 s apart, of a server: w1 serves, w2 is stopped and w3 has exited.
func twoReadings() (before, now *topReading) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	status := master.Status{
		PID: 100, Started: at.Add(-time.Hour), Generation: 2, Program: "/usr/bin/multiproc", Target: 2, MinReady: 1,
		Workers: []master.WorkerStatus{
			{Slot: handoff.Slot(1), ID: "w1", PID: 101, Generation: 2, State: "ready", Started: at.Add(-time.Minute), Restarts: 1},
			{Slot: handoff.Slot(2), ID: "w2", PID: 102, Generation: 2, State: "ready", Started: at.Add(-time.Minute), Resident: 5 << 20},
		},
		Listeners: []listen.Queue{{Listener: "127.0.0.1:8000", Length: 3000, Limit: 4096}},
	}
	reading := func(at time.Time, count float64, cpu time.Duration) *topReading {
		return &topReading{
			at: at, status: &page.StatusFile{At: at, Status: status},
			processes: []mpmetrics.Process{
				{ID: "master", PID: 100, Liveness: mpmetrics.Alive},
				{ID: "w1", PID: 101, Liveness: mpmetrics.Alive},
				{ID: "w2", PID: 102, Liveness: mpmetrics.Alive},
				{ID: "w3", PID: 103, Liveness: mpmetrics.Dead},
			},
			totals: map[string]requests.Totals{
				"w1": {Known: true, Requests: count, Errors: count / 10, InFlight: 2, Buckets: map[float64]float64{.1: count}},
				"w3": {Known: true, Requests: 7, InFlight: 9, Buckets: map[float64]float64{.1: 7}},
			},
			usages: map[string]master.Usage{
				"w1": {State: "S", ResidentBytes: 10 << 20, CPU: cpu}, "w2": {State: "T", ResidentBytes: 6 << 20},
				"master": {State: "S"},
			},
			files:    map[string]bool{"counter_w1.db": true, "counter_w3.db": true},
			counters: map[string]float64{"a_total": count, "b_total": 2 * count, "c_total": 1},
		}
	}
	return reading(at, 100, time.Second), reading(at.Add(2*time.Second), 120, 2*time.Second)
}

func topLines(t *testing.T, v *topView, order topOrder) string {
	t.Helper()
	text := ""
	for _, line := range newTopText(v, order).lines() {
		text += line.text + "\n"
	}
	return text
}

func mustShow(t *testing.T, text string, lines ...string) {
	t.Helper()
	squeezed := strings.Join(strings.Fields(text), " ")
	for _, line := range lines {
		if !strings.Contains(squeezed, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

func TestTopView(t *testing.T) {
	before, now := twoReadings()
	v := newTopView("/run/metrics", before, now)
	text := topLines(t, v, topOrder{})
	mustShow(t, text,
		"master 100 serving, up 1h00m, generation 2, 2 of 2 workers ready, /usr/bin/multiproc",
		"all: 10.0 req/s, 1.0 err/s, p50 50.0ms, p99 99.0ms, 2 busy, 16.0 MiB, CPU 50%",
		"listener 127.0.0.1:8000: queue 3000 of 4096",
		"w1 101 ready 2 1m02s 10.0 1.0 50.0ms 99.0ms 2 10.0 MiB 50% 1 -",
		"w2 102 stopped 2 1m02s - - - - - 6.0 MiB 0% 0 -",
		"20.0 240 b_total", "10.0 120 a_total")
	if strings.Contains(text, "w3") || strings.Contains(text, "c_total") {
		t.Errorf("a dead worker among live ones, or a constant series:\n%s", text)
	}
	if all := topLines(t, v, topOrder{all: true}); !strings.Contains(all, "w3 ") {
		t.Errorf("all workers lack the dead one:\n%s", all)
	}
}

// TestTopViewFirst has no reading to compare with.
func TestTopViewFirst(t *testing.T) {
	_, now := twoReadings()
	v := newTopView("/run/metrics", nil, now)
	mustShow(t, topLines(t, v, topOrder{}), "w1 101 ready 2 1m02s - - 50.0ms 99.0ms 2 10.0 MiB - 1 -")
	if len(v.Series) > 0 {
		t.Errorf("growth without an earlier reading: %v", v.Series)
	}
}

func TestTopViewTrouble(t *testing.T) {
	before, now := twoReadings()
	now.usages["master"] = master.Usage{State: "T"}
	now.status.At = now.at.Add(-time.Minute)
	now.faulty = 2
	now.status.Status.Workers[0].Leaving = "max-requests" // but it still serves
	mustShow(t, topLines(t, newTopView("/d", before, now), topOrder{}),
		"master 100 stopped,", "1 of 2 workers ready", "the master's last status is 1m00s old", "faulty files: 2")

	_, now = twoReadings()
	now.processes[0].Liveness, now.processes[1].Liveness = mpmetrics.Dead, mpmetrics.Dead
	delete(now.usages, "master")
	delete(now.usages, "w1")
	now.status.At = now.at.Add(-time.Minute)
	mustShow(t, topLines(t, newTopView("/d", nil, now), topOrder{}), "master 100 dead,", "w1 101 dead 2 2s - - 50.0ms 99.0ms - - - 1",
		"0 of 2 workers ready", "6.0 MiB")
}

// TestTopViewUnseen has processes of another user or container: their usage is that in the master's status.
func TestTopViewUnseen(t *testing.T) {
	before, now := twoReadings()
	for i, r := range []*topReading{before, now} {
		clear(r.usages)
		for i := range r.processes {
			r.processes[i].Liveness = mpmetrics.LivenessUnknown
		}
		r.status.Status.Workers = slices.Clone(r.status.Status.Workers)
		r.status.Status.Workers[0].Resident, r.status.Status.Workers[0].CPU = 3<<20, time.Duration(i)*time.Second
	}
	v := newTopView("/d", before, now)
	mustShow(t, topLines(t, v, topOrder{}), "w1 101 ready 2 1m02s 10.0 1.0 50.0ms 99.0ms 2 3.0 MiB 50% 1 -")
	now.status.At = now.at.Add(-time.Hour)
	if v := newTopView("/d", before, now); v.Running {
		t.Error("it runs, though no process is known to be alive and the status is stale")
	}
}

// TestTopViewFilesGone has a removed file, a faulty one and a new process: their counts give no rate.
func TestTopViewFilesGone(t *testing.T) {
	for name, change := range map[string]func(before, now *topReading){
		"gone":   func(_, now *topReading) { delete(now.files, "counter_w3.db") },
		"faulty": func(_, now *topReading) { now.files["counter_w3.db"] = false },
		"healed": func(before, _ *topReading) { before.files["counter_w3.db"] = false },
	} {
		before, now := twoReadings()
		change(before, now)
		v := newTopView("/d", before, now)
		if len(v.Series) > 0 || v.Workers[0].Requests.known() || v.Total.P99.known() {
			t.Errorf("%s: %+v, %+v", name, v.Series, v.Workers[0])
		}
	}
	before, now := twoReadings()
	delete(before.totals, "w1")
	if v := newTopView("/d", before, now); v.Workers[0].Requests.known() || len(v.Series) == 0 {
		t.Errorf("a new process: %+v", v.Workers[0])
	}
}

// TestTopViewForeign joins the master's status of a worker in another language with its files, which are named by the pid.
func TestTopViewForeign(t *testing.T) {
	before, now := twoReadings()
	for _, r := range []*topReading{before, now} {
		r.processes = []mpmetrics.Process{{ID: "101", PID: 101, Liveness: mpmetrics.Alive}, {ID: "102", PID: 102, Liveness: mpmetrics.Alive}, {ID: "9", PID: 9, Liveness: mpmetrics.Alive}}
		r.totals = map[string]requests.Totals{"101": r.totals["w1"]}
		r.usages = map[string]master.Usage{"101": r.usages["w1"]}
	}
	v := newTopView("/d", before, now)
	mustShow(t, topLines(t, v, topOrder{}), "w1 101 ready 2 1m02s 10.0 1.0 50.0ms 99.0ms 2 10.0 MiB 50% 1 -", "9 9 alive - -")
	if len(v.Workers) != 3 {
		t.Errorf("%d rows", len(v.Workers))
	}
}

func TestTopOrder(t *testing.T) {
	before, now := twoReadings()
	v := newTopView("/d", before, now)
	ids := func(o topOrder) string {
		var all []string
		for _, w := range o.rows(v, topColumns()) {
			all = append(all, w.ID)
		}
		return strings.Join(all, " ")
	}
	f := func(o topOrder, want string) {
		t.Helper()
		if got := ids(o); got != want {
			t.Errorf("%+v: %s, want %s", o, got, want)
		}
	}
	const pid, requests = 1, 5
	f(topOrder{}, "w1 w2")
	f(topOrder{reverse: true}, "w2 w1")
	f(topOrder{column: pid}, "w2 w1")
	f(topOrder{column: requests}, "w1 w2")
	f(topOrder{column: requests, reverse: true}, "w2 w1")
	f(topOrder{filter: "STOP"}, "w2")
	f(topOrder{filter: "nothing"}, "")
	f(topOrder{all: true, filter: "w3"}, "w3")
}

func press(k *topKeys, keys string) (quit bool) {
	special := map[rune]rune{'\r': tea.KeyEnter, '\x1b': tea.KeyEscape, '\b': tea.KeyBackspace, '↓': tea.KeyDown, '↑': tea.KeyUp}
	for _, r := range keys {
		key := tea.Key{Code: r, Text: string(r)}
		if code, ok := special[r]; ok {
			key = tea.Key{Code: code}
		}
		quit = k.press(key)
	}
	return quit
}

func TestTopKeys(t *testing.T) {
	var k topKeys
	f := func(keys string, quit bool, want topOrder) {
		t.Helper()
		if got := press(&k, keys); got != quit || k.order != want {
			t.Errorf("%q: %t, %+v", keys, got, k.order)
		}
	}
	f(">>", false, topOrder{column: 2})
	f("<<<", false, topOrder{column: len(topColumns()) - 1})
	f(">", false, topOrder{})
	f("r", false, topOrder{reverse: true})
	f("ra", false, topOrder{all: true})
	f("/qrä", false, topOrder{all: true, filter: "qrä"})
	f("\b\b", false, topOrder{all: true, filter: "q"})
	f("\r", false, topOrder{all: true, filter: "q"})
	f("/x\x1b", false, topOrder{all: true, filter: "q"})
	f("\x1b", false, topOrder{all: true})
	f("/", false, topOrder{all: true})
	f("\r", false, topOrder{all: true})
	f("q", true, topOrder{all: true})
}

// TestTopArrange fits tables of many sizes to screens of many sizes: the headings are visible as soon as there is room, and every
// row can be scrolled to.
func TestTopArrange(t *testing.T) {
	for _, rows := range []int{0, 1, 5, 19} {
		for _, foot := range []int{0, 1, 11} {
			text := topText{head: []line{{text: "head"}}, table: func(rows []*topWorker) []line {
				lines := []line{{text: "TABLE"}}
				for _, w := range rows {
					lines = append(lines, line{text: w.ID})
				}
				return lines
			}}
			for i := range rows {
				text.rows = append(text.rows, &topWorker{ID: string(rune('a' + i))})
			}
			for range foot {
				text.foot = append(text.foot, line{text: "foot"})
			}
			for height := range 40 {
				var k topKeys
				seen := map[string]bool{}
				for range rows + 1 {
					lines := k.arrange(text, height)
					if len(lines) != max(1, height) {
						t.Fatalf("%d rows, foot of %d, height %d: %d lines", rows, foot, height, len(lines))
					}
					for _, line := range lines {
						seen[line.text] = true
					}
					press(&k, "↓")
				}
				if height >= 4 && (!seen["TABLE"] || rows > 0 && !seen[string(rune('a'+rows-1))]) {
					t.Fatalf("%d rows, foot of %d, height %d: only %v", rows, foot, height, seen)
				}
				press(&k, strings.Repeat("↑", 50))
				if lines := k.arrange(text, 40); k.scroll != 0 || rows > 0 && lines[2].text != "a" {
					t.Fatalf("not at the top again: %d, %v", k.scroll, lines)
				}
			}
		}
	}
}
