package mpmetrics

import (
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/format"
)

// CollectorOptions configure a Collector. The zero value is ready to use.
type CollectorOptions struct {
	// Logger gets one line for each faulty file. Nil discards.
	Logger *slog.Logger
	// Gatherers add families to the page. If several have a family, the directory's comes first, then that of the
	// first Gatherer. They must not gather from this Collector. Their exemplars and units are written in OpenMetrics and
	// protobuf, a unit in OpenMetrics only if the name of the family ends in it. Text 0.0.4 has neither.
	Gatherers []prometheus.Gatherer
}

// Collector reads a metrics directory and merges the metrics of all processes, as prometheus_client's MultiProcessCollector
// does. It keeps the files mapped and their keys parsed, so that a scrape mostly reads values. It needs no permission to
// write and changes nothing.
//
// It is a prometheus.Collector, a prometheus.Gatherer and an http.Handler, all safe for concurrent use. Concurrent scrapes
// share one reading of the directory, which never began before any of them.
//
// A damaged, unreadable or foreign file never fails a scrape and never hides another file's samples. Such files are counted
// by reason in the gauge multiproc_metric_files_faulty, which exists only if there are any, and logged once.
type Collector struct {
	path      string
	log       *slog.Logger
	gatherers []prometheus.Gatherer
	now       func() time.Time
	only      []string // names of the files to read; nil for all
	maxFiles  int

	mu               sync.Mutex
	pending          *collection     // not begun yet
	loggedDuplicates map[string]bool // by name of the family
	loggedError      string          // the last one of the other Gatherers

	directory    sync.Mutex // held while reading the directory; guards the following fields
	sources      map[string]*source
	order        []*source // by name
	known        [format.Types]samples
	layout       *pageLayout
	listings     uint64
	last         string // the last file by name that is read, if there are too many; otherwise empty
	leftOut      int    // files that are not read because there are too many
	dirents      []byte
	id           osfile.ID       // of the directory
	removed      int             // sources since the samples were last pruned
	loggedFaults map[string]bool // by file and reason

	valuesPool sync.Pool // of *values
	buffers    sync.Pool // of *[]byte
	pages      *pages
	compressor compressor
}

// NewCollector makes a Collector of the directory at path. The directory is opened for each reading, so it can be created,
// removed and replaced at any time. The caller should Close the Collector.
func NewCollector(path string, opts CollectorOptions) *Collector {
	c := &Collector{
		path:             filepath.Clean(path),
		log:              opts.Logger,
		gatherers:        opts.Gatherers,
		now:              time.Now,
		maxFiles:         maxFiles,
		sources:          map[string]*source{},
		loggedDuplicates: map[string]bool{},
		dirents:          make([]byte, 1<<15),
	}
	c.pages = newPages(c.render, func(buffer *[]byte) { c.buffers.Put(buffer) })
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for t := range c.known {
		c.known[t].typ = format.Type(t)
	}
	return c
}

// Faults returns the faults of the last reading.
func (c *Collector) Faults() []*Fault {
	c.directory.Lock()
	defer c.directory.Unlock()
	if c.layout == nil {
		return nil
	}
	return slices.Clone(c.layout.faults)
}

// Close drops the mappings, once a reading in progress has ended. The Collector can still be used, and then starts over.
func (c *Collector) Close() {
	c.directory.Lock()
	defer c.directory.Unlock()
	c.forget()
}

// forget drops everything read from the directory.
func (c *Collector) forget() {
	for _, s := range c.order {
		s.unmap()
	}
	clear(c.sources)
	c.order, c.layout = nil, nil
	c.last, c.leftOut = "", 0
	c.id = osfile.ID{}
	for t := range c.known {
		c.known[t] = samples{typ: format.Type(t)}
	}
}

// prune drops, from time to time, the samples that no file has any more, so that a directory whose files come and go does
// not fill the memory.
func (c *Collector) prune() {
	if c.removed <= len(c.sources)+100 {
		return
	}
	c.removed = 0
	for t := range c.known {
		c.known[t].known = nil
	}
	for _, s := range c.order {
		known := &c.known[s.Type]
		for _, e := range s.table {
			known.keep(e.sample)
		}
	}
}

// maxFaultLines bounds the lines for new faults of one reason in one reading.
const maxFaultLines = 10

// logFaults logs the faults that are new.
func (c *Collector) logFaults(faults []*Fault) {
	now := map[string]bool{}
	lines := map[Reason]int{}
	for _, f := range faults {
		once := f.File + " " + string(f.Reason)
		if !now[once] && !c.loggedFaults[once] {
			if lines[f.Reason]++; lines[f.Reason] <= maxFaultLines {
				c.log.Warn("faulty metric file", "directory", c.path, "file", f.File, "offset", f.Offset,
					"reason", string(f.Reason), "error", f.Err)
			}
		}
		now[once] = true
	}
	for reason, n := range lines {
		if n > maxFaultLines {
			c.log.Warn("more faulty metric files", "directory", c.path, "reason", string(reason), "files", n-maxFaultLines)
		}
	}
	c.loggedFaults = now
}
