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
)

// Program is an executable file, held open, so that it can still be started when another one has been put in its place.
// A script cannot be run this way: its interpreter would look for the file once the descriptor is closed.
type Program struct {
	Path string // where it was found, links followed; for people
	fd   int
}

// programFD is where the descriptors of programs begin. Between fork and exec, the descriptors for the new process are
// moved to the numbers that it is to find them under, by way of the numbers above the highest of them; a program's must
// not be among these. It costs to go higher: each fork copies the table of descriptors up to the highest one.
const programFD = 4096

// ResolveProgram follows the links of a path to the executable that is there now. The caller closes it.
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

// moveUp copies a descriptor to a number that is out of the way, as far as the limit allows.
func moveUp(fd int) (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return -1, os.NewSyscallError("getrlimit", err)
	}
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, int(min(programFD, limit.Cur/2)))
	return high, os.NewSyscallError("fcntl", err)
}

// find makes sure that it can be run, and says where it is.
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

// script reports whether an interpreter would run it. Of what may be run but not read, it is not known.
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

// exec is the path to start it by: it leads there in this process and between fork and exec. A process started by it is
// called by the number, in ps and top, until it says otherwise.
func (p *Program) exec() string { return "/proc/self/fd/" + strconv.Itoa(p.fd) }

// start starts it in a process group of its own, so that a terminal's signals are the master's alone, with these
// descriptors from 0 on.
func (p *Program) start(args, env []string, dir string, files []uintptr) (pid int, err error) {
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

// Close lets go of the file. What has been started from it runs on.
func (p *Program) Close() error { return os.NewSyscallError("close", unix.Close(p.fd)) }

// Invoked is the absolute path that this process was started by, from its name argv0. Links in it are left, so that it
// leads to the new program after one of them has been set anew. It must be called before the working directory changes.
//
// The name is what the parent says it is. If it does not lead to the program that runs here, the path is where that is.
func Invoked(argv0 string) (string, error) {
	path, err := exec.LookPath(argv0)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err == nil && runsHere(path) {
		return path, nil
	}
	return os.Executable()
}

func runsHere(path string) bool {
	running, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	found, err := os.Stat(path)
	return err == nil && os.SameFile(found, running)
}
