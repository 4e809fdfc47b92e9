package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// Program is an executable file, held open so that it can still be started after a deployment has replaced it. A script cannot be
// run this way: its interpreter would open the file after the descriptor has been closed.
type Program struct {
	Path string // symbolic links resolved; for people
	fd   int
}

// programFD is the usual descriptor of a program; see makeWay. A higher number costs more: each fork copies the table of descriptors
// up to the highest one.
const programFD = 4096

// ResolveProgram opens the executable that a path leads to now. The caller closes it.
func ResolveProgram(path string) (*Program, error) {
	fail := func(err error) (*Program, error) { return nil, fmt.Errorf("find program %s: %w", path, err) }
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	high, err := moveUp(fd)
	if err = errors.Join(err, unix.Close(fd)); err != nil {
		return fail(err)
	}
	p := &Program{fd: high}
	if p.Path, err = p.find(); err != nil {
		return fail(errors.Join(err, p.Close()))
	}
	return p, nil
}

// moveUp copies a descriptor to programFD or above, or as high as the limit allows.
func moveUp(fd int) (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return -1, os.NewSyscallError("getrlimit", err)
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, int(min(programFD, limit.Cur/2)))
	return high, os.NewSyscallError("fcntl", err)
}

// find checks that it can be run and returns its path.
func (p *Program) find() (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(p.fd, &st); err != nil {
		return "", os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return "", errors.New("not a regular file")
	}
	if err := unix.Faccessat(unix.AT_FDCWD, p.exec(), unix.X_OK, unix.AT_EACCESS); err != nil {
		return "", err
	}
	if p.script() {
		return "", errors.New("it is a script")
	}
	return os.Readlink(p.exec())
}

// script reports whether it begins with #!. It returns false for a file that may be run but not read.
func (p *Program) script() bool {
	file, err := os.Open(p.exec())
	if err != nil {
		return false
	}
	defer file.Close()
	start := make([]byte, 2)
	_, err = io.ReadFull(file, start)
	return err == nil && string(start) == "#!"
}

// exec returns the path to start it by, which is valid in this process and between fork and exec. A process started by it shows
// the number as its name in ps and top until it sets another one.
func (p *Program) exec() string { return "/proc/self/fd/" + strconv.Itoa(p.fd) }

// makeWay moves the descriptor out of the way of others. Between fork and exec, the descriptors for the new process are moved to
// their final numbers by way of the numbers above the highest of them, which must not include the program's.
func (p *Program) makeWay(files []uintptr) error {
	highest := len(files)
	moved := 1 // the pipe for the error of exec
	for i, fd := range files {
		highest = max(highest, int(fd))
		if int(fd) < i {
			moved++
		}
	}
	highest += moved + 1
	if p.fd > highest {
		return nil
	}
	fd, err := unix.FcntlInt(uintptr(p.fd), unix.F_DUPFD_CLOEXEC, highest+1)
	if errors.Is(err, unix.EINVAL) { // the number is above the limit
		err = unix.EMFILE
	}
	if err != nil {
		return osfile.ExplainLimit(os.NewSyscallError("fcntl", err))
	}
	old := p.fd
	p.fd = fd
	return os.NewSyscallError("close", unix.Close(old))
}

// manyFiles is the number of descriptors above which a new process gets the current soft limit, not the one that this process was
// started with. A dynamically linked program cannot be loaded without a free number below the limit.
const manyFiles = 100

// keepLimit passes the current soft limit of open files on to processes that are started from now on. Go raises the limit at the
// start, but restores the original one in new processes.
func keepLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	return os.NewSyscallError("setrlimit", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
}

// start starts it with these descriptors, from 0 on, in a process group of its own, so that signals of a terminal go to the
// master only.
func (p *Program) start(args, env []string, dir string, files []uintptr) (pid int, err error) {
	if len(files) > manyFiles {
		if err := keepLimit(); err != nil {
			return 0, err
		}
	}
	if err := p.makeWay(files); err != nil {
		return 0, fmt.Errorf("%s with %d descriptors: %w", p.Path, len(files), err)
	}
	pid, err = syscall.ForkExec(p.exec(), args, &syscall.ProcAttr{
		Dir: dir, Env: env, Files: files, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err == nil {
		return pid, nil
	}
	if dir != "" { // the kernel's error does not say what was not found
		if _, failed := os.Stat(dir); failed != nil {
			return 0, fmt.Errorf("change directory: %w", failed)
		}
	}
	return 0, fmt.Errorf("%s: %w", p.Path, err)
}

// Close closes the file. Processes started from it are not affected.
func (p *Program) Close() error { return os.NewSyscallError("close", unix.Close(p.fd)) }

// Invoked returns the absolute path that this process was started by, from its name argv0, without resolving symbolic links: it
// leads to the new program after a link has been changed. It must be called before the working directory changes.
//
// A parent can choose any name. If it does not lead to the program of this process, Invoked returns the path of that program.
func Invoked(argv0 string) (string, error) {
	path, err := exec.LookPath(argv0)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil && isThisProgram(path) {
		return path, nil
	}
	return os.Executable()
}

func isThisProgram(path string) bool {
	running, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	found, err := os.Stat(path)
	return err == nil && os.SameFile(found, running)
}
