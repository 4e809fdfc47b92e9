package uwsgistats

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiproc/master"
	"multiproc/worker/handoff"
	"multiproc/worker/requests"
)

// Page is the JSON of uWSGI's stats server, with all its keys in its order. Keys without a counterpart here are 0 or empty.
type Page struct {
	Version           string     `json:"version"`
	ListenQueue       int        `json:"listen_queue"` // the longest
	ListenQueueErrors int        `json:"listen_queue_errors"`
	SignalQueue       int        `json:"signal_queue"`
	Load              int        `json:"load"` // the same as listen_queue, as in uWSGI
	PID               int        `json:"pid"`
	UID               int        `json:"uid"`
	GID               int        `json:"gid"`
	Cwd               string     `json:"cwd"`
	Locks             []struct{} `json:"locks"`
	Sockets           []Socket   `json:"sockets"`
	Workers           []Worker   `json:"workers"`
}

// Socket is a listener.
type Socket struct {
	Name       string `json:"name"`
	Proto      string `json:"proto"`
	Queue      int    `json:"queue"`
	MaxQueue   int    `json:"max_queue"`
	Shared     int    `json:"shared"`
	CanOffload int    `json:"can_offload"`
}

// Worker is a slot. Its counters include the former processes of the slot. Times are in microseconds, memory in bytes.
type Worker struct {
	ID            int        `json:"id"`
	PID           int        `json:"pid"`
	Accepting     int        `json:"accepting"`
	Requests      uint64     `json:"requests"`
	DeltaRequests uint64     `json:"delta_requests"` // of this process
	Exceptions    uint64     `json:"exceptions"`     // panics of handlers
	HarakiriCount uint64     `json:"harakiri_count"` // requests; not all of them ended the worker
	Signals       int        `json:"signals"`
	SignalQueue   int        `json:"signal_queue"`
	Status        string     `json:"status"`
	RSS           uint64     `json:"rss"`
	VSZ           uint64     `json:"vsz"`
	USS           uint64     `json:"uss"`
	PSS           uint64     `json:"pss"`
	RunningTime   uint64     `json:"running_time"`
	LastSpawn     int64      `json:"last_spawn"` // in seconds since 1970
	RespawnCount  int        `json:"respawn_count"`
	TX            uint64     `json:"tx"`     // bytes of response bodies
	AvgRT         uint64     `json:"avg_rt"` // mean
	Apps          []struct{} `json:"apps"`
	Cores         []Core     `json:"cores"`
}

// Core handles one request at a time in uWSGI. A Go worker has no fixed number of them and shows one.
type Core struct {
	ID                int        `json:"id"`
	Requests          uint64     `json:"requests"`
	StaticRequests    int        `json:"static_requests"`
	RoutedRequests    int        `json:"routed_requests"`
	OffloadedRequests int        `json:"offloaded_requests"`
	WriteErrors       int        `json:"write_errors"`
	ReadErrors        int        `json:"read_errors"`
	InRequest         int        `json:"in_request"` // 0 or 1
	Vars              []struct{} `json:"vars"`
	ReqInfo           struct{}   `json:"req_info"`
}

// version stands for uWSGI's version, which tools show in a short line.
const version = "multiproc"

// States of workers in uWSGI.
const (
	busy = "busy"
	idle = "idle"
	// A worker with a process that takes no requests: here, one that is starting.
	pause = "pause"
	// A worker without a process.
	cheap = "cheap"
)

