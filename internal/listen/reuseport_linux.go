package listen

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// With SO_REUSEPORT the kernel distributes connections over the sockets that share a port. The master keeps them open, so that the
// queue of a slot outlives its worker. Closing a socket resets the connections in its queue (but see net.ipv4.tcp_migrate_req).

// slotSocket is the socket of one slot. Two generations share it during a reload.
type slotSocket struct {
	fd    int
	users []*Set
}

// slotDescriptor returns the socket of a slot, opened if there is none, and makes the set one of its users.
func (l *listener) slotDescriptor(set *Set, slot int) (int, error) {
	if l.slots[slot] == nil {
		if err := l.openSlot(slot); err != nil {
			return -1, err
		}
		if err := l.apply(); err != nil {
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
// Any process of the same user can join sockets that share a port, so a second master would not be noticed. Hence the first socket
// takes the port exclusively, which fails if any process has it, and is made shareable afterwards. At no moment can two masters
// both be the first.
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
	l.address = address // the next sockets share the port of the first one
	l.slots[slot] = &slotSocket{fd: fd}
	return nil
}

func shareable(fd int) error {
	return os.NewSyscallError("setsockopt SO_REUSEPORT", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// releaseSlot removes a set from the users of a slot's socket. Without any, the socket is closed.
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
