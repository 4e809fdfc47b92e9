package master

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// program is an executable file, held open, so that it can still be started when another one has been put in its place.
// A script cannot be run this way: its interpreter would look for the file once the descriptor is closed.
type program struct {
	path string // where it was found, links followed; for people
	fd   int
}

// programFD is where the descriptors of programs begin. Between fork and exec, the descriptors for the new process are
// moved to the numbers that it is to find them under, by way of the numbers above the highest of them; a program's must
// not be among these. It costs to go higher: each fork copies the table of descriptors up to the highest one.
const programFD = 4096

// resolveProgram follows the links of a path to the executable that is there now. The caller closes it.
func resolveProgram(path string) (*program, error) {
	fail := func(err error) (*program, error) { return nil, fmt.Errorf("find program %s: %w", path, err) }
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	high, err := moveUp(fd)
	if err = errors.Join(err, unix.Close(fd)); err != nil {
		return fail(err)
	}
	p := &program{fd: high}
	if p.path, err = p.find(); err != nil {
		return fail(errors.Join(err, p.close()))
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
func (p *program) find() (string, error) {
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
func (p *program) script() bool {
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
func (p *program) exec() string { return "/proc/self/fd/" + strconv.Itoa(p.fd) }

// close lets go of the file. What has been started from it runs on.
func (p *program) close() error { return os.NewSyscallError("close", unix.Close(p.fd)) }
