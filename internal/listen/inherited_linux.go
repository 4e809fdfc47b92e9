package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// adopt takes over a socket that the process was started with, under its number, and returns where it listens.
func adopt(fd int) (address string, err error) {
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	switch {
	case errors.Is(err, unix.EBADF):
		return "", errors.New("the process was not started with this descriptor")
	case errors.Is(err, unix.ENOTSOCK):
		return "", errors.New("the descriptor is not a socket")
	case err != nil:
		return "", os.NewSyscallError("getsockopt SO_ACCEPTCONN", err)
	}
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return "", os.NewSyscallError("getsockopt SO_TYPE", err)
	}
	if listens == 0 || kind != unix.SOCK_STREAM {
		return "", errors.New("the descriptor is not a stream socket that listens")
	}
	if address, err = listenerAddress(fd); err != nil {
		return "", err
	}
	unix.CloseOnExec(fd)
	_, err = setNonblocking(fd) // as service managers make them, they block
	return address, err
}

// listenerAddress is where a socket listens. Workers of this module will make a listener of it in the same way. It may
// leave the socket blocking or not.
func listenerAddress(fd int) (string, error) {
	copied, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return "", os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(copied), "descriptor "+strconv.Itoa(fd))
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return "", fmt.Errorf("the descriptor is not a socket of a known kind: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// setNonblocking makes sure that a socket does not block, and reports whether it did. The flag is one for all processes
// that share the socket.
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
