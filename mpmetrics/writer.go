package mpmetrics

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// DefaultMaxSeries is the default limit of series in a metric file.
const DefaultMaxSeries = 10_000

// retryInterval is the time between attempts to share the series that found the disk full.
const retryInterval = time.Minute

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
// Differences from metrics in memory:
//
//   - A process that takes the id of an earlier one continues its counters, histograms and summaries, and its gauges that
//     are not live. A file that is damaged is set aside in the subdirectory .mpm, and its metrics begin at 0.
//   - A gauge that was never set is not on the page; one in memory would be 0.
//   - Delete, DeleteLabelValues, DeletePartialMatch and Reset of a vector drop the series in this process, but not in the
//     file: it stays on the page, and continues from its value if it is made again. This is logged once.
//   - Exemplars, native histograms, quantiles of summaries, units and created timestamps are not in the format.
type Writer struct {
	lease     dir.Lease
	log       *slog.Logger
	maxSeries int
	unshared  *series

	mu           sync.Mutex // guards what follows
	registry     registry
	files        map[format.Kind]*sharedFile
	pending      map[string]*series // not in a file: never set, or kept in memory for lack of room; by series.name
	nKept        int                // values kept in memory
	loggedCauses map[string]bool    // causes of keeping series in memory
	closed       bool

	loggedRemade bool
	retry        time.Duration
	retrying     *time.Timer // nil if no retry is due
}

// NewWriter opens a metrics directory, as OpenDirectory does, for writing under an id, which it holds until Close or the end
// of the process. It fails with ErrHeld if another live process holds the id. The id consists of letters, digits, dots and
// dashes. A process continues the files of the id's last holder, so reuse ids: each new one adds files. The caller must
// Close the Writer once nothing updates its metrics.
func NewWriter(path, id string, opts WriterOptions) (*Writer, error) {
	w := &Writer{
		log:          opts.Logger,
		maxSeries:    opts.MaxSeries,
		registry:     registry{},
		files:        map[format.Kind]*sharedFile{},
		pending:      map[string]*series{},
		loggedCauses: map[string]bool{},
		retry:        retryInterval,
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.maxSeries <= 0 {
		w.maxSeries = DefaultMaxSeries
	}
	d, err := dir.OpenWritable(path, w.log)
	if err != nil {
		return nil, err
	}
	w.lease, err = d.Take(id, dir.Holder{
		Slot: opts.Slot, Generation: opts.Generation, Start: time.Now().UTC(), Program: os.Args[0],
	})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if err := w.makeUnshared(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
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
	if w.retrying != nil {
		w.retrying.Stop()
	}
	var errs []error
	if w.lease.Valid() { // otherwise the files are those of another process of the same id
		errs = append(errs, w.lease.RemoveLive())
	}
	errs = append(errs, w.lease.Release(), w.lease.Dir.Close())
	for _, f := range w.files {
		errs = append(errs, os.NewSyscallError("close", unix.Close(f.fd)))
	}
	return errors.Join(errs...)
}
