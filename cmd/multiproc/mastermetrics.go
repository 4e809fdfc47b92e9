package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/listen"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
)

// masterID is what the master writes its metrics under.
const masterID = "master"

// masterMetrics are what the master tells of itself. Gauges are what its table of workers says at the moment, never
// counted up and down; the label of a worker is its slot, so that their number is bounded.
type masterMetrics struct {
	directory *mpmetrics.Directory
	log       *slog.Logger
	writer    *mpmetrics.Writer
	notes     *noteKeeper

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

	fault     string                // of the last sweep
	slots     map[handoff.Slot]bool // that have been on the page
	listeners map[string]bool       // the same
	cpuSeen   map[int]time.Duration // by pid, of those alive
}

func newMasterMetrics(c *claim) (*masterMetrics, error) {
	w, err := mpmetrics.NewWriter(c.metricsDir, masterID, mpmetrics.WriterOptions{Logger: c.log, MaxSeries: c.cfg.MetricsMaxSeries})
	if err != nil {
		return nil, err
	}
	m := &masterMetrics{
		directory: c.directory,
		log:       c.log,
		writer:    w,
		slots:     map[handoff.Slot]bool{},
		listeners: map[string]bool{},
		cpuSeen:   map[int]time.Duration{},
	}
	if err := m.make(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	m.notes = newNoteKeeper(c.directory, c.log)
	return m, nil
}

func (m *masterMetrics) make() error {
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
	m.queue = gauge("multiproc_listen_queue", "Connections that wait to be accepted.", "listener")
	m.queueLimit = gauge("multiproc_listen_queue_limit", "Connections that can wait to be accepted.", "listener")
	m.memory = gauge("multiproc_worker_resident_memory_bytes", "Resident memory of the worker in a slot, in bytes.", "slot")
	m.startTime = gauge("multiproc_worker_start_time_seconds", "When the worker in a slot was started, in seconds since 1970.", "slot")
	m.cpu = counter("multiproc_worker_cpu_seconds_total", "CPU time that the workers in a slot have used.", "slot")
	m.exits = counter("multiproc_worker_exits_total", "Workers that have ended, by why.", "reason")
	m.reloads = counter("multiproc_reloads_total", "Reloads by result.", "result")
	var err error
	m.target, err = m.writer.NewGauge(prometheus.GaugeOpts{
		Name: "multiproc_workers_target", Help: "Workers that there are to be.",
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

func (m *masterMetrics) hooks() master.Hooks {
	return master.Hooks{Started: m.started, Ended: m.ended, Reloaded: m.reloaded, Status: m.status}
}

func (m *masterMetrics) started(handoff.Identity) { m.starts.Inc() }

func (m *masterMetrics) ended(_ handoff.Identity, why string) {
	m.exits.WithLabelValues(why).Inc()
	m.sweep()
}

// sweep removes what the dead have left. A fault that stays is logged once.
func (m *masterMetrics) sweep() {
	fault := ""
	if err := m.directory.Sweep(); err != nil {
		fault = err.Error()
	}
	if fault != "" && fault != m.fault {
		m.log.Warn("metrics directory cannot be swept", "error", fault)
	}
	m.fault = fault
}

func (m *masterMetrics) reloaded(failed error) {
	result := master.Committed
	if failed != nil {
		result = master.RolledBack
	}
	m.reloads.WithLabelValues(result).Inc()
}

func (m *masterMetrics) status(s master.Status) {
	m.generation.Set(float64(s.Generation))
	m.target.Set(float64(s.Target))
	states := map[master.State]int{}
	for _, w := range s.Workers {
		states[w.State]++
	}
	for _, state := range master.States() {
		m.workers.WithLabelValues(string(state)).Set(float64(states[state]))
	}
	m.perSlot(s.Workers)
	m.perListener(s.Listeners)
	m.notes.keep(s)
}

// perSlot shows each slot's newest worker; its memory is that of all that carry the slot. A slot that is empty shows 0:
// the files have no way to take a series back.
func (m *masterMetrics) perSlot(workers []master.WorkerStatus) {
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

func (m *masterMetrics) perListener(queues []listen.Queue) {
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

func (m *masterMetrics) close() {
	m.notes.close()
	if err := m.writer.Close(); err != nil {
		m.log.Warn("the master's metrics cannot be closed", "error", err)
	}
}
