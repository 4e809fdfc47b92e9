package dir

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/format"
)

// Live removes the live gauges of other libraries' processes that have exited: those of ids without a lock file. Nothing else
// makes every reader of the directory leave them out; prometheus_client's mark_process_dead does the same.
//
// It removes a file some time after a process that was seen with the file open has exited, unless another process has it open,
// as one that has reused the pid may; or at once if the caller knows that the process has exited. The id need not be a pid. If a
// process exited before it was seen, its file goes once no process has it open and none has the id as its pid.
type Live struct {
	log     *slog.Logger
	hurry   chan struct{} // processes have been started or have ended; with room for one
	done    chan struct{}
	running sync.WaitGroup
	most    int // limit of followed files: each takes a descriptor, and this process needs some for other things

	mu      sync.Mutex
	dir     Dir                  // closed with Live
	files   map[string]*liveFile // by name; nil after Close
	missing map[string]missing   // files of which no process is known, by name
	tried   time.Time            // when processes were last looked for that have the missing files open
	listed  unix.Timespec        // when the directory had last changed before it was listed
}

// liveFile is a live gauge's file that a process has open.
type liveFile struct {
	format.FileName
	file    osfile.ID
	pid     int
	process *os.File // a pidfd: readable once the process has ended
}

// missing is a file of which no process is known.
type missing struct {
	file  osfile.ID
	since time.Time
}

// isPID reports whether the file is named by the pid of the process that has it open. Then only that process counts: the
// children that it has forked may have the file open, too, but do not write to it.
func (f *liveFile) isPID() bool { return f.ID == strconv.Itoa(f.pid) }

// findByID reports whether the id is the pid of a process that has the file open.
func (f *liveFile) findByID() bool {
	f.pid, _ = strconv.Atoi(f.ID)
	writes, _ := Writes(f.pid, f.String(), f.file)
	return writes
}

// FollowLive follows the files that are in the directory and those that are made later, until Close.
func (d Dir) FollowLive(log *slog.Logger) (*Live, error) {
	fd, err := d.OpenFile(".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	l := &Live{
		log:     log,
		hurry:   make(chan struct{}, 1),
		done:    make(chan struct{}),
		dir:     Dir{fd, d.path},
		files:   map[string]*liveFile{},
		missing: map[string]missing{},
	}
	var descriptors unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &descriptors) == nil {
		l.most = int(min(descriptors.Cur, 1<<20) / 4)
	}
	l.look()
	l.running.Go(l.watch)
	return l, nil
}

// Close stops following. Closing it again is an error.
func (l *Live) Close() error {
	l.mu.Lock()
	if l.files == nil {
		l.mu.Unlock()
		return os.ErrClosed
	}
	close(l.done)
	for name := range l.files {
		l.forgetLocked(name)
	}
	l.files = nil
	err := l.dir.Close()
	l.mu.Unlock()
	l.running.Wait()
	return err
}

// New files are noticed by the time of the directory's last change: often while processes start, and otherwise once per second.
// inotify would report them at once, but a killed process that uses it exits later, and its sockets close later.
const (
	hurried    = 50 * time.Millisecond
	hurriedFor = 3 * time.Second
	unhurried  = time.Second

	// The parent of a process that has ended may call mark_process_dead, as gunicorn's child_exit does. It fails, and gunicorn exits,
	// if a file is removed at the same moment. The grace period lets it finish first.
	grace = 2 * time.Second

	// retryMissing is the interval between searches for the processes of missing files: these may have been opened since, or
	// there were too many of them.
	retryMissing = 30 * time.Second
)

func (l *Live) watch() {
	until := time.Now().Add(hurriedFor)
	for {
		wait := unhurried
		if time.Now().Before(until) {
			wait = hurried
		}
		select {
		case <-l.done:
			return
		case <-l.hurry:
			until = time.Now().Add(hurriedFor)
		case <-time.After(wait):
		}
		l.look()
	}
}

// Hurry makes Live notice new files sooner for some seconds.
func (l *Live) Hurry() {
	select {
	case l.hurry <- struct{}{}:
	default:
	}
}