// newPage returns the page of the master's status, the request metrics by id, and the number of requests under each id when its
// process started.
func newPage(status master.Status, totals map[string]requests.Totals, before map[string]float64) *Page {
	p := &Page{
		Version: version,
		PID:     os.Getpid(),
		UID:     os.Getuid(),
		GID:     os.Getgid(),
		Locks:   []struct{}{},
		Sockets: []Socket{},
		Workers: []Worker{},
	}
	p.Cwd, _ = os.Getwd() // the directory may have been removed
	for _, q := range status.Listeners {
		p.Sockets = append(p.Sockets, Socket{Name: q.Listener, Proto: "http", Queue: q.Length, MaxQueue: q.Limit})
		p.ListenQueue = max(p.ListenQueue, q.Length)
	}
	p.Load = p.ListenQueue
	rows := map[handoff.Slot]Worker{}
	for _, slot := range status.Waiting {
		rows[slot.Slot] = Worker{Status: cheap, RespawnCount: slot.Restarts}
	}
	for _, w := range slices.SortedFunc(slices.Values(status.Workers), prominence(status.Generation)) {
		rows[w.Slot] = newWorker(w, totals[w.ID], before[w.ID]) // the last one, the most prominent, stays
	}
	for id, total := range totals {
		slot, ok := slotOf(id)
		row, there := rows[slot]
		if !ok || !there {
			continue
		}
		row.add(total)
		rows[slot] = row
	}
	for slot, row := range rows {
		row.finish(slot)
		p.Workers = append(p.Workers, row)
	}
	slices.SortFunc(p.Workers, func(a, b Worker) int { return cmp.Compare(a.ID, b.ID) })
	return p
}

// prominence orders the workers of a slot; the last represents it: a ready worker, best of the current generation, before a starting
// one, and of two equals the younger.
func prominence(current handoff.Generation) func(a, b master.WorkerStatus) int {
	rank := func(w master.WorkerStatus) int {
		switch {
		case w.State == master.StateReady && w.Generation == current:
			return 3
		case w.State == master.StateReady:
			return 2
		case w.State == master.StateStarting:
			return 1
		}
		return 0
	}
	return func(a, b master.WorkerStatus) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Started.Compare(b.Started))
	}
}

// newWorker returns the values of one process.
func newWorker(w master.WorkerStatus, total requests.Totals, before float64) Worker {
	row := Worker{
		PID:           w.PID,
		DeltaRequests: uint64(requests.Increase(before, total.Requests)),
		Status:        idle,
		RSS:           w.Resident,
		VSZ:           w.Virtual,
		LastSpawn:     w.Started.Unix(),
		RespawnCount:  w.Restarts + 1, // uWSGI counts the first start, too
		Cores:         []Core{{}},
	}
	switch {
	case w.State == master.StateStarting:
		row.Status = pause
	case total.InFlight >= 1:
		row.Status, row.Cores[0].InRequest = busy, 1
	}
	if w.State == master.StateReady {
		row.Accepting = 1
	}
	return row
}

// add adds the counters of one of the slot's ids.
func (w *Worker) add(total requests.Totals) {
	w.Requests += uint64(total.Requests)
	w.Exceptions += uint64(total.Panics)
	w.HarakiriCount += uint64(total.Harakiris)
	w.RunningTime += uint64(total.Seconds * float64(time.Second/time.Microsecond))
	w.TX += uint64(total.Bytes)
}

// finish sets the derived values.
func (w *Worker) finish(slot handoff.Slot) {
	w.ID = int(slot)
	if w.Requests > 0 {
		w.AvgRT = w.RunningTime / w.Requests
	}
	w.Apps = []struct{}{}
	if w.Cores == nil {
		w.Cores = []Core{{}}
	}
	w.Cores[0].Requests, w.Cores[0].Vars = w.Requests, []struct{}{}
}

// slotOf returns the slot of an id such as w3, or w3-1 for the second worker of a slot.
func slotOf(id string) (handoff.Slot, bool) {
	text, ok := strings.CutPrefix(id, "w")
	text, _, _ = strings.Cut(text, "-")
	n, err := strconv.Atoi(text)
	return handoff.Slot(n), ok && err == nil
}

// text returns the JSON, indented by tabs as uWSGI's.
func (p *Page) text() []byte {
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		panic("BUG: stats in JSON: " + err.Error())
	}
	return append(text, '\n')
}
