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
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"

	"multiproc/master/internal/fleet"
)

// settleTime is the time that a file must stay unchanged before its change is reported: files are often changed in several steps,
// and together with others.
const settleTime = 100 * time.Millisecond

// blindTime is the time between two looks while a directory cannot be watched.
const blindTime = time.Second

// watcher reports changes of files and directories. File system events only trigger a look; stat shows what has changed.
type watcher struct {
	notify  *fsnotify.Watcher
	changed func(path string)
	closed  atomic.Bool

	// The rest belongs to the goroutine of run.
	files []*watchedFile
	trail trail                  // watched now
	dirs  map[string]fs.FileInfo // the directories of trail as they were when their watch began
}

type watchedFile struct {
	path           string
	contents       bool     // changes of the entries of this directory count, too
	seen, reported snapshot // at the latest look, and at the latest report
}

// snapshot is the state of the file at a path at one moment.
type snapshot struct {
	info    fs.FileInfo   // nil: there was no file
	details []fs.FileInfo // of the file and, by name, the entries of a directory; only if its contents count
}

// watchFiles watches files and directories, by absolute paths; they need not exist. A goroutine of its own calls changed for each
// file that was created, touched, written, replaced or removed. A directory changes when an entry is created, renamed or removed; a
// directory of contents changes also when a file in it is written, touched or gets another mode. Subdirectories are not searched.
func watchFiles(paths, contents []string, changed func(path string)) (*watcher, error) {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &watcher{notify: notify, changed: changed}
	for _, path := range paths {
		w.files = append(w.files, &watchedFile{path: filepath.Clean(path)})
	}
	for _, path := range contents {
		w.files = append(w.files, &watchedFile{path: filepath.Clean(path), contents: true})
	}
	for changed := true; changed && err == nil; { // until nothing has changed since the directories are watched
		changed, err = w.follow()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("watch files: %w", err), notify.Close())
	}
	for _, f := range w.files {
		now, _ := f.snapshot()
		f.seen, f.reported = now, now
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
		next := settleTime
		select {
		case event, ok := <-w.notify.Events:
			if !ok {
				return
			}
			if !w.trail.leadsBy(filepath.Clean(event.Name)) {
				next = 0
			}
		case _, ok := <-w.notify.Errors: // events were lost
			if !ok {
				return
			}
		case <-settled.C:
			armed = false
			next = w.look()
		}
		if next > 0 && !armed {
			armed = true
			settled.Reset(next)
		}
	}
}

// look reports the files that have changed and are as they were at the look before. It returns the time to the next look, or 0 if none
// must follow.
func (w *watcher) look() (next time.Duration) {
	switch changed, err := w.follow(); {
	case changed:
		next = settleTime
	case err != nil:
		next = blindTime
	}
	for _, f := range w.files {
		now, err := f.snapshot()
		if err != nil || now.same(f.reported) {
			continue
		}
		settled := now.same(f.seen)
		f.seen = now
		switch {
		case !settled:
			next = settleTime
		case w.closed.Load():
			return 0
		default:
			f.reported = now
			w.changed(f.path)
		}
	}
	return next
}

// snapshot returns the state now, or an error if it cannot be determined.
func (f *watchedFile) snapshot() (snapshot, error) {
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return snapshot{}, nil
	}
	if err != nil || !f.contents {
		return snapshot{info: info}, err
	}
	s := snapshot{info, []fs.FileInfo{info}}
	if !info.IsDir() {
		return s, nil
	}
	entries, err := os.ReadDir(f.path)
	for _, e := range entries {
		if info, err := e.Info(); err == nil { // or else it is gone, which is another event
			s.details = append(s.details, info)
		}
	}
	return s, err
}

func (s snapshot) same(other snapshot) bool {
	if s.info == nil || other.info == nil {
		return s.info == nil && other.info == nil
	}
	return same(s.info, other.info) && slices.EqualFunc(s.details, other.details, func(a, b fs.FileInfo) bool {
		return a.Name() == b.Name() && a.Mode() == b.Mode() && (a.IsDir() && os.SameFile(a, b) || same(a, b))
	})
}

