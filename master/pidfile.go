package master

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"multiproc/internal/listen"
	"multiproc/internal/osfile"
)

// Pidfile is a file that one process at a time can hold, and that tells its pid. The hold is a lock, which ends with the
// process however that ends, survives a change of the user, and is not passed on to programs that the process starts.
//
// The lock is on the file itself, so the pid is written in place: a file that is renamed to the path would be another.
type Pidfile struct {
	path string
	file *os.File
}

// heldError says who holds a pidfile.
type heldError struct{ pid int } // 0: not known

func (e *heldError) Error() string {
	if e.pid == 0 {
		return "a process that is starting has it"
	}
	return "already running with pid " + strconv.Itoa(e.pid)
}

func (e *heldError) Is(target error) bool { return target == listen.ErrInUse }

// LockPidfile takes a pidfile, and makes it where there is none. Where another process holds it, it stays as it is, and
// the error is an ErrInUse that names the process.
//
// What a dead process has left is taken over. A file that holds anything but a pid is refused: some mistake in the
// settings would cost its content. A relative path is followed now and again in Close.
func LockPidfile(path string) (*Pidfile, error) {
	const attempts = 10 // for each after the first, a process ended at that very moment
	for range attempts {
		file, err := openPidfile(path)
		if err == nil {
			err = takePidfile(file, path)
		}
		switch {
		case err == nil:
			return &Pidfile{path, file}, nil
		case !errors.Is(err, errRemoved):
			return nil, fmt.Errorf("lock pidfile %s: %w", path, err)
		}
	}
	return nil, fmt.Errorf("lock pidfile %s: %w", path, errRemoved)
}

var errRemoved = errors.New("it was removed meanwhile")

// openPidfile does not follow a link, which somebody may have put in a directory that all can write to, nor waits for
// the other end of a pipe.
func openPidfile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0o644)
	if errors.Is(err, syscall.ELOOP) {
		return nil, errors.New("it is a symbolic link")
	}
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, failed.Err
	}
	return file, err
}

// takePidfile takes the lock, or closes the file.
func takePidfile(file *os.File, path string) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	err = syscall.Flock(int(osfile.FD(file)), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := readPid(file) // without it the message says less
		return &heldError{pid}
	}
	if err != nil {
		return os.NewSyscallError("flock", err)
	}
	// Its holder may have removed it before we had the lock, which is worth nothing then.
	if at, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(at, info) {
		return errRemoved
	}
	_, err = readPid(file)
	return err
}

// readPid is the pid in a file, 0 in an empty one.
func readPid(file *os.File) (int, error) {
	const longest = 32 // in bytes, with room for white space
	text := make([]byte, longest)
	n, err := file.ReadAt(text, 0)
	if err == nil {
		return 0, errors.New("it holds something else than a pid")
	}
	if !errors.Is(err, io.EOF) {
		return 0, err
	}
	if text = bytes.TrimSpace(text[:n]); len(text) == 0 {
		return 0, nil
	}
	pid, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return 0, errors.New("it holds something else than a pid")
	}
	return int(pid), nil
}

// Give makes the file the property of a user and a group.
func (p *Pidfile) Give(uid, gid int) error {
	if err := p.file.Chown(uid, gid); err != nil {
		return fmt.Errorf("give pidfile %s to user %d: %w", p.path, uid, err)
	}
	return nil
}

// Write puts a pid into the file.
func (p *Pidfile) Write(pid int) error {
	// A reader may find it empty for a moment, but never the pid of somebody else.
	err := p.file.Truncate(0)
	if err == nil {
		_, err = p.file.WriteAt([]byte(strconv.Itoa(pid)+"\n"), 0)
	}
	if err != nil {
		return fmt.Errorf("write pidfile %s: %w", p.path, err)
	}
	return nil
}

// Close removes the file, unless another one has its place, and gives it up.
//
// Where privileges have been dropped the directory may not be open to changes any more. Then the file stays, empty: it
// tells of nobody.
func (p *Pidfile) Close() error {
	err := p.remove()
	if errors.Is(err, fs.ErrPermission) {
		err = p.file.Truncate(0)
	}
	if err = errors.Join(err, p.file.Close()); err != nil {
		return fmt.Errorf("remove pidfile %s: %w", p.path, err)
	}
	return nil
}

func (p *Pidfile) remove() error {
	ours, err := p.file.Stat()
	if err != nil {
		return err
	}
	at, err := os.Lstat(p.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(at, ours) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Remove(p.path)
}
