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

// Page has the form of what uWSGI's stats server tells, all its keys in its order. What there is nothing of here is
// 0 or empty.
type Page struct {
	Version           string     `json:"version"`
	ListenQueue       int        `json:"listen_queue"` // the longest
	ListenQueueErrors int        `json:"listen_queue_errors"`
	SignalQueue       int        `json:"signal_queue"`
	Load              int        `json:"load"` // the same as the queue, as it is there
	PID               int        `json:"pid"`
	UID               int        `json:"uid"`
	GID               int        `json:"gid"`
	Cwd               string     `json:"cwd"`
	Locks             []struct{} `json:"locks"`
	Sockets           []Socket   `json:"sockets"`
	Workers           []Worker   `json:"workers"`
}

type Socket struct {
	Name       string `json:"name"`
	Proto      string `json:"proto"`
	Queue      int    `json:"queue"`
	MaxQueue   int    `json:"max_queue"`
	Shared     int    `json:"shared"`
	CanOffload int    `json:"can_offload"`
}

// Worker is a slot: its counters are those of all that have been in it. Times are in microseconds, memory in bytes.
type Worker struct {
	ID            int        `json:"id"`
	PID           int        `json:"pid"`
	Accepting     int        `json:"accepting"`
	Requests      uint64     `json:"requests"`
	DeltaRequests uint64     `json:"delta_requests"` // of this process
	Exceptions    uint64     `json:"exceptions"`     // panics of handlers
	HarakiriCount uint64     `json:"harakiri_count"` // requests: the worker need not end for one
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
	TX            uint64     `json:"tx"`     // bytes of bodies
	AvgRT         uint64     `json:"avg_rt"` // over all requests
	Apps          []struct{} `json:"apps"`
	Cores         []Core     `json:"cores"`
}

// Core is what handles one request at a time in uWSGI. A worker of Go's has no fixed number of them, and shows one.
type Core struct {
	ID                int        `json:"id"`
	Requests          uint64     `json:"requests"`
	StaticRequests    int        `json:"static_requests"`
	RoutedRequests    int        `json:"routed_requests"`
	OffloadedRequests int        `json:"offloaded_requests"`
	WriteErrors       int        `json:"write_errors"`
	ReadErrors        int        `json:"read_errors"`
	InRequest         int        `json:"in_request"` // 1: it is
	Vars              []struct{} `json:"vars"`
	ReqInfo           struct{}   `json:"req_info"`
}

// version stands where uWSGI's version does. Who reads it shows it in a short line.
const version = "multiproc"

// States of workers as uWSGI has them.
const (
	busy = "busy"
	idle = "idle"
	// In uWSGI, a worker that has a process which takes no requests: here it is still starting.
	pause = "pause"
	// In uWSGI, one that has no process.
	cheap = "cheap"
)

// newPage is made of what the master says, of the request metrics by id, and of how many requests there had been
// under an id when its process was started.
func newPage(status master.Status, loads map[string]requests.Totals, before map[string]float64) *Page {
	p := &Page{
		Version: version,
		PID:     os.Getpid(),
		UID:     os.Getuid(),
		GID:     os.Getgid(),
		Locks:   []struct{}{},
		Sockets: []Socket{},
		Workers: []Worker{},
	}
	p.Cwd, _ = os.Getwd() // it may be gone
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
		rows[w.Slot] = newWorker(w, loads[w.ID], before[w.ID]) // the most prominent comes last
	}
	for id, load := range loads {
		slot, ok := slotOf(id)
		row, there := rows[slot]
		if !ok || !there {
			continue
		}
		row.add(load)
		rows[slot] = row
	}
	for slot, row := range rows {
		row.finish(slot)
		p.Workers = append(p.Workers, row)
	}
	slices.SortFunc(p.Workers, func(a, b Worker) int { return cmp.Compare(a.ID, b.ID) })
	return p
}

// prominence orders workers by how much they stand for their slot: most does who serves, of the current generation
// rather than of the next, then who will serve; and of two the younger.
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

// newWorker has what is of one process.
func newWorker(w master.WorkerStatus, load requests.Totals, before float64) Worker {
	row := Worker{
		PID:           w.PID,
		DeltaRequests: uint64(requests.Increase(before, load.Requests)),
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
	case load.InFlight >= 1:
		row.Status, row.Cores[0].InRequest = busy, 1
	}
	if w.State == master.StateReady {
		row.Accepting = 1
	}
	return row
}

// add adds what was counted under one of the slot's ids.
func (w *Worker) add(load requests.Totals) {
	w.Requests += uint64(load.Requests)
	w.Exceptions += uint64(load.Panics)
	w.HarakiriCount += uint64(load.Harakiris)
	w.RunningTime += uint64(load.Seconds * float64(time.Second/time.Microsecond))
	w.TX += uint64(load.Bytes)
}

// finish fills in what follows from the rest.
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

// slotOf is the slot of the workers with an id: w3, or w3-1 where there are two at a time.
func slotOf(id string) (handoff.Slot, bool) {
	text, ok := strings.CutPrefix(id, "w")
	text, _, _ = strings.Cut(text, "-")
	n, err := strconv.Atoi(text)
	return handoff.Slot(n), ok && err == nil
}

// text is indented by tabs, as uWSGI's is.
func (p *Page) text() []byte {
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		panic("BUG: stats has no form as JSON: " + err.Error())
	}
	return append(text, '\n')
}
