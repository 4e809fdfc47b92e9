package listen

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Queue describes the connections that wait to be accepted.
type Queue struct {
	Listener string `json:"listener"` // address
	Length   int    `json:"length"`   // number of connections
	Limit    int    `json:"limit"`    // largest length; further connections are refused or retried
}

// Queues returns the queues of all listeners; that of a reuse-port listener is the sum over its sockets. Queues that cannot be read
// are omitted, and the error has the reason. It does not block.
func (set *Set) Queues() ([]Queue, error) {
	var queues []Queue
	var errs []error
	for _, l := range set.listeners {
		q := Queue{Listener: l.address}
		if err := l.addQueues(&q); err != nil {
			errs = append(errs, fmt.Errorf("read queue of %s: %w", l.address, err))
			continue
		}
		queues = append(queues, q)
	}
	return queues, errors.Join(errs...)
}

func (l *listener) addQueues(to *Queue) error {
	for _, fd := range l.descriptors() {
		length, limit, err := queueOf(fd)
		if err != nil {
			return err
		}
		to.Length += length
		to.Limit += limit
	}
	return nil
}

func queueOf(fd int) (length, limit int, err error) {
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return 0, 0, os.NewSyscallError("getsockopt SO_DOMAIN", err)
	}
	if family == unix.AF_UNIX {
		return unixQueue(fd)
	}
	// For a listening socket, the kernel reports the queue in the fields for unacknowledged segments.
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, 0, os.NewSyscallError("getsockopt TCP_INFO", err)
	}
	return int(info.Unacked), int(info.Sacked), nil
}
