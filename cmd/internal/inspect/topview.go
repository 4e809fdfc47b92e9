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

// topView is what top shows of two readings.
type topView struct {
	Directory string        `json:"directory"`
	At        time.Time     `json:"at"`
	Running   bool          `json:"running"` // something of the directory lives, as far as can be seen from here
	Faulty    int           `json:"faulty_files"`
	Master    *topMaster    `json:"master"` // null: it has left no word
	Workers   []topWorker   `json:"workers"`
	Total     topLoad       `json:"total"`
	Listeners []topListener `json:"listeners"`
	Series    []topSeries   `json:"series"` // the fastest growing first
}

// topMaster is what the master has said last.
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

// topLoad is what a worker does. What is not known is NaN, in JSON null.
type topLoad struct {
	Requests measure `json:"requests_per_second"`
	Errors   measure `json:"errors_per_second"` // of the requests, those with a code from 500 on
	P50      measure `json:"p50_seconds"`
	P99      measure `json:"p99_seconds"`
	InFlight measure `json:"in_flight"`
	Memory   measure `json:"resident_bytes"`
	CPU      measure `json:"cpu_cores"`
}

type topWorker struct {
	ID         string  `json:"id"`
	Slot       int     `json:"slot,omitempty"` // 0: it has none
	PID        int     `json:"pid,omitempty"`
	State      string  `json:"state"`
	Generation int     `json:"generation,omitempty"`
	Up         measure `json:"up_seconds"`
	topLoad
	Restarts measure `json:"restarts"`
	LastExit string  `json:"last_exit,omitempty"`
	Says     string  `json:"says,omitempty"`

	gone  bool // dead, while others live
	place int  // among all, by id
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

// newTopView compares a reading with one before it. Without one there are no rates, and quantiles are of all requests that
// the directory knows of.
func newTopView(dir string, before, now *topReading) *topView {
	v := &topView{
		Directory: dir, At: now.at, Faulty: now.faulty,
		Workers: []topWorker{}, Listeners: []topListener{}, Series: []topSeries{},
	}
	v.Running = now.running()
	seen := map[string]bool{page.MasterID: true}
	if n := now.note; n != nil {
		v.Master = newTopMaster(now)
		ready := 0
		for _, w := range n.Status.Workers {
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
		if v.Running && !now.spoken() { // who was ready then need not be now
			v.Master.Ready = ready
		}
		for _, q := range n.Status.Listeners {
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
	n := now.note
	m := &topMaster{
		At: n.At, PID: n.Status.PID, Started: n.Status.Started, Generation: int(n.Status.Generation),
		Ready: n.Status.Ready(), Target: n.Status.Target, Program: n.Status.Program,
	}
	switch {
	case n.Status.Stopping:
		m.State = "stopping"
	case n.Status.Unready() != "":
		m.State = "not ready"
	case n.Status.Reloading:
		m.State = "reloading"
	default:
		m.State = "serving"
	}
	if p := now.process(page.MasterID, 0); p != nil {
		m.State = now.stateOf(p, m.State)
	}
	return m
}

// stateOf is the state of a process: what the system says, where that is worse than what the master has said. Where nothing
// runs, as in a copy, the master's last word is all there is.
func (t *topReading) stateOf(p *mpmetrics.Process, said string) string {
	u := t.usages[p.ID]
	switch {
	case p.Liveness == mpmetrics.Dead && (said == "" || t.running()):
		return "dead"
	case u.State == "T" || u.State == "t":
		return "stopped"
	case u.State == "Z":
		return "ended"
	case said != "":
		return said
	}
	return p.Liveness.String()
}

// newTopWorker makes a row of a process, of what the master has said of one, or both.
func newTopWorker(before, now *topReading, p *mpmetrics.Process, said *master.WorkerStatus) topWorker {
	w := topWorker{Up: unknown, Restarts: unknown, topLoad: unknownLoad()}
	var started time.Time
	if p != nil {
		w.ID, w.Slot, w.PID, w.Generation, started = p.ID, p.Slot, p.PID, p.Generation, p.Start
	}
	if said != nil {
		w.ID, w.Slot, w.PID, w.Generation, started = said.ID, int(said.Slot), said.PID, int(said.Generation), said.Started
		w.Restarts, w.Says, w.State = measure(said.Restarts), said.Says, said.StateAndReason()
		if e := said.LastExit; e != nil {
			w.LastExit = e.Reason + ", " + e.How
		}
	}
	if p != nil { // else it has no file yet, or never will
		w.State = now.stateOf(p, w.State)
		w.topLoad = loadOf(before, now, p.ID)
	}
	if dead := w.State == "dead"; dead && now.running() {
		w.InFlight = unknown // what it was at when it died
	} else {
		w.Memory, w.CPU = usageOf(before, now, p, said)
	}
	until := now.at
	if !now.running() || w.State == "dead" {
		until = time.Time{}
		if now.note != nil {
			until = now.note.At
		}
	}
	if !started.IsZero() && !until.IsZero() {
		w.Up = measure(max(0, until.Sub(started).Seconds()))
	}
	return w
}

// usageOf is the memory of a process and how many cores it has kept busy: by what the system says, or else the master.
func usageOf(before, now *topReading, p *mpmetrics.Process, said *master.WorkerStatus) (memory, cores measure) {
	if p != nil {
		if u, ok := now.usages[p.ID]; ok {
			return measure(u.ResidentBytes), coresUsed(before, now, p)
		}
	}
	if said == nil {
		return unknown, unknown
	}
	memory, cores = measure(said.Resident), unknown
	if before != nil && before.note != nil && now.note.At.After(before.note.At) {
		if then := before.said(said.ID); then != nil && then.PID == said.PID {
			cores = measure((said.CPU - then.CPU).Seconds() / now.note.At.Sub(before.note.At).Seconds())
		}
	}
	return memory, cores
}

func unknownLoad() topLoad {
	return topLoad{unknown, unknown, unknown, unknown, unknown, unknown, unknown}
}

// loadOf is what the request metrics of an id say. There are no rates where there is nothing to compare with.
func loadOf(before, now *topReading, id string) topLoad {
	load := unknownLoad()
	current := now.loads[id]
	if !current.Known {
		return load
	}
	load.InFlight = measure(current.InFlight)
	if before == nil {
		load.P50, load.P99 = measure(current.Quantile(.5)), measure(current.Quantile(.99))
		return load
	}
	if !before.loads[id].Known || !now.follows(before) {
		return load
	}
	since := current.Since(before.loads[id])
	elapsed := now.at.Sub(before.at).Seconds()
	load.Requests, load.Errors = measure(since.Requests/elapsed), measure(since.Errors/elapsed)
	load.P50, load.P99 = measure(since.Quantile(.5)), measure(since.Quantile(.99))
	return load
}

// coresUsed is how many cores a process kept busy since an earlier reading.
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

// totalOf adds up what workers do. Quantiles are of the requests of all.
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
	for id, load := range now.loads {
		if before != nil {
			if !before.loads[id].Known || !now.follows(before) {
				continue
			}
			load = load.Since(before.loads[id])
		}
		for bound, n := range load.Buckets {
			all.Buckets[bound] += n
		}
	}
	total.P50, total.P99 = measure(all.Quantile(.5)), measure(all.Quantile(.99))
	return total
}

// maxGrowing is how many of the fastest growing series are of interest.
const maxGrowing = 20

// growth is what the counters have grown by, where there is something to compare with; else nothing.
func growth(before, now *topReading) []topSeries {
	if before == nil || !now.follows(before) {
		return []topSeries{}
	}
	elapsed := now.at.Sub(before.at).Seconds()
	grown := []topSeries{}
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