// look follows new files.
func (l *Live) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		return
	}
	if len(l.missing) > 0 && time.Since(l.tried) >= retryMissing {
		l.followLocked(slices.Collect(maps.Keys(l.missing)), lastTry)
	}
	st, err := l.dir.StatSelf()
	if err != nil || st.Mtim == l.listed {
		return
	}
	// A file that is made a moment after the listing may leave the same time.
	l.listed = st.Mtim
	if time.Since(time.Unix(st.Mtim.Unix())) < hurried {
		l.listed = unix.Timespec{}
	}
	var names []string
	seen := map[string]bool{}
	_, err = l.dir.names(func(name string) bool {
		if f, _, ok := l.identifyLocked(name); ok {
			seen[name] = true
			if l.missing[name].file != f.file {
				names = append(names, name)
			}
		}
		return false
	})
	if err != nil {
		l.log.Warn("cannot list metrics directory", "error", err)
		return
	}
	maps.DeleteFunc(l.missing, func(name string, _ missing) bool { return !seen[name] })
	l.followLocked(names, 0)
}

// A process that makes a file has it open a moment later. It is looked for lastTry more times, after firstWait and each time
// three times as long.
const (
	lastTry   = 7
	firstWait = 10 * time.Millisecond
)

func (l *Live) follow(names []string, try int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.followLocked(names, try)
}

// followLocked finds the processes that have files open and waits for their ends.
func (l *Live) followLocked(names []string, try int) {
	if l.files == nil {
		return
	}
	var unknown []*liveFile
	bases := map[osfile.ID]string{}
	for _, name := range names {
		f, _, ok := l.identifyLocked(name)
		if followed := l.files[name]; !ok || followed != nil && followed.file == f.file {
			continue
		}
		l.forgetLocked(name)
		if !f.findByID() || !l.awaitLocked(f) {
			if l.missing[name].file != f.file {
				l.missing[name] = missing{f.file, time.Now()}
			}
			unknown = append(unknown, f)
			bases[f.file] = name
		}
	}
	if len(unknown) == 0 {
		return
	}
	l.tried = time.Now()
	writers := FindWriters(bases)
	var again []string
	for _, f := range unknown {
		pids := writers.Of(f.file)
		if len(pids) > 0 {
			f.pid = pids[0]
		} else if l.isAbandoned(f) {
			l.removeLocked(f.String(), false)
			delete(l.missing, f.String()) // a new file may get the same inode
			continue
		}
		if len(pids) == 0 || !l.awaitLocked(f) {
			again = append(again, f.String())
		}
	}
	if len(again) > 0 && try < lastTry {
		wait := firstWait
		for range try {
			wait *= 3
		}
		time.AfterFunc(wait, func() { l.follow(again, try+1) })
	}
}

// isAbandoned reports whether the process of a file must have exited before it was seen: no process has the id as its pid, and
// none on the machine has the file open, not even in another container.
func (l *Live) isAbandoned(f *liveFile) bool {
	pid, err := strconv.Atoi(f.ID)
	return time.Since(l.missing[f.String()].since) >= grace && err == nil && pid > 0 && errors.Is(unix.Kill(pid, 0), unix.ESRCH) && l.dir.isUnwritten(f.String())
}

// identifyLocked reports false unless the file is a live gauge's of another library.
func (l *Live) identifyLocked(name string) (f *liveFile, owner uint32, ok bool) {
	f = &liveFile{}
	if f.FileName, ok = format.ParseFileName(name); !ok || !f.Live() {
		return nil, 0, false
	}
	st, err := l.dir.Stat(name)
	if err != nil || !osfile.IsRegular(&st) {
		return nil, 0, false
	}
	f.file = osfile.IDFromStat(&st)
	_, err = l.dir.IsHeld(f.ID)
	return f, st.Uid, errors.Is(err, fs.ErrNotExist)
}

