package master

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/master/internal/fleet"
)

// settling is for how long nothing must happen to the files before they are looked at: whoever changes one often does so
// in steps, and changes others with it.
const settling = 100 * time.Millisecond

// watcher tells of files that change. It watches the directories in which the way to them is decided: that of each file,
// which may be replaced by another, and that of each symbolic link before it, which may be set anew, as a deployment
// does with a directory of its current release and Kubernetes with ..data.
type watcher struct {
	notify  *fsnotify.Watcher
	changed func(path string)
	closing chan struct{}

	// The rest belongs to the goroutine of run.
	files   []*watchedFile
	entries map[string]bool // whose change may be one of a file: the steps of the ways, and their directories
}

// watchedFile is a file as it was when it was last told of.
type watchedFile struct {
	path string
	version
}

// version is what differs between a file and what it was before.
type version struct {
	osfile.ID
	size    int64
	changed unix.Timespec
}

// watchFiles begins to watch files, by absolute paths. One that is not there is waited for; its directory must exist.
// After a change, changed is called once for each file, from a goroutine of the watcher's. That a file has gone is none.
func watchFiles(paths []string, changed func(path string)) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &watcher{notify: notify, changed: changed, closing: make(chan struct{})}
	for _, path := range paths {
		w.files = append(w.files, &watchedFile{path: filepath.Clean(path)})
	}
	if err := w.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("watch files: %w", err), notify.Close())
	}
	go w.run()
	return w, nil
}

func (w *watcher) begin() error {
	for _, f := range w.files {
		if info, err := os.Stat(filepath.Dir(f.path)); err != nil {
			return err
		} else if !info.IsDir() {
			return &os.PathError{Op: "watch", Path: filepath.Dir(f.path), Err: unix.ENOTDIR}
		}
	}
	if err := w.follow(); err != nil {
		return err
	}
	for _, f := range w.files {
		f.version, _ = versionOf(f.path) // that it is not there yet is fine
	}
	return nil
}

// Close ends it. A call of changed that is under way may go on: it may be waiting for whoever calls Close.
func (w *watcher) Close() {
	close(w.closing)
	_ = w.notify.Close() // it says nothing
}

// run ends when the watch is closed.
func (w *watcher) run() {
	quiet := time.NewTimer(settling)
	quiet.Stop()
	for {
		select {
		case e, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if !w.entries[e.Name] {
				continue
			}
		case _, ok := <-w.notify.Errors: // too much has happened at once: it may have been anything
			if !ok {
				return
			}
		case <-quiet.C:
			if !w.tell() {
				return
			}
			continue
		}
		_ = w.follow() // of a way that cannot be watched now, the rest still is
		quiet.Reset(settling)
	}
}

// tell tells of what has changed, unless the watch is closed.
func (w *watcher) tell() bool {
	for _, f := range w.files {
		now, ok := versionOf(f.path)
		if !ok || now == f.version {
			continue
		}
		f.version = now
		select {
		case <-w.closing:
			return false
		default:
			w.changed(f.path)
		}
	}
	return true
}

// follow watches the directories where the ways to the files lead now, and no others. It goes over them until nothing
// has changed since they are watched.
func (w *watcher) follow() error {
	for {
		entries := map[string]bool{}
		dirs := map[string]bool{}
		for _, f := range w.files {
			for _, step := range steps(f.path) {
				dir := filepath.Dir(step)
				entries[step], entries[dir], dirs[dir] = true, true, true
			}
		}
		var errs []error
		for dir := range dirs {
			if err := w.notify.Add(dir); err != nil {
				errs = append(errs, &os.PathError{Op: "watch", Path: dir, Err: err})
			}
		}
		if maps.Equal(entries, w.entries) {
			for _, dir := range w.notify.WatchList() {
				if !dirs[dir] {
					_ = w.notify.Remove(dir) // it may have gone by itself
				}
			}
			return errors.Join(errs...)
		}
		w.entries = entries
	}
}

// steps are the directory entries that decide where a path leads: each symbolic link on the way, and the entry at its
// end, which may be missing. Their directories are free of links.
func steps(path string) []string {
	const maxLinks = 40 // the kernel's limit
	var found []string
	at, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0 && links <= maxLinks; {
		name := rest[0]
		rest = rest[1:]
		entry := filepath.Join(at, name) // also for "", . and ..
		target, err := os.Readlink(entry)
		if err == nil {
			links++
			found = append(found, entry)
			if filepath.IsAbs(target) {
				at = "/"
			}
			rest = slices.Concat(strings.Split(target, "/"), rest)
			continue
		}
		if len(rest) == 0 || errors.Is(err, unix.ENOENT) {
			return append(found, entry)
		}
		at = entry
	}
	return found
}

// versionOf is what is at a path now, if anything is.
func versionOf(path string) (version, bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return version{}, false
	}
	return version{osfile.IDFromStat(&st), st.Size, st.Mtim}, true
}

// watch asks for a reload when one of the files has changed.
func (m *Master) watch(paths []string) {
	if slices.Equal(paths, m.watched) {
		return // a new watch would miss what has changed since the settings were read
	}
	m.watched = nil
	if m.watcher != nil {
		m.watcher.Close()
		m.watcher = nil
	}
	if len(paths) == 0 {
		return
	}
	watcher, err := watchFiles(paths, func(path string) {
		// The master may be waiting for the end of this very watcher.
		go m.send(func(m *Master) {
			m.log.Info("file has changed", "path", path)
			m.handle(fleet.ReloadRequested{})
		})
	})
	if err != nil {
		m.log.Error("files cannot be watched", "error", err)
		return
	}
	m.watcher, m.watched = watcher, paths
}
