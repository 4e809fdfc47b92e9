package master

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// ErrRunning is the error of LockPidfile if another process holds the pidfile.
var ErrRunning = errors.New("already running")

// Pidfile is a file that holds the pid of a process and that only one process can hold at a time. The hold is a lock: it ends
// with the process, however that ends, survives a change of the user, and is not passed on to programs that the process starts.
//
// The lock is on the file itself, so the pid is written in place: a file renamed to the path would be another one.
type Pidfile struct {
	path  string
	place *osfile.Place
	file  *os.File
	id    osfile.ID
}

// heldError is an ErrRunning with the pid of the holder.
type heldError struct{ pid int } // 0: unknown

func (e *heldError) Error() string {
	if e.pid == 0 {
		return "another process is starting with it"
	}
	return "already running with pid " + strconv.Itoa(e.pid)
}

func (e *heldError) Is(target error) bool { return target == ErrRunning }

// LockPidfile locks a pidfile, and creates it if it does not exist. If another process holds it, it is left unchanged, and the
// error is an ErrRunning with the pid of that process.
//
// A file that a dead process has left is taken over. A file with anything but a pid is refused, since a mistake in the settings
// would destroy it. The owner is the user that the process, which is root, continues as; see [osfile.Place].
func LockPidfile(path string, owner *osfile.User) (*Pidfile, error) {
	const attempts = 10 // each after the first because another process has just removed the file
	for range attempts {
		p, err := openPidfile(path, owner)
		if err == nil {
			err = p.lock()
		}
		switch {
		case err == nil:
			return p, nil
		case !errors.Is(err, errRemoved):
			return nil, fmt.Errorf("lock pidfile %s: %w", path, err)
		}
	}
	return nil, fmt.Errorf("lock pidfile %s: %w", path, errRemoved)
}

var errRemoved = errors.New("removed by another process")

// openPidfile does not follow a symbolic link, which anybody could have put into a shared directory.
func openPidfile(path string, owner *osfile.User) (*Pidfile, error) {
	place, err := osfile.Locate(path, owner)
	if err != nil {
		return nil, osfile.Cause(err)
	}
	fd, err := place.Open(unix.O_RDWR|unix.O_CREAT, 0o644)
	if err == nil {
		return &Pidfile{path: path, place: place, file: os.NewFile(uintptr(fd), path)}, nil
	}
	if errors.Is(err, unix.ELOOP) {
		err = errors.New("it is a symbolic link")
	}
	return nil, errors.Join(osfile.Cause(err), place.Close())
}

// lock locks the file, or closes it.
func (p *Pidfile) lock() (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, p.file.Close(), p.place.Close())
		}
	}()
	fd := int(osfile.FD(p.file))
	if info, err := p.file.Stat(); err != nil {
		return err
	} else if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if p.id, err = osfile.IdentifyFD(fd); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	locked, err := osfile.TryFlock(fd)
	if err != nil {
		return os.NewSyscallError("flock", err)
	}
	pid, err := readPID(p.file)
	if !locked {
		return &heldError{pid} // without a pid the message says less
	}
	// Its holder may have removed it before it was locked here.
	if !p.place.Has(p.id) {
		return errRemoved
	}
	return err
}

// readPID returns the pid in a file, or 0 if the file is empty.
func readPID(file *os.File) (int, error) {
	const longest = 32 // in bytes, with room for white space
	text := make([]byte, longest)
	n, err := file.ReadAt(text, 0)
	if err == nil {
		return 0, errNoPID
	}
	if !errors.Is(err, io.EOF) {
		return 0, err
	}
	if text = bytes.TrimSpace(text[:n]); len(text) == 0 {
		return 0, nil
	}
	pid, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return 0, errNoPID
	}
	return int(pid), nil
}

var errNoPID = errors.New("it contains something other than a pid")

// Write writes a pid into the file.
func (p *Pidfile) Write(pid int) error {
	// A reader may find it empty for a moment, but never with the pid of another process.
	err := p.file.Truncate(0)
	if err == nil {
		_, err = p.file.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	}
	if err != nil {
		return fmt.Errorf("write pidfile %s: %w", p.path, err)
	}
	return nil
}

// Close removes the file, unless another one is at its path, and unlocks it.
//
// After privileges were dropped the directory may not be writable any more. Then the file remains, empty.
func (p *Pidfile) Close() error {
	err := p.place.Remove(p.id)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
		err = p.file.Truncate(0)
	}
	if err = errors.Join(err, p.file.Close(), p.place.Close()); err != nil {
		return fmt.Errorf("remove pidfile %s: %w", p.path, err)
	}
	return nil
}
