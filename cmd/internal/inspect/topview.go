package inspect

import (
	"cmp"
	"slices"
	"time"

	"multiproc/cmd/internal/page"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/requests"
)

// topView is the content of top's screen, computed from two readings. It is the output in JSON, too.
type topView struct {
	Directory string        `json:"directory"`
	At        time.Time     `json:"at"`
	Running   bool          `json:"running"` // a process is alive, as far as visible from here
	Faulty    int           `json:"faulty_files"`
	Faults    []string      `json:"faults,omitempty"` // of the directory as a whole
	Master    *topMaster    `json:"master"`           // null: there is no status file
	Workers   []topWorker   `json:"workers"`
	Total     topLoad       `json:"total"`
	Listeners []topListener `json:"listeners"`
	Series    []topSeries   `json:"series"` // the fastest growing first
}

// topMaster is the last status of the master.
type topMaster struct {
	At         time.Time `json:"at"`
	PID        int       `json:"pid"`
	State      string    `json:"state"`
	Started    time.Time `json:"started"`
	Generation int       `json:"generation"`
	Ready      int       `json:"ready"`
	Target     int       `json:"target"`
	Program    string    `json:"program"`
}

type topLoad struct {
	Requests measure `json:"requests_per_second"`
	Errors   measure `json:"errors_per_second"` // requests with a code of 500 or above
	P50      measure `json:"p50_seconds"`
	P99      measure `json:"p99_seconds"`
	InFlight measure `json:"in_flight"`
	Memory   measure `json:"resident_bytes"`
	CPU      measure `json:"cpu_cores"`
}

type topWorker struct {
	ID         string  `json:"id"`
	Slot       int     `json:"slot,omitempty"` // 0: none
	PID        int     `json:"pid,omitempty"`
	State      string  `json:"state"`
	Generation int     `json:"generation,omitempty"`
	Up         measure `json:"up_seconds"`
	topLoad
	Restarts   measure `json:"restarts"`
	LastExit   string  `json:"last_exit,omitempty"`
	StatusText string  `json:"says,omitempty"` // the worker's own

	gone  bool // dead while others are alive
	place int  // among all workers, by id
}

type topListener struct {
	Address string `json:"listener"`
	Queue   int    `json:"queue"`
	Limit   int    `json:"limit"`
}

type topSeries struct {
	Sample string    `json:"sample"`
	Value  jsonValue `json:"value"`
	Rate   jsonValue `json:"per_second"`
}

// newTopView compares a reading with an earlier one. If before is nil there are no rates, and quantiles are of all requests in the
// directory.
func newTopView(dir string, before, now *topReading) *topView {
	v := &topView{
		Directory: dir, At: now.at, Running: now.running(), Faulty: now.faulty, Faults: now.faults,
		Workers: []topWorker{}, Listeners: []topListener{}, Series: []topSeries{},
	}
	seen := map[string]bool{page.MasterID: true}
	if s := now.status; s != nil {
		v.Master = newTopMaster(now)
		ready := 0
		for _, w := range s.Status.Workers {
			p := now.process(w.ID, w.PID)
			if p != nil {
				seen[p.ID] = true
			}
			row := newTopWorker(before, now, p, &w)
			if w.State == master.StateReady && row.State == w.StateAndReason() {
				ready++
			}
			v.Workers = append(v.Workers, row)
		}
		if v.Running && !now.fresh() { // workers may have died since
			v.Master.Ready = ready
		}
		for _, q := range s.Status.Listeners {
			v.Listeners = append(v.Listeners, topListener{q.Listener, q.Length, q.Limit})
		}
	}
	for i := range now.processes {
		if p := &now.processes[i]; !seen[p.ID] {
			w := newTopWorker(before, now, p, nil)
			w.gone = v.Running && p.Liveness == mpmetrics.Dead
			v.Workers = append(v.Workers, w)
		}
	}
	for i := range v.Workers {
		v.Workers[i].place = i
	}
	v.Total = totalOf(before, now, v.Workers)
	v.Series = growth(before, now)
	return v
}

func newTopMaster(now *topReading) *topMaster {
	s := now.status
	m := &topMaster{
		At: s.At, PID: s.Status.PID, Started: s.Status.Started, Generation: int(s.Status.Generation),
		Ready: s.Status.Ready(), Target: s.Status.Target, Program: s.Status.Program,
	}
	switch {
	case s.Status.Stopping:
		m.State = "stopping"
	case s.Status.Unready() != "":
		m.State = "not ready"
	case s.Status.Reloading:
		m.State = "reloading"
	default:
		m.State = "serving"
	}
	if p := now.process(page.MasterID, 0); p != nil {
		m.State = now.stateOf(p, m.State)
	}
	return m
}

// stateOf returns the state of a process: that in /proc if it is worse than the state in the master's status. In a copy of a
// directory, where nothing runs, the status is the only source.
func (t *topReading) stateOf(p *mpmetrics.Process, status string) string {
	u := t.usages[p.ID]
	switch {
	case p.Liveness == mpmetrics.Dead && (status == "" || t.running()):
		return "dead"
	case u.State == "T" || u.State == "t":
		return "stopped"
	case u.State == "Z":
		return "ended"
	case status != "":
		return status
	}
	return p.Liveness.String()
}

