package mpmetrics

import (
	"cmp"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// tries bounds how often a reading begins anew because files are cut short under it.
const tries = 3

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

	mu             sync.Mutex
	pending        *reading        // not begun yet
	toldDuplicates map[string]bool // by name of the family
	toldError      string          // of the further Gatherers, the last one

	directory sync.Mutex // held while reading it; guards what follows
	sources   map[string]*source
	order     []*source // by name
	known     [metricTypes]samples
	plan      *plan
	listing   uint64
	dirents   []byte
	device    uint64
	inode     uint64
	removed   int             // sources since the samples were last pruned
	told      map[string]bool // faults in the log

	snapshots   sync.Pool // of *snapshot
	pages       sync.Pool // of *[]byte
	compressors compressors
}

// reading is one reading of the directory for all who asked before it began.
type reading struct {
	done     chan struct{}
	holders  int32
	snapshot *snapshot
}

// NewCollector makes a Collector of the directory at path, which is opened anew for each reading and may come,
// go and be replaced. The caller should Close it.
func NewCollector(path string, opts CollectorOptions) *Collector {
	c := &Collector{
		path:           filepath.Clean(path),
		log:            opts.Logger,
		gatherers:      opts.Gatherers,
		now:            time.Now,
		sources:        map[string]*source{},
		toldDuplicates: map[string]bool{},
		dirents:        make([]byte, 1<<15),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for t := range c.known {
		c.known[t].typ = metricType(t)
	}
	return c
}

// Close gives up the mappings. The Collector can still be used, and begins anew.
func (c *Collector) Close() {
	c.directory.Lock()
	defer c.directory.Unlock()
	c.forget()
}

// read gives a snapshot that was read after the call began. The caller must release it.
func (c *Collector) read() *snapshot {
	c.mu.Lock()
	r := c.pending
	if r != nil {
		r.holders++
		c.mu.Unlock()
		<-r.done
		return r.snapshot
	}
	r = &reading{done: make(chan struct{}), holders: 1}
	c.pending = r
	c.mu.Unlock()

	c.directory.Lock()
	defer c.directory.Unlock()
	defer close(r.done)
	c.mu.Lock()
	c.pending = nil // who comes from here on wants a later one
	c.mu.Unlock()
	r.snapshot = c.readDirectory()
	r.snapshot.holders.Store(r.holders)
	return r.snapshot
}

func (c *Collector) release(s *snapshot) {
	if s.holders.Add(-1) == 0 {
		c.snapshots.Put(s)
	}
}

func (c *Collector) readDirectory() *snapshot {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	s, ok := c.snapshots.Get().(*snapshot)
	if !ok {
		s = &snapshot{}
	}
	for try := 1; ; try++ {
		changed, fault := c.refresh()
		if changed || c.plan == nil {
			c.plan = makePlan(c.order, fault)
			c.tell(c.plan.faults)
			c.prune()
		}
		cut := c.plan.readInto(s)
		if len(cut) == 0 {
			return s
		}
		// What was cut short since it was looked at is in part missing: once more without it.
		for _, source := range cut {
			source.unmap()
		}
		c.plan = nil
		if try == tries {
			return s
		}
	}
}

// refresh brings all sources up to date.
func (c *Collector) refresh() (changed bool, fault *Fault) {
	failed := func(err error) (bool, *Fault) {
		c.forget()
		return true, &Fault{"", -1, ReasonDirectory, err}
	}
	dir, err := openDir(c.path, 0)
	if err != nil {
		return failed(err)
	}
	defer dir.Close()
	var st unix.Stat_t
	if err := unix.Fstat(dir.fd, &st); err != nil {
		return failed(err)
	}
	if st.Dev != c.device || st.Ino != c.inode {
		c.forget()
		c.device, c.inode = st.Dev, st.Ino
	}
	if changed, err = c.list(dir); err != nil {
		return failed(err)
	}
	v := &visit{dir: dir, now: c.now(), strict: st.Mode&0o022 != 0, owner: st.Uid}
	alive := map[string]bool{}
	var like [metricTypes * modes][]entry
	for _, s := range c.order {
		if !s.foreign {
			table := &like[int(s.typ)*modes+int(s.mode)]
			changed = s.refresh(v, &c.known[s.typ], *table) || changed
			if len(s.table) > 0 {
				*table = s.table
			}
			if s.image != nil {
				v.mapped++
			}
		}
		if counts := !s.live() || c.alive(dir, s.id, alive); counts != s.counts {
			s.counts = counts
			changed = true
		}
	}
	return changed, nil
}

// list sees which files there are.
func (c *Collector) list(dir dirfd) (changed bool, err error) {
	c.listing++
	before := len(c.sources)
	seen := 0
	err = dir.list(c.dirents, func(name []byte, inode uint64, typ uint8) {
		if len(name) < len(fileSuffix) || string(name[len(name)-len(fileSuffix):]) != fileSuffix {
			return
		}
		seen++
		s := c.sources[string(name)]
		if s == nil || s.inode != inode || s.listed != typ {
			if s != nil {
				s.unmap()
				c.removed++
			}
			s = newSource(string(name), inode, typ)
			c.sources[s.file] = s
			changed = true
		}
		s.seen = c.listing
	})
	if err != nil {
		return false, err
	}
	if seen != before || changed {
		changed = true
		c.order = c.order[:0]
		for name, s := range c.sources {
			if s.seen != c.listing {
				s.unmap()
				delete(c.sources, name)
				c.removed++
				continue
			}
			c.order = append(c.order, s)
		}
		slices.SortFunc(c.order, func(a, b *source) int { return cmp.Compare(a.file, b.file) })
	}
	return changed, nil
}

// alive reports whether the process of an id lives, as far as that can be told: ids without a lock file are
// another library's, which removes the files of its dead itself.
func (c *Collector) alive(dir dirfd, id string, known map[string]bool) bool {
	alive, ok := known[id]
	if ok {
		return alive
	}
	alive = true
	if fd, err := dir.open(lockName(id), unix.O_RDONLY, 0); err == nil {
		alive, err = locked(fd, lifeByte)
		alive = alive || err != nil
		_ = unix.Close(fd)
	}
	known[id] = alive
	return alive
}

// forget drops all that is known of the directory.
func (c *Collector) forget() {
	for _, s := range c.order {
		s.unmap()
	}
	clear(c.sources)
	c.order, c.plan = nil, nil
	c.device, c.inode = 0, 0
	for t := range c.known {
		c.known[t].known = nil
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
		known := &c.known[s.typ]
		for _, e := range s.table {
			known.keep(e.sample)
		}
	}
}

// tell logs the faults that were not there before.
func (c *Collector) tell(faults []*Fault) {
	now := map[string]bool{}
	for _, f := range faults {
		once := f.File + " " + string(f.Reason)
		if !now[once] && !c.told[once] {
			c.log.Warn("metric file is faulty", "directory", c.path, "file", f.File, "offset", f.Offset,
				"reason", string(f.Reason), "error", f.Err)
		}
		now[once] = true
	}
	c.told = now
}