// awaitLocked waits in a goroutine for the end of the process, which has been seen to have the file open. It reports false if the
// process does not have it open any more.
func (l *Live) awaitLocked(f *liveFile) bool {
	if len(l.files) >= l.most {
		return false
	}
	fd, err := unix.PidfdOpen(f.pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return false // it may have ended since
	}
	f.process = os.NewFile(uintptr(fd), "pidfd")
	// Before PidfdOpen the pid may have been reused.
	if writes, _ := Writes(f.pid, f.String(), f.file); !writes && !hasEnded(fd) {
		_ = f.process.Close()
		return false
	}
	l.files[f.String()] = f
	delete(l.missing, f.String())
	l.running.Go(func() {
		if !awaitEnd(f.process) {
			return
		}
		l.Hurry() // a successor may be started
		select {
		case <-time.After(grace):
			l.ended(f)
		case <-l.done:
		}
	})
	return true
}

// hasEnded reports whether the process of a pidfd has ended.
func hasEnded(pidfd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 0)
	return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
}

// awaitEnd waits for the end of the process of a pidfd. It reports false if the pidfd was closed.
func awaitEnd(pidfd *os.File) bool {
	raw, err := pidfd.SyscallConn()
	if err != nil {
		return false
	}
	return raw.Read(func(fd uintptr) bool { return hasEnded(int(fd)) }) == nil
}

// ended removes a file whose process exited a grace period ago, unless another has it open.
func (l *Live) ended(f *liveFile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files[f.String()] != f {
		return
	}
	l.forgetLocked(f.String())
	l.removeLocked(f.String(), f.isPID())
	l.followLocked([]string{f.String()}, 0) // others may have it open
}

// MarkDead removes the live gauges of a child that has exited and has not been reaped: the files that are named by its pid or by
// id, which may be empty.
func (l *Live) MarkDead(pid int, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files == nil {
		return
	}
	for mode := range format.Mode(format.Modes) {
		n := format.FileName{Kind: format.Kind{Type: format.Gauge, Mode: mode}, ID: strconv.Itoa(pid)}
		if !n.Live() {
			continue
		}
		name := n.String()
		if f := l.files[name]; f == nil || f.pid == pid { // otherwise the id is not a pid, and another process has the file open
			l.forgetLocked(name)
			l.removeLocked(name, f != nil)
			l.followLocked([]string{name}, 0)
		}
		n.ID, name = id, format.FileName{Kind: n.Kind, ID: id}.String()
		if _, _, ok := l.identifyLocked(name); ok {
			l.forgetLocked(name)
			l.report(name, l.dir.Unlink(name))
		}
	}
}

// removeLocked removes a file unless a process has it open. It is moved aside first: a process that opens it at this moment
// either is found or makes a new one.
func (l *Live) removeLocked(name string, isPID bool) {
	f, owner, ok := l.identifyLocked(name)
	if !ok || l.inUse(f, name, owner, isPID) {
		return
	}
	aside := Own + "/" + name + ".gone"
	err := l.dir.makeOwn()
	if err == nil {
		err = l.dir.Rename(name, aside)
	}
	if err != nil {
		l.report(name, err)
		return
	}
	if l.inUse(f, filepath.Base(aside), owner, isPID) {
		if err := l.dir.RenameNew(aside, name); !errors.Is(err, fs.ErrExist) {
			l.report(name, err)
			return
		}
	}
	l.report(name, l.dir.Unlink(aside))
}

// inUse reports whether a process has the file open, or may have. If the id is known to be a pid, only that process counts.
func (l *Live) inUse(f *liveFile, base string, owner uint32, isPID bool) bool {
	if pid, err := strconv.Atoi(f.ID); err == nil && pid > 0 {
		writes, err := Writes(pid, base, f.file)
		if errors.Is(err, fs.ErrPermission) {
			user := userOf(pid)
			writes = user == owner || user == 0 // the others cannot write to the file
		}
		if writes || isPID {
			return writes
		}
	}
	return WrittenByAny(base, f.file)
}

func (l *Live) forgetLocked(name string) {
	if f := l.files[name]; f != nil {
		_ = f.process.Close()
		delete(l.files, name)
	}
}

func (l *Live) report(name string, err error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.log.Warn("cannot remove the live gauges of an ended process", "file", name, "error", err)
	}
}
