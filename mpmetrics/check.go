package mpmetrics

import (
	"errors"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics/internal/dir"
)

// check recreates files that were truncated, removed or replaced since the last time.
func (w *Writer) check() {
	w.mu.Lock()
	n, again := 0, false
	if !w.closed {
		if n, again = w.restoreLocked(); again {
			w.checking.Reset(w.checkInterval)
		}
	}
	w.mu.Unlock()
	if n > 0 {
		w.countRecreated(n)
	}
}

// restoreLocked brings the files back into the directory and returns the number of those that were recreated. After a wipe the
// directory belongs to others, so there is no use in looking again.
func (w *Writer) restoreLocked() (recreated int, again bool) {
	err := w.keepLeaseLocked()
	if errors.Is(err, dir.ErrWiped) {
		return 0, false
	}
	lost := 0
	var unlogged []string
	for _, f := range w.files {
		if err == nil {
			if damage := w.restoreFileLocked(f); damage != "" {
				recreated++
				if !w.loggedFiles[f.name] {
					w.loggedFiles[f.name] = true
					unlogged = append(unlogged, f.name+" "+damage)
				}
			}
		}
		if f.lost = f.lost || err != nil; f.lost {
			lost += len(f.entries)
		}
	}
	if err != nil {
		w.keptLocked(err)
	}
	if len(unlogged) > 0 {
		slices.Sort(unlogged)
		w.log.Warn("metric files recreated", "id", w.id, "directory", w.path, "files", unlogged)
	}
	if before := w.nLost; before != lost {
		w.nLost = lost
		w.keepLocked(0)
		if lost == 0 && w.retrying == nil {
			clear(w.loggedCauses)
			w.log.Info("metrics shared again", "id", w.id, "still_unshared", w.nKept)
		}
	}
	return recreated, true
}

// keepLeaseLocked takes the id again if the lease was lost.
func (w *Writer) keepLeaseLocked() error {
	if w.lease != nil {
		if err := w.lease.Keep(); !errors.Is(err, dir.ErrLost) {
			return err
		}
	}
	d, err := dir.ReopenWritable(w.path)
	if err != nil {
		return err
	}
	if err := w.takeLocked(d); err != nil {
		return err
	}
	if w.retrying != nil {
		w.shareKeptLocked()
	}
	return nil
}

// restoreFileLocked recreates a damaged file and returns the damage, or "" if there was none. On failure it sets f.lost.
func (w *Writer) restoreFileLocked(f *sharedFile) (damage string) {
	f.lost = false
	if damage = f.damage(w.lease.Dir); damage == "" {
		return ""
	}
	if err := f.recreate(w.lease); err != nil {
		f.lost = true
		w.keptLocked(err)
		return ""
	}
	return damage
}

func (w *Writer) countRecreated(n int) {
	w.recreatedOnce.Do(func() {
		// NewCounter fails if the program has a metric of this name.
		w.recreated, _ = w.NewCounter(prometheus.CounterOpts{
			Name: "multiproc_metric_files_recreated_total",
			Help: "Metric files recreated because they were truncated, removed or replaced.",
		})
	})
	if w.recreated != nil {
		w.recreated.Add(float64(n))
	}
}
