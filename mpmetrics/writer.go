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

// DefaultMaxSeries is how many series a metric file may hold unless WriterOptions say otherwise.
const DefaultMaxSeries = 10_000

// retryInterval is how long series that found the disk full wait before they are tried again.
const retryInterval = time.Minute

// WriterOptions are what a Writer may be told. The zero value is good.
type WriterOptions struct {
	// Logger gets a line for each kind of trouble, once. It is called with locks held: a handler that counts lines
	// must not do so in metrics of this Writer. Nil discards.
	Logger *slog.Logger
	// MaxSeries bounds the series in each file, each bucket of a histogram being one. More are kept in memory
	// and counted. Zero means DefaultMaxSeries.
	MaxSeries int
	// Slot and Generation go into the lock file, for people to read. Zero means none.
	Slot, Generation int
}

// Writer makes metrics whose values lie in this process's files of a metrics directory, where any process can read
// and merge them (see Collector), and where they survive the process.
//
// Metrics are made from client_golang's own options and are of its own interfaces and vector types, so that code
// written for client_golang only changes the constructor, and promhttp's instrumentation takes them. Updates are
// safe for any number of goroutines and cost one atomic operation a value: no lock, no allocation, no system call. Only
// making series, and updating those that are kept in memory, takes a lock. Metrics may be made from any goroutine, too, also
// while the Writer is being closed.
//
// A metric never fails for want of a file. When the disk or the file is full, or the directory was wiped by a new
// master, it goes on in memory, is told once in the log, and is counted in the gauge
// multiproc_metric_series_unshared, which every Writer has. Room on the disk is looked for every minute.
//
// What differs from metrics in memory:
//
//   - A process that takes the id of an earlier one continues its counters, histograms, summaries and gauges that
//     are not live.
//   - A gauge that was never set is not on the page, where one in memory would show 0.
//   - Delete, DeleteLabelValues, DeletePartialMatch and Reset of a vector forget the series in this process, but do
//     not take it from the file: it stays on the page, and goes on from where it was when it is made again. The
//     log says so, once.
//   - Exemplars, native histograms, quantiles of summaries, units and created timestamps are not in the format.
type Writer struct {
	lease     dir.Lease
	log       *slog.Logger
	maxSeries int
	unshared  *series

	mu      sync.Mutex // guards what follows
	names   names
	files   map[format.Kind]*sharedFile
	untried map[string]*series // gauges that were never set, by series.name
	kept    map[string]*series // in memory only, by series.name
	nKept   int                // how many these are, each bucket being one
	told    map[string]bool    // causes of keeping series
	closed  bool

	toldRemade bool
	retry      time.Duration
	retrying   *time.Timer // nil when none waits
}

// NewWriter opens a metrics directory, as OpenDirectory does, to write under an id, which it holds until Close or
// the end of the process. It fails with ErrHeld where another living process has the id. The id consists of
// letters, digits, dots and dashes; who takes one after another continues its files, so use few. The caller closes the
// Writer, when nothing updates its metrics any more.
func NewWriter(path, id string, opts WriterOptions) (*Writer, error) {
	w := &Writer{
		log:       opts.Logger,
		maxSeries: opts.MaxSeries,
		names:     names{},
		files:     map[format.Kind]*sharedFile{},
		kept:      map[string]*series{},
		untried:   map[string]*series{},
		told:      map[string]bool{},
		retry:     retryInterval,
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
	if err := w.countUnshared(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close gives up the id and removes the files of live gauges. Closing it again does nothing. The metrics may go on
// being updated, which their files no longer show reliably: the next process of the same id may be at work on them.
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

// Must panics with err, if there is one, and gives the metric otherwise. It spares code that made its metrics with
// client_golang's constructors, which panic too, an error to handle.
func Must[T any](metric T, err error) T {
	if err != nil {
		panic(err)
	}
	return metric
}
