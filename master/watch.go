package master

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"multiproc/master/internal/fleet"
)

// settleTime is the time that a file must stay unchanged before its change is reported: files are often changed in several steps,
// and together with others.
const settleTime = 100 * time.Millisecond

// watcher reports changes of files. File system events only trigger a look; stat shows what has changed.
type watcher struct {
	notify  *fsnotify.Watcher
	changed func(path string)
	closed  atomic.Bool

	// The rest belongs to the goroutine of run.
	files []*watchedFile
	dirs  map[string]bool // watched
}

type watchedFile struct {
	path           string
	seen, reported fs.FileInfo // at the latest look, and at the latest report; nil: it did not exist
}

// watchFiles watches files, by absolute paths; they need not exist. A goroutine of its own calls changed for each file that was
// created, touched, written or replaced. The removal of a file is not a change.
func watchFiles(paths []string, changed func(path string)) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &watcher{notify: notify, changed: changed}
	for _, path := range paths {
		w.files = append(w.files, &watchedFile{path: filepath.Clean(path)})
	}
	for changed := true; changed && err == nil; { // until nothing has changed since the directories are watched
		changed, err = w.follow()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch files: %w", err), notify.Close())
	}
	for _, f := range w.files {
		if info, err := os.Stat(f.path); err == nil {
			f.seen, f.reported = info, info
		}
	}
	go w.run()
	return w, nil
}

// close ends the watch without waiting for a call of changed that is in progress.
func (w *watcher) close() {
	w.closed.Store(true)
	_ = w.notify.Close() // it never fails
}

// run ends when the watch is closed.
func (w *watcher) run() {
	settled := time.NewTimer(settleTime)
	settled.Stop()
	armed := false
	for {
		again := true
		select {
		case _, ok := <-w.notify.Events:
			if !ok {
				return
			}
		case _, ok := <-w.notify.Errors: // events were lost
			if !ok {
				return
			}
		case <-settled.C:
			armed = false
			again = w.look()
		}
		if again && !armed {
			armed = true
			settled.Reset(settleTime)
		}
	}
}

// look reports the files that have changed and are as they were at the look before. It returns true if another look must follow.
func (w *watcher) look() (again bool) {
	again, _ = w.follow() // a directory that cannot be watched now is tried again at the next look
	for _, f := range w.files {
		info, err := os.Stat(f.path)
		if err != nil || same(info, f.reported) {
			continue
		}
		settled := same(info, f.seen)
		f.seen = info
		switch {
		case !settled:
			again = true
		case w.closed.Load():
			return false
		default:
			f.reported = info
			w.changed(f.path)
		}
	}
	return again
}

func same(a, b fs.FileInfo) bool {
	return b != nil && os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// follow watches the directories that decide where the paths lead now, and no others. It reports whether these are other directories
// than before.
func (w *watcher) follow() (changed bool, err error) {
	dirs := map[string]bool{}
	for _, f := range w.files {
		addDirs(dirs, f.path)
	}
	for dir := range dirs {
		// Also if it is watched: another directory may have taken its place.
		if failed := w.notify.Add(dir); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, &fs.PathError{Op: "watch", Path: dir, Err: failed})
		}
	}
	for _, dir := range w.notify.WatchList() {
		if !dirs[dir] {
			_ = w.notify.Remove(dir) // it may be gone
		}
	}
	changed = !maps.Equal(dirs, w.dirs)
	w.dirs = dirs
	return changed, err
}

// addDirs adds the directories, free of symbolic links, with the entries that decide where a path leads: each symbolic link on
// the way, and the last entry or the first one that is missing. A deployment changes a link to its current release; Kubernetes
// changes ..data.
func addDirs(dirs map[string]bool, path string) {
	const maxLinks = 40 // the kernel's limit
	dir, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0 && links <= maxLinks; {
		entry := filepath.Join(dir, rest[0]) // also for "", . and ..
		rest = rest[1:]
		target, err := os.Readlink(entry)
		switch {
		case err == nil:
			links++
			dirs[dir] = true
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = slices.Concat(strings.Split(target, "/"), rest)
		case len(rest) == 0 || errors.Is(err, fs.ErrNotExist):
			dirs[filepath.Dir(entry)] = true
			return
		default:
			dir = entry
		}
	}
}

// watch makes a change of one of these files request a reload.
func (m *Master) watch(paths []string) {
	if slices.Equal(paths, m.watched) {
		return // a new watch would miss what has changed since the settings were read
	}
	m.watched = nil
	if m.watcher != nil {
		m.watcher.close()
		m.watcher = nil
	}
	if len(paths) == 0 {
		return
	}
	watcher, err := watchFiles(paths, func(path string) {
		m.send(func(m *Master) {
			m.log.Info("file changed", "path", path)
			m.handle(fleet.ReloadRequested{})
		})
	})
	if err != nil {
		m.log.Error("cannot watch files", "error", err)
		return
	}
	for _, path := range paths {
		if _, err := os.Stat(filepath.Dir(path)); err != nil { // it may be created later, or the path is wrong
			m.log.Warn("directory of watched file is missing", "path", path, "error", err)
		}
	}
	m.watcher, m.watched = watcher, paths
}
