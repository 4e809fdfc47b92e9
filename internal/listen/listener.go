package listen

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// listener is an address that is open: by one socket, or with reuse-port by one for each slot.
type listener struct {
	address   string              // where it listens, with the port that it has got
	users     []user              // the newest last; nobody: it is closed
	fd        int                 // not with reuse-port
	slots     map[int]*slotSocket // nil without reuse-port
	file      *socketFile         // of a unix socket with a path
	inherited bool                // the descriptor was here before the master, and stays
}

// user is a set that has a listener, and what it wants of it.
type user struct {
	set  *Set
	want Socket
}

// listen opens an address. Nobody uses it yet.
func (s *Sockets) listen(socket Socket) (*listener, error) {
	switch socket.Network {
	case "tcp":
		l, err := newTCPListener(socket)
		if errors.Is(err, ErrInUse) {
			err = s.explainInUse(err, socket.Address)
		}
		return l, err
	case "unix":
		fd, file, err := listenUnix(socket.Address, socket.Mode)
		if err != nil {
			return nil, err
		}
		return &listener{address: socket.Address, fd: fd, file: file}, nil
	case "fd":
		fd, err := strconv.Atoi(socket.Address)
		if err != nil || fd < 0 {
			return nil, errors.New("not the number of a descriptor")
		}
		if s.holds(fd) {
			return nil, errors.New("the descriptor is the master's own")
		}
		address, err := adopt(fd)
		if err != nil {
			return nil, err
		}
		return &listener{address: address, fd: fd, inherited: true}, nil
	default:
		return nil, fmt.Errorf("unknown network %q", socket.Network)
	}
}

func newTCPListener(socket Socket) (*listener, error) {
	l := &listener{address: socket.Address}
	var err error
	if socket.ReusePort {
		l.slots = map[int]*slotSocket{}
		err = l.openSlot(1)
	} else {
		l.fd, l.address, err = listenTCP(socket.Address, false)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// explainInUse says so where it is this master that has the port: an address cannot change to one that overlaps with it
// while the one before is open.
func (s *Sockets) explainInUse(err error, address string) error {
	_, port, _ := net.SplitHostPort(address)
	for _, l := range s.open {
		if _, ours, splitErr := net.SplitHostPort(l.address); splitErr == nil && ours == port {
			return fmt.Errorf("%w: perhaps by this master itself, which listens on %s", err, l.address)
		}
	}
	return err
}

// holds reports whether a descriptor is that of a socket which this has opened.
func (s *Sockets) holds(fd int) bool {
	for _, l := range s.open {
		if !l.inherited && slices.Contains(l.descriptors(), fd) {
			return true
		}
	}
	return false
}

// give makes another user the owner of a unix socket's file, and of the sockets that share a port. The kernel lets sockets
// share one only if their owners are the same; changing the owner of a descriptor changes that of the socket.
func (l *listener) give(uid, gid int) error {
	if l.file != nil {
		return l.file.give(uid, gid)
	}
	for _, s := range l.slots {
		if err := unix.Fchown(s.fd, uid, gid); err != nil {
			return os.NewSyscallError("fchown", err)
		}
	}
	return nil
}

// join makes a set the newest user.
func (l *listener) join(set *Set, want Socket) error {
	if want.Network == "tcp" && want.ReusePort != (l.slots != nil) {
		return errors.New("reuse-port cannot change while the address is open")
	}
	l.users = append(l.users, user{set, want})
	if l.slots != nil {
		// There is always one, so that the address stays this master's.
		if _, err := l.descriptor(set, 1); err != nil {
			return err
		}
	}
	return l.settle()
}

// leave takes a set from the users. The last one closes it.
func (l *listener) leave(set *Set, unlink bool) error {
	l.users = slices.DeleteFunc(l.users, func(u user) bool { return u.set == set })
	var errs []error
	for slot := range l.slots {
		errs = append(errs, l.releaseSlot(set, slot))
	}
	if len(l.users) > 0 {
		return errors.Join(append(errs, l.settle())...)
	}
	// The file first: as long as the socket listens, nobody else takes its path over.
	if unlink && l.file != nil {
		errs = append(errs, l.file.remove())
	}
	if l.slots == nil && !l.inherited {
		errs = append(errs, os.NewSyscallError("close", unix.Close(l.fd)))
	}
	return errors.Join(errs...)
}

// settle makes it what the newest user wants.
func (l *listener) settle() error {
	if len(l.users) == 0 {
		return nil
	}
	want := l.users[len(l.users)-1].want
	if l.file != nil {
		if err := l.file.setMode(want.Mode); err != nil {
			return err
		}
	}
	for _, fd := range l.descriptors() {
		if err := l.setBacklog(fd, want.Backlog); err != nil {
			return err
		}
	}
	return nil
}

// setBacklog says how many connections may wait: net.Listen has no argument for it, and a second call of listen may say
// it anew. The kernel cuts it to net.core.somaxconn. Whoever made an inherited socket has chosen already.
func (l *listener) setBacklog(fd, n int) error {
	if n == 0 && l.inherited {
		return nil
	}
	return os.NewSyscallError("listen", unix.Listen(fd, min(cmp.Or(n, math.MaxInt32), math.MaxInt32)))
}

// descriptor is what the worker of a slot listens on.
func (l *listener) descriptor(set *Set, slot int) (int, error) {
	if l.slots == nil {
		return l.fd, nil
	}
	return l.slotDescriptor(set, slot)
}

func (l *listener) descriptors() []int {
	if l.slots == nil {
		return []int{l.fd}
	}
	var fds []int
	for _, s := range l.slots {
		fds = append(fds, s.fd)
	}
	return fds
}
