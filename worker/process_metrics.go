package worker

import (
	"errors"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// processInterval is the time between two updates of the process metrics.
const processInterval = time.Second

// processMetrics are metrics of the Go runtime. They are in the metrics directory, because a scrape reaches one worker only.
type processMetrics struct {
	goroutines, heap prometheus.Gauge
	samples          []metrics.Sample // reused
}

// Sources in package runtime/metrics. Reading them does not stop the process.
const (
	goroutinesSample  = "/sched/goroutines:goroutines"
	heapObjectsSample = "/memory/classes/heap/objects:bytes"
	heapUnusedSample  = "/memory/classes/heap/unused:bytes"
)

func newProcessMetrics(w *mpmetrics.Writer) (*processMetrics, error) {
	failed := setBuildInfo(w)
	gauge := func(name, help string) prometheus.Gauge {
		g, err := w.NewGauge(prometheus.GaugeOpts{Name: name, Help: help}, mpmetrics.ModeLiveSum)
		failed = errors.Join(failed, err)
		return g
	}
	p := &processMetrics{
		goroutines: gauge("go_goroutines", "Goroutines of all workers."),
		heap:       gauge("go_memstats_heap_inuse_bytes", "Bytes in heap spans that are in use, of all workers."),
		samples:    []metrics.Sample{{Name: goroutinesSample}, {Name: heapObjectsSample}, {Name: heapUnusedSample}},
	}
	if failed != nil {
		return nil, failed
	}
	p.set()
	return p, nil
}

func setBuildInfo(w *mpmetrics.Writer) error {
	build, err := w.NewGaugeVec(prometheus.GaugeOpts{
		Name: "multiproc_build_info",
		Help: "1, labelled with the version that the workers were built from.",
	}, mpmetrics.ModeLiveMax, []string{"version", "revision", "goversion"})
	if err != nil {
		return err
	}
	var version, revision, goversion string
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goversion = info.Main.Version, info.GoVersion
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}
	build.WithLabelValues(version, revision, goversion).Set(1)
	return nil
}

// run updates the metrics until the worker has ended.
func (p *processMetrics) run(ended <-chan struct{}) {
	ticker := time.NewTicker(processInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
			p.set()
		}
	}
}

func (p *processMetrics) set() {
	metrics.Read(p.samples)
	p.goroutines.Set(float64(p.samples[0].Value.Uint64()))
	p.heap.Set(float64(p.samples[1].Value.Uint64() + p.samples[2].Value.Uint64()))
}