func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// follow watches the directories that decide where the paths lead now, and no others. It reports whether these are other directories
// than before.
func (w *watcher) follow() (changed bool, err error) {
	t := newTrail()
	for _, f := range w.files {
		t.add(f.path, f.contents)
	}
	// The others first, since the same directory may be needed by another name.
	dirs := map[string]fs.FileInfo{}
	for _, dir := range w.notify.WatchList() {
		now, gone := os.Stat(dir)
		if _, needed := t.dirs[dir]; needed && gone == nil && w.dirs[dir] != nil && os.SameFile(now, w.dirs[dir]) {
			dirs[dir] = now
			continue
		}
		changed = true
		_ = w.notify.Remove(dir) // it may be gone
	}
	for dir, required := range t.dirs {
		if dirs[dir] != nil {
			continue
		}
		now, failed := os.Stat(dir)
		if failed == nil && !required && now.Mode()&fs.ModeSticky != 0 {
			continue // /tmp has many events, and is not renamed
		}
		if failed == nil {
			failed = w.notify.Add(dir)
		}
		switch {
		case failed == nil:
			changed = true
			dirs[dir] = now
		case required && !errors.Is(failed, fs.ErrNotExist):
			err = errors.Join(err, &fs.PathError{Op: "watch", Path: dir, Err: failed})
		}
	}
	changed = changed || !maps.Equal(t.entries, w.trail.entries)
	w.trail, w.dirs = t, dirs
	return changed, err
}

// trail is the set of directories and entries that paths lead through, with symbolic links resolved.
type trail struct {
	// The directories to watch. A required one (true) has an entry that decides where a path leads: a symbolic link on the way, the
	// last entry, or the first one that is missing. The others are only passed through: they may be renamed, and the process need
	// not be able to read them.
	dirs    map[string]bool
	entries map[string]bool // the paths of the entries on the way; true: a directory whose entries matter
}

func newTrail() trail { return trail{map[string]bool{}, map[string]bool{}} }

// leadsBy reports whether a change of this path matters.
func (t trail) leadsBy(path string) bool {
	_, on := t.entries[path]
	return on || t.entries[filepath.Dir(path)]
}

// add adds what a path leads through. A deployment changes a link to its current release; Kubernetes changes ..data.
func (t trail) add(path string, contents bool) {
	const maxLinks = 40 // the kernel's limit
	dir, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0 && links <= maxLinks; {
		entry := filepath.Join(dir, rest[0]) // also for "", . and ..
		rest = rest[1:]
		mark(t.entries, entry, false)
		target, err := os.Readlink(entry)
		switch {
		case err == nil:
			links++
			mark(t.dirs, dir, true)
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = slices.Concat(strings.Split(target, "/"), rest)
		case len(rest) == 0 || errors.Is(err, fs.ErrNotExist):
			mark(t.dirs, filepath.Dir(entry), true)
			if info, err := os.Stat(entry); err == nil && info.IsDir() {
				mark(t.entries, entry, true)
				mark(t.dirs, entry, contents)
			}
			return
		default:
			dir = entry
			if dir != "/" {
				mark(t.dirs, dir, false)
			}
		}
	}
}

// mark adds a key. A value stays true.
func mark(set map[string]bool, key string, value bool) { set[key] = set[key] || value }

// watch makes a change of one of the files of a plan request a reload.
func (m *Master) watch(p Plan) {
	if slices.Equal(p.Watch, m.watched) && slices.Equal(p.WatchContents, m.watchedContents) {
		return // a new watch would miss what has changed since the settings were read
	}
	m.watched, m.watchedContents = nil, nil
	if m.watcher != nil {
		m.watcher.close()
		m.watcher = nil
	}
	if len(p.Watch)+len(p.WatchContents) == 0 {
		return
	}
	watcher, err := watchFiles(p.Watch, p.WatchContents, func(path string) {
		m.send(func(m *Master) {
			m.log.Info("file changed", "path", path)
			m.handle(fleet.ReloadRequested{})
		})
	})
	if err != nil {
		m.log.Error("cannot watch files", "error", err)
		return
	}
	// What is missing may be created later, or the path is wrong.
	for _, path := range p.Watch {
		if _, err := os.Stat(filepath.Dir(path)); err != nil {
			m.log.Warn("directory of watched file is missing", "path", path, "error", err)
		}
	}
	for _, path := range p.WatchContents {
		if _, err := os.Stat(path); err != nil {
			m.log.Warn("watched directory is missing", "path", path, "error", err)
		}
	}
	m.watcher, m.watched, m.watchedContents = watcher, p.Watch, p.WatchContents
}
