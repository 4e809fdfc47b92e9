package listen

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// With reuse-port the kernel spreads connections over the sockets that share a port. The master holds them, so that a
// slot keeps its queue while its worker is replaced. Closing one resets what waits in it (but see
// net.ipv4.tcp_migrate_req).

// slotSocket is the socket of one slot, which two generations share while one takes over from the other.
type slotSocket struct {
	fd    int
	users []*Set
}

// slotDescriptor is a slot's own socket, opened where there is none, which from now on the set uses.
func (l *listener) slotDescriptor(set *Set, slot int) (int, error) {
	if l.slots[slot] == nil {
		if err := l.openSlot(slot); err != nil {
			return -1, err
		}
		if err := l.settle(); err != nil {
			return -1, err
		}
	}
	s := l.slots[slot]
	if !slices.Contains(s.users, set) {
		s.users = append(s.users, set)
	}
	return s.fd, nil
}

// openSlot opens the socket of a slot.
//
// Any process of the same user may join sockets that share a port, so a second master would go unnoticed. Hence the
// first socket takes the port for itself alone, which fails where anybody has it, and only then is shared. There is no
// moment in between at which two masters could both believe to be the first.
func (l *listener) openSlot(slot int) error {
	first := len(l.slots) == 0
	fd, address, err := listenTCP(l.address, !first)
	if err != nil {
		return err
	}
	if first {
		if err := shareable(fd); err != nil {
			return errors.Join(err, unix.Close(fd))
		}
	}
	l.address = address // the next ones share the port that the first one got
	l.slots[slot] = &slotSocket{fd: fd}
	return nil
}

func shareable(fd int) error {
	return os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// releaseSlot takes a set from the users of a slot's socket. The last one closes it.
func (l *listener) releaseSlot(set *Set, slot int) error {
	s := l.slots[slot]
	if s == nil {
		return nil
	}
	s.users = slices.DeleteFunc(s.users, func(user *Set) bool { return user == set })
	if len(s.users) > 0 {
		return nil
	}
	delete(l.slots, slot)
	return os.NewSyscallError("close", unix.Close(s.fd))
}