// newTopWorker returns the row of a process, of a worker in the master's status, or of both. One of them may be nil.
func newTopWorker(before, now *topReading, p *mpmetrics.Process, status *master.WorkerStatus) topWorker {
	w := topWorker{Up: unknown, Restarts: unknown, topLoad: unknownLoad()}
	var started time.Time
	if p != nil {
		w.ID, w.Slot, w.PID, w.Generation, started = p.ID, p.Slot, p.PID, p.Generation, p.Start
	}
	if status != nil {
		w.ID, w.Slot, w.PID, w.Generation, started = status.ID, int(status.Slot), status.PID, int(status.Generation), status.Started
		w.Restarts, w.StatusText, w.State = measure(status.Restarts), status.StatusText, status.StateAndReason()
		if e := status.LastExit; e != nil {
			w.LastExit = e.Reason + ", " + e.How
		}
	}
	if p != nil { // else it has no metric file
		w.State = now.stateOf(p, w.State)
		w.topLoad = loadOf(before, now, p.ID)
	}
	dead := w.State == "dead"
	if dead && now.running() {
		w.InFlight = unknown // the requests in flight died with it
	} else {
		w.Memory, w.CPU = usageOf(before, now, p, status)
	}
	until := now.at
	if dead || !now.running() {
		until = time.Time{}
		if now.status != nil {
			until = now.status.At
		}
	}
	if !started.IsZero() && !until.IsZero() {
		w.Up = measure(max(0, until.Sub(started).Seconds()))
	}
	return w
}

// usageOf returns the memory of a process and the number of cores that it kept busy, from /proc or else from the master's status.
func usageOf(before, now *topReading, p *mpmetrics.Process, status *master.WorkerStatus) (memory, cores measure) {
	if p != nil {
		if u, ok := now.usages[p.ID]; ok {
			return measure(u.ResidentBytes), coresUsed(before, now, p)
		}
	}
	if status == nil {
		return unknown, unknown
	}
	memory, cores = measure(status.Resident), unknown
	if before != nil && before.status != nil && now.status.At.After(before.status.At) {
		if then := before.workerStatus(status.ID); then != nil && then.PID == status.PID {
			cores = measure((status.CPU - then.CPU).Seconds() / now.status.At.Sub(before.status.At).Seconds())
		}
	}
	return memory, cores
}

func unknownLoad() topLoad {
	return topLoad{unknown, unknown, unknown, unknown, unknown, unknown, unknown}
}

// loadOf returns the load of an id by its request metrics.
func loadOf(before, now *topReading, id string) topLoad {
	load := unknownLoad()
	current := now.totals[id]
	if !current.Known {
		return load
	}
	load.InFlight = measure(current.InFlight)
	if before == nil {
		load.P50, load.P99 = quantiles(current)
		return load
	}
	if !before.totals[id].Known || !now.comparableTo(before) {
		return load
	}
	since := current.Since(before.totals[id])
	elapsed := now.at.Sub(before.at).Seconds()
	load.Requests, load.Errors = measure(since.Requests/elapsed), measure(since.Errors/elapsed)
	load.P50, load.P99 = quantiles(since)
	return load
}

func quantiles(t requests.Totals) (p50, p99 measure) {
	return measure(t.Quantile(.5)), measure(t.Quantile(.99))
}

// coresUsed returns the number of cores that a process kept busy since the earlier reading.
func coresUsed(before, now *topReading, p *mpmetrics.Process) measure {
	if before == nil {
		return unknown
	}
	old := before.process(p.ID, 0)
	then, ok := before.usages[p.ID]
	if !ok || old == nil || old.PID != p.PID {
		return unknown
	}
	return measure((now.usages[p.ID].CPU - then.CPU).Seconds() / now.at.Sub(before.at).Seconds())
}

// totalOf returns the load of all workers together.
func totalOf(before, now *topReading, workers []topWorker) topLoad {
	total := unknownLoad()
	add := func(sum *measure, m measure) {
		switch {
		case !m.known():
		case sum.known():
			*sum += m
		default:
			*sum = m
		}
	}
	for _, w := range workers {
		if w.gone {
			continue
		}
		add(&total.Requests, w.Requests)
		add(&total.Errors, w.Errors)
		add(&total.InFlight, w.InFlight)
		add(&total.Memory, w.Memory)
		add(&total.CPU, w.CPU)
	}
	all := requests.Totals{Buckets: map[float64]float64{}}
	for id, t := range now.totals {
		if before != nil {
			if !before.totals[id].Known || !now.comparableTo(before) {
				continue
			}
			t = t.Since(before.totals[id])
		}
		for bound, n := range t.Buckets {
			all.Buckets[bound] += n
		}
	}
	total.P50, total.P99 = quantiles(all)
	return total
}

// maxGrowing bounds the number of series that are shown.
const maxGrowing = 20

// growth returns the counters that grew since the earlier reading.
func growth(before, now *topReading) []topSeries {
	grown := []topSeries{}
	if !now.comparableTo(before) {
		return grown
	}
	elapsed := now.at.Sub(before.at).Seconds()
	for sample, value := range now.counters {
		if by := requests.Increase(before.counters[sample], value); by > 0 {
			grown = append(grown, topSeries{sample, jsonValue(value), jsonValue(by / elapsed)})
		}
	}
	slices.SortFunc(grown, func(a, b topSeries) int {
		return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.Sample, b.Sample))
	})
	return grown[:min(len(grown), maxGrowing)]
}
