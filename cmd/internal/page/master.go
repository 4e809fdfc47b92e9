package page

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/cmd/internal/cli"
	"multiproc/internal/listen"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
)

// MasterID is the id of the master's metric files.
const MasterID = "master"

// Master publishes the master's own metrics and its status file, and sweeps the metrics directory when a worker has ended.
//
// Gauges are set from the master's table of workers, never counted up and down. The label of a worker is its slot, which bounds
// the number of series.
type Master struct {
	directory *mpmetrics.Directory
	log       *slog.Logger
	writer    *mpmetrics.Writer
	file      *statusWriter

	workers    *prometheus.GaugeVec
	target     prometheus.Gauge
	generation prometheus.Gauge
	queue      *prometheus.GaugeVec
	queueLimit *prometheus.GaugeVec
	memory     *prometheus.GaugeVec
	startTime  *prometheus.GaugeVec
	cpu        *prometheus.CounterVec
	starts     prometheus.Counter
	exits      *prometheus.CounterVec
	reloads    *prometheus.CounterVec

	sweeps    cli.FaultLog
	reopens   cli.FaultLog
	slots     map[handoff.Slot]bool // with series
	listeners map[string]bool       // with series
	cpuSeen   map[int]time.Duration // by pid, of the workers that run
}

// NewMaster makes the metrics in the directory at path. The caller passes Hooks to the master and closes the Master when that has
// returned. maxSeries is as in [mpmetrics.WriterOptions].
func NewMaster(path string, directory *mpmetrics.Directory, maxSeries int, log *slog.Logger) (*Master, error) {
	w, err := mpmetrics.NewWriter(path, MasterID, mpmetrics.WriterOptions{Logger: log, MaxSeries: maxSeries})
	if err != nil {
		return nil, err
	}
	m := &Master{
		directory: directory,
		log:       log,
		writer:    w,
		slots:     map[handoff.Slot]bool{},
		listeners: map[string]bool{},
		cpuSeen:   map[int]time.Duration{},
	}
	if err := m.register(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := directory.FollowLive(); err != nil {
		log.Warn("live gauges of other libraries may outlive their processes", "error", err)
	}
	m.file = newStatusWriter(path, log)
	return m, nil
}

// Close writes the last status and closes the metric files.
func (m *Master) Close() {
	m.file.close()
	if err := m.writer.Close(); err != nil {
		m.log.Warn("cannot close the master's metrics", "error", err)
	}
}

func (m *Master) register() error {
	var errs []error
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		v, err := m.writer.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, mpmetrics.ModeLiveSum, labels)
		errs = append(errs, err)
		return v
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v, err := m.writer.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		errs = append(errs, err)
		return v
	}
	m.workers = gauge("multiproc_workers", "Workers by state.", "state")
	m.queue = gauge("multiproc_listen_queue", "Connections waiting to be accepted.", "listener")
	m.queueLimit = gauge("multiproc_listen_queue_limit", "Connections that can wait to be accepted.", "listener")
	m.memory = gauge("multiproc_worker_resident_memory_bytes", "Resident memory of the worker in a slot, in bytes.", "slot")
	m.startTime = gauge("multiproc_worker_start_time_seconds", "Start time of the worker in a slot, in seconds since 1970.", "slot")
	m.cpu = counter("multiproc_worker_cpu_seconds_total", "CPU time used by the workers in a slot.", "slot")
	m.exits = counter("multiproc_worker_exits_total", "Workers that have ended, by reason.", "reason")
	m.reloads = counter("multiproc_reloads_total", "Reloads by result.", "result")
	var err error
	m.target, err = m.writer.NewGauge(prometheus.GaugeOpts{
		Name: "multiproc_workers_target", Help: "Number of workers that the master maintains.",
	}, mpmetrics.ModeLiveSum)
	errs = append(errs, err)
	m.generation, err = m.writer.NewGauge(prometheus.GaugeOpts{
		Name: "multiproc_generation", Help: "Generation of settings that serves.",
	}, mpmetrics.ModeLiveSum)
	errs = append(errs, err)
	m.starts, err = m.writer.NewCounter(prometheus.CounterOpts{Name: "multiproc_worker_starts_total", Help: "Workers started."})
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("make the master's metrics: %w", err)
	}
	for _, result := range []string{master.Committed, master.RolledBack} {
		m.reloads.WithLabelValues(result)
	}
	return nil
}

// Hooks returns the hooks that keep the metrics up to date.
func (m *Master) Hooks() master.Hooks {
	return master.Hooks{Started: m.started, Exited: m.directory.MarkDead, Ended: m.ended, Reloaded: m.reloaded, Status: m.status}
}

func (m *Master) started(who handoff.Identity) {
	if !who.IsExporter() {
		m.starts.Inc()
	}
	// After a reload that has set command, the process may be another library's, which takes no lock.
	m.sweeps.Log(m.log, slog.LevelWarn, "cannot sweep the metrics directory", m.directory.Forget(who.ID))
}

func (m *Master) ended(who handoff.Identity, why string) {
	if !who.IsExporter() {
		m.exits.WithLabelValues(why).Inc()
	}
	m.sweeps.Log(m.log, slog.LevelWarn, "cannot sweep the metrics directory", m.directory.Sweep())
}

func (m *Master) reloaded(failed error) {
	result := master.Committed
	if failed != nil {
		result = master.RolledBack
	}
	m.reloads.WithLabelValues(result).Inc()
}

func (m *Master) status(s master.Status) {
	m.reopens.Log(m.log, slog.LevelWarn, "cannot open the metrics directory again", m.directory.Reopen())
	m.generation.Set(float64(s.Generation))
	m.target.Set(float64(s.Target))
	states := map[master.State]int{}
	for _, w := range s.Workers {
		states[w.State]++
	}
	for _, state := range master.States() {
		m.workers.WithLabelValues(string(state)).Set(float64(states[state]))
	}
	m.setSlots(s.Workers)
	m.setListeners(s.Listeners)
	m.file.put(s)
}

// setSlots sets the start time to that of each slot's newest worker, and the memory to that of all its workers. The gauges of an
// empty slot are 0.
func (m *Master) setSlots(workers []master.WorkerStatus) {
	memory, started, cpu := map[handoff.Slot]uint64{}, map[handoff.Slot]time.Time{}, map[int]time.Duration{}
	for _, w := range workers {
		m.slots[w.Slot] = true
		memory[w.Slot] += w.Resident
		started[w.Slot] = w.Started
		m.cpu.WithLabelValues(label(w.Slot)).Add(max(0, w.CPU-m.cpuSeen[w.PID]).Seconds())
		cpu[w.PID] = w.CPU
	}
	m.cpuSeen = cpu
	for slot := range m.slots {
		m.memory.WithLabelValues(label(slot)).Set(float64(memory[slot]))
		seconds := 0.0
		if at, ok := started[slot]; ok {
			seconds = float64(at.UnixNano()) / 1e9
		}
		m.startTime.WithLabelValues(label(slot)).Set(seconds)
	}
}

func label(slot handoff.Slot) string { return strconv.Itoa(int(slot)) }

func (m *Master) setListeners(queues []listen.Queue) {
	now := map[string]listen.Queue{}
	for _, q := range queues {
		m.listeners[q.Listener] = true
		now[q.Listener] = q
	}
	for listener := range m.listeners {
		m.queue.WithLabelValues(listener).Set(float64(now[listener].Length))
		m.queueLimit.WithLabelValues(listener).Set(float64(now[listener].Limit))
	}
}
