package mpmetrics

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// DefaultMaxSeries is the default limit of series in a metric file.
const DefaultMaxSeries = 10_000

const (
	// retryInterval is the time between attempts to share the series that found the disk full.
	retryInterval = time.Minute
	// checkInterval is the time between checks of the files. The values of a file that was truncated, removed or replaced are
	// missing from the page until the next one. A check takes a dozen system calls.
	checkInterval = time.Second / 2
)

// WriterOptions configure a Writer. The zero value is ready to use.
type WriterOptions struct {
	// Logger gets one line for each kind of failure. It is called with locks held: a handler that counts lines must not
	// do so in metrics of this Writer. Nil discards.
	Logger *slog.Logger
	// MaxSeries limits the series in each file, where each bucket of a histogram is one. Further series are kept in
	// memory and counted. Zero means DefaultMaxSeries.
	MaxSeries int
	// Slot and Generation are written to the lock file, for inspection. Zero means none.
	Slot, Generation int
	// Lenient makes NewWriter succeed although the directory cannot be used or the id is held. The metrics are in memory until
	// that changes. It is for processes that replace others, after the first one has checked the directory.
	Lenient bool
}

// Writer makes metrics whose values are in this process's files in a metrics directory, where any process can read
// and merge them (see Collector), and where they survive the process.
//
// Metrics are made from client_golang's own options and have its own interfaces and vector types. Code written for
// client_golang only changes the constructor, and promhttp's instrumentation accepts them. Updates are safe for concurrent
// use and cost one atomic operation per value: no lock, no allocation, no system call. Only making a series, and updating
// one that is kept in memory, takes a lock. Metrics can be made by any goroutine, even while the Writer is being closed.
//
// A metric never fails for lack of a file. If the disk or the file is full, or a new master has wiped the directory, it
// continues in memory. That is logged once and counted in the gauge multiproc_metric_series_unshared, which every Writer
// has. If the disk was full, sharing is retried every minute.
//
// The same holds if others truncate, remove or replace a file, the subdirectory .mpm or something in it, or the whole directory:
// no update panics or is lost, and within two seconds the file is recreated. That is logged once for each file and counted in
// multiproc_metric_files_recreated_total, which is made with the first one. Values that truncation has cleared begin at 0; the others
// continue. What was put in the place of a file is moved into .mpm. The price is a deferred call in each update.
//
// A file that is damaged is set aside in the subdirectory .mpm, and its metrics begin at 0. The package comment lists all differences from
// client_golang.
type Writer struct {
	path          string // absolute
	id            string
	holder        dir.Holder
	log           *slog.Logger
	maxSeries     int
	unshared      *series
	recreatedOnce sync.Once
	recreated     prometheus.Counter // after recreatedOnce; nil if the name is taken

	mu           sync.Mutex // guards what follows
	lease        *dir.Lease // nil if there was none yet; it may be void
	registry     registry
	files        map[format.Kind]*sharedFile
	pending      map[string]*series // not in a file: never set, or kept in memory for lack of room; by series.name
	nKept        int                // values kept in memory
	nLost        int                // values in files that are not in the directory
	loggedCauses map[string]bool    // causes of keeping series in memory
	loggedFiles  map[string]bool    // names of files recreated
	closed       bool

	loggedRemade  bool
	retry         time.Duration
	retrying      *time.Timer // nil if no retry is due
	checkInterval time.Duration
	checking      *time.Timer
}

// NewWriter opens a metrics directory, as OpenDirectory does, for writing under an id, which it holds until Close or the end
// of the process. It fails with ErrHeld if another live process holds the id. The id consists of letters, digits, dots and
// dashes. A process continues the files of the id's last holder, so reuse ids: each new one adds files. The caller must
// Close the Writer once nothing updates its metrics.
func NewWriter(path, id string, opts WriterOptions) (*Writer, error) {
	w := &Writer{
		id:            id,
		log:           opts.Logger,
		maxSeries:     opts.MaxSeries,
		registry:      registry{},
		files:         map[format.Kind]*sharedFile{},
		pending:       map[string]*series{},
		loggedCauses:  map[string]bool{},
		loggedFiles:   map[string]bool{},
		retry:         retryInterval,
		checkInterval: checkInterval,
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.maxSeries <= 0 {
		w.maxSeries = DefaultMaxSeries
	}
	w.holder = dir.Holder{Slot: opts.Slot, Generation: opts.Generation, Start: time.Now().UTC(), Program: os.Args[0]}
	if path != "" {
		var err error
		if w.path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
	}
	d, err := dir.OpenWritable(w.path, w.log)
	if err == nil {
		err = w.takeLocked(d)
	}
	switch {
	case err == nil:
	case opts.Lenient && w.path != "" && format.ValidID(id):
		w.keptLocked(err)
	default:
		return nil, err
	}
	if err := w.makeUnshared(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checking = time.AfterFunc(w.checkInterval, w.check)
	return w, nil
}

// takeLocked takes the id in an open directory, in place of a lease that is void. It closes the directory if that fails.
func (w *Writer) takeLocked(d dir.Dir) error {
	lease, err := d.Take(w.id, w.holder)
	if err != nil {
		return errors.Join(err, d.Close())
	}
	if w.lease != nil {
		_ = errors.Join(w.lease.Release(), w.lease.Dir.Close())
	}
	w.lease = lease
	return nil
}

// Close releases the id and removes the files of live gauges. Closing it again does nothing. The metrics can still be
// updated, but their files no longer show it reliably, since the next holder of the id may be writing them.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	for _, timer := range []*time.Timer{w.retrying, w.checking} {
		if timer != nil {
			timer.Stop()
		}
	}
	var errs []error
	if l := w.lease; l != nil {
		if l.Check() == nil { // otherwise the files are those of another process of the same id
			errs = append(errs, l.RemoveLive())
		}
		errs = append(errs, l.Release(), l.Dir.Close())
	}
	for _, f := range w.files {
		errs = append(errs, f.memory.Close())
	}
	return errors.Join(errs...)
}
