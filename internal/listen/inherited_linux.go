package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// adopt takes over an inherited socket, under its number, and returns where it listens.
func adopt(fd int) (address string, err error) {
	if err := checkStream(fd); err != nil {
		return "", err
	}
	l, err := Listener(fd) // as workers do
	if err != nil {
		return "", err
	}
	defer l.Close()
	unix.CloseOnExec(fd)
	_, err = setNonblocking(fd) // service managers pass on blocking ones
	return l.Addr().String(), err
}

// checkStream checks that a descriptor is a listening stream socket.
func checkStream(fd int) error {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case errors.Is(err, unix.EBADF):
		return errors.New("the process has not inherited this descriptor")
	case errors.Is(err, unix.ENOTSOCK):
		return errors.New("the descriptor is not a socket")
	case err != nil:
		return os.NewSyscallError("getsockopt SO_TYPE", err)
	case kind == unix.SOCK_DGRAM:
		return errors.New("the descriptor is a datagram socket, not a stream socket (ListenStream= in a socket unit)")
	case kind != unix.SOCK_STREAM:
		return errors.New("the descriptor is not a stream socket (ListenStream= in a socket unit)")
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return os.NewSyscallError("getsockopt SO_ACCEPTCONN", err)
	}
	if listens == 0 {
		return errors.New("the descriptor is a socket that does not listen (Accept=no in a socket unit)")
	}
	return nil
}

// Listener returns a listener on a copy of a descriptor, which may become non-blocking. Closing it leaves the file of a unix socket.
func Listener(fd int) (net.Listener, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(copied), "descriptor "+strconv.Itoa(fd))
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("the descriptor is not a socket of a known kind: %w", err)
	}
	return l, nil
}

// setNonblocking makes a socket non-blocking, and reports whether it was blocking. All processes that share the socket share the
// flag.
func setNonblocking(fd int) (cleared bool, err error) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return false, os.NewSyscallError("fcntl", err)
	}
	if flags&unix.O_NONBLOCK != 0 {
		return false, nil
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|unix.O_NONBLOCK)
	return true, os.NewSyscallError("fcntl", err)
}
