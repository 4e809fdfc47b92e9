package page

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/cli"
	"multiproc/internal/osfile"
	"multiproc/master"
)

const (
	// statusFile is the path of the file in the metrics directory. What lies in .mpm is wiped with the metric files.
	statusFile    = ".mpm/master.note"
	maxStatusFile = 1 << 20 // bytes
)

// StatusFile is the content of the file in which the master leaves its status in the metrics directory, about once a second.
// It can still be read when the master hangs or is dead, and in a copy of the directory.
//
// Its mode depends on the umask, like that of the metric files. It has what /proc shows to everybody and the status texts
// of the workers. The errors of reloads are left out: they are output of programs that failed, and may contain anything.
type StatusFile struct {
	At     time.Time     `json:"at"`
	Status master.Status `json:"status"`
}

// ReadStatusFile returns the status that a master has left in the metrics directory, or nil if there is none that this version
// can read.
func ReadStatusFile(dir string) *StatusFile {
	fd, err := osfile.Open(filepath.Join(dir, statusFile), unix.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(fd), statusFile)
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxStatusFile {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(file, maxStatusFile))
	var s StatusFile
	if err != nil || json.Unmarshal(text, &s) != nil || s.At.IsZero() {
		return nil
	}
	return &s
}

// WriteStatusFile replaces the file; the directory must have a metrics writer already. Readers see the old content or the new
// one, whole.
func WriteStatusFile(dir string, s StatusFile) error {
	s.Status.Reloads = nil
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	place, err := osfile.Locate(filepath.Join(dir, statusFile), nil)
	if err != nil {
		return err
	}
	defer place.Close()
	return place.Do(func(at int, name string) error {
		temp := name + ".new"
		if err := unix.Unlinkat(at, temp, 0); err != nil && !errors.Is(err, unix.ENOENT) { // of a master that was killed
			return &fs.PathError{Op: "remove", Path: temp, Err: err}
		}
		// O_EXCL: others may be able to write to the directory, and a symbolic link of theirs must not be followed.
		fd, err := osfile.OpenAt(at, temp, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		file := os.NewFile(uintptr(fd), temp)
		_, err = file.Write(text)
		if err = errors.Join(err, file.Close()); err != nil {
			return errors.Join(err, unix.Unlinkat(at, temp, 0))
		}
		return os.NewSyscallError("rename", unix.Renameat(at, temp, at, name))
	})
}

// statusWriter writes status files from a goroutine of its own: a master must not wait for a disk.
type statusWriter struct {
	dir    string
	log    *slog.Logger
	newest chan StatusFile // with room for one
	done   chan struct{}
}

func newStatusWriter(dir string, log *slog.Logger) *statusWriter {
	w := &statusWriter{dir, log, make(chan StatusFile, 1), make(chan struct{})}
	go w.run()
	return w
}

// put queues a status in place of one that still waits. It does not block. Only one goroutine may call it.
func (w *statusWriter) put(s master.Status) {
	select {
	case <-w.newest:
	default:
	}
	w.newest <- StatusFile{time.Now(), s}
}

func (w *statusWriter) run() {
	defer close(w.done)
	var faults cli.FaultLog
	for s := range w.newest {
		faults.Log(w.log, slog.LevelWarn, "cannot write the master's status file", WriteStatusFile(w.dir, s))
	}
}

// close writes the last status. It waits at most cli.FlushTimeout.
func (w *statusWriter) close() {
	close(w.newest)
	select {
	case <-w.done:
	case <-time.After(cli.FlushTimeout):
	}
}
