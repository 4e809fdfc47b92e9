package mpmetrics

import (
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/format"
)

// CollectorOptions are what a Collector may be told. The zero value is good.
type CollectorOptions struct {
	// Logger gets a line for each faulty file, once. Nil discards.
	Logger *slog.Logger
	// Gatherers give further families of the page, in order of precedence, the directory's coming first. They
	// must not gather from this Collector.
	Gatherers []prometheus.Gatherer
}

// Collector reads a metrics directory and merges what all processes wrote, as prometheus_client's
// MultiProcessCollector does, again and again: it keeps the files mapped and their keys parsed, so that a scrape
// mostly reads values. It needs no permission to write and changes nothing.
//
// It is a prometheus.Collector, a prometheus.Gatherer and an http.Handler, all safe for concurrent use. Those that
// come at the same time share one reading, which never began before the one that gets it came.
//
// A damaged, unreadable or foreign file never fails it and hides no other file's samples. What could not be used is
// counted by reason in the gauge multiproc_metric_files_faulty and named in the log, once. The gauge is only there
// when there is something to count.
type Collector struct {
	path      string
	log       *slog.Logger
	gatherers []prometheus.Gatherer
	now       func() time.Time
	only      []string // names of files, as if there were no others; nil: all

	mu               sync.Mutex
	pending          *collection     // not begun yet
	loggedDuplicates map[string]bool // by name of the family
	loggedError      string          // of the further Gatherers, the last one

	directory    sync.Mutex // held while reading it; guards what follows
	sources      map[string]*source
	order        []*source // by name
	known        [format.Types]samples
	layout       *pageLayout
	listings     uint64
	dirents      []byte
	id           osfile.ID       // of the directory
	removed      int             // sources since the samples were last pruned
	loggedFaults map[string]bool // faults in the log

	valuesPool  sync.Pool // of *snapshot
	pages       sync.Pool // of *[]byte
	compressors compressors
}

// NewCollector makes a Collector of the directory at path, which is opened anew for each reading and may come,
// go and be replaced. The caller should Close it.
func NewCollector(path string, opts CollectorOptions) *Collector {
	c := &Collector{
		path:             filepath.Clean(path),
		log:              opts.Logger,
		gatherers:        opts.Gatherers,
		now:              time.Now,
		sources:          map[string]*source{},
		loggedDuplicates: map[string]bool{},
		dirents:          make([]byte, 1<<15),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for t := range c.known {
		c.known[t].typ = format.Type(t)
	}
	return c
}

// Close gives up the mappings, when a reading that is under way has ended. The Collector can still be used, and begins anew.
func (c *Collector) Close() {
	c.directory.Lock()
	defer c.directory.Unlock()
	c.forget()
}

// forget drops all that is known of the directory.
func (c *Collector) forget() {
	for _, s := range c.order {
		s.unmap()
	}
	clear(c.sources)
	c.order, c.layout = nil, nil
	c.id = osfile.ID{}
	for t := range c.known {
		c.known[t] = samples{typ: format.Type(t)}
	}
}

// prune drops the samples that no file has any more, now and then, so that a directory whose files come and go
// does not fill the memory.
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

// tell logs the faults that were not there before.
func (c *Collector) logFaults(faults []*Fault) {
	now := map[string]bool{}
	for _, f := range faults {
		once := f.File + " " + string(f.Reason)
		if !now[once] && !c.loggedFaults[once] {
			c.log.Warn("faulty metric file", "directory", c.path, "file", f.File, "offset", f.Offset,
				"reason", string(f.Reason), "error", f.Err)
		}
		now[once] = true
	}
	c.loggedFaults = now
}
