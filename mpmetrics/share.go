package mpmetrics

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// makeUnshared makes the Writer's own gauge.
func (w *Writer) makeUnshared() error {
	g, err := w.NewGauge(prometheus.GaugeOpts{
		Name: "multiproc_metric_series_unshared",
		Help: "Series kept in the memory of processes because their metric files have no room.",
	}, ModeLiveSum)
	if err != nil {
		return err
	}
	g.Set(0)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unshared = g.(*gauge).series
	w.keepLocked(0)
	return nil
}

// adopt takes a new series. If one for the same labels was made before its vector was reset, and is not in the file, where it
// would be found, it returns that one. Unless the series is lazy, it gets its place in the file, if there is room; a lazy one
// gets it on its first update.
func (w *Writer) adopt(s *series, lazy bool) *series {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before := w.pending[s.name()]; before != nil {
		s = before
	} else {
		w.pending[s.name()] = s
	}
	if !lazy && !s.tried {
		w.shareLocked(s)
	}
	return s
}

func (w *Writer) shareLocked(s *series) {
	s.tried = true
	if !w.loggedRemade && w.remadeLocked(s) {
		w.loggedRemade = true
		w.log.Warn("deleted series stay in the metric file", "id", w.id, "series", s.keys[0])
	}
	cells, err := w.placeLocked(s)
	if err == nil {
		delete(w.pending, s.name())
		s.moveLocked(cells)
		return
	}
	w.keepLocked(len(s.values))
	w.failedLocked(s, err)
	if !s.final && w.retrying == nil {
		w.retrying = time.AfterFunc(w.retry, w.shareKept)
	}
}

// shareKept retries the series that found no room. If one series of a file finds none, the others wait for the next retry.
func (w *Writer) shareKept() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && w.retrying != nil {
		w.shareKeptLocked()
	}
}

func (w *Writer) shareKeptLocked() {
	failed := map[format.Kind]bool{}
	shared, again := 0, false
	for name, s := range w.pending {
		if !s.tried || s.final || failed[s.kind] {
			continue
		}
		cells, err := w.placeLocked(s)
		if err != nil {
			w.failedLocked(s, err)
			failed[s.kind], again = !s.final, again || !s.final
			continue
		}
		s.moveLocked(cells)
		delete(w.pending, name)
		shared++
		w.keepLocked(-len(s.values))
	}
	if again {
		w.retrying.Reset(w.retry)
		return
	}
	w.retrying.Stop() // if it was not the timer that called
	w.retrying = nil
	if w.nLost > 0 {
		return
	}
	clear(w.loggedCauses)
	if shared > 0 {
		w.log.Info("metrics shared again", "id", w.id, "still_unshared", w.nKept)
	}
}

func (w *Writer) failedLocked(s *series, err error) {
	s.final = errors.Is(err, errFull) || errors.Is(err, dir.ErrWiped) || errors.Is(err, errClosed)
	if !errors.Is(err, dir.ErrLost) { // otherwise the next check restores the lease, or logs why it cannot
		w.keptLocked(err)
	}
}

// keptLocked logs once for each cause that metrics are kept in memory.
func (w *Writer) keptLocked(err error) {
	if once := err.Error(); !w.loggedCauses[once] {
		w.loggedCauses[once] = true
		w.log.Warn("metrics kept in memory, not shared", "id", w.id, "error", err)
	}
}

func (w *Writer) placeLocked(s *series) ([]*format.Cell, error) {
	if w.closed {
		return nil, errClosed
	}
	f, err := w.fileLocked(s.kind)
	if err != nil {
		return nil, err
	}
	cells, err := f.place(s.keys, w.maxSeries)
	if err != nil {
		return nil, fmt.Errorf("write metric file %s: %w", filepath.Join(w.path, f.name), err)
	}
	return cells, nil
}

func (w *Writer) fileLocked(k format.Kind) (*sharedFile, error) {
	if w.lease == nil {
		return nil, dir.ErrLost
	}
	if f := w.files[k]; f != nil {
		if err := w.lease.Check(); errors.Is(err, dir.ErrWiped) {
			return nil, err
		}
		return f, nil
	}
	f, setAside, err := openShared(w.lease, k)
	if setAside != nil {
		w.log.Warn("damaged metric file set aside", "moved_to", w.lease.Dir.Join(dir.Own), "error", setAside)
	}
	if err != nil {
		return nil, err
	}
	w.files[k] = f
	return f, nil
}

// remadeLocked reports whether this process has made the series before: it was deleted from its vector.
func (w *Writer) remadeLocked(s *series) bool {
	f := w.files[s.kind]
	return f != nil && f.entries[s.keys[0]].mine
}

// keepLocked counts n more series that are in memory only, or fewer.
func (w *Writer) keepLocked(n int) {
	w.nKept += n
	if w.unshared != nil {
		count := float64(w.nKept + w.nLost)
		w.unshared.slowLocked(0, func(c *format.Cell) { c.Set(count, 0) }, func(kept *seriesValue) { kept.value = count })
	}
}
