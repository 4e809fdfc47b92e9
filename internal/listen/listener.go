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

// listener is an open address: one socket, or with reuse-port one for each slot.
type listener struct {
	address   string              // with the port that the kernel has chosen
	users     []user              // the newest last; none: it is closed
	fd        int                 // without reuse-port
	slots     map[int]*slotSocket // nil without reuse-port
	file      *socketFile         // of a unix socket with a path
	inherited bool                // the descriptor was inherited, and is not closed
}

// user is a set that has a listener, and the properties that it wants.
type user struct {
	set  *Set
	want Socket
}

// listen opens an address, without a user.
func (s *Sockets) listen(socket Socket) (*listener, error) {
	switch socket.Network {
	case "tcp":
		l, err := newTCPListener(socket)
		if errors.Is(err, ErrInUse) {
			err = s.explainInUse(err, socket)
		}
		return l, err
	case "unix":
		fd, file, err := listenUnix(socket.Address, socket.Mode, s.Owner)
		if errors.Is(err, ErrInUse) {
			err = s.explainInUse(err, socket)
		}
		if err != nil {
			return nil, err
		}
		return &listener{address: socket.Address, fd: fd, file: file}, nil
	case "fd":
		fd, err := strconv.Atoi(socket.Address)
		if err != nil || fd < 0 {
			return nil, errors.New("not a descriptor number")
		}
		if s.holds(fd) {
			return nil, errors.New("the descriptor is one of this process's own sockets")
		}
		address, err := adopt(fd)
		if err != nil {
			return nil, s.explainPassed(err, fd)
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

// explainInUse adds the cause if this server itself occupies the address. A reload cannot change an address to one that overlaps
// with an open one or with that of a passed socket, even if it was closed here: the service manager still has it open.
func (s *Sockets) explainInUse(err error, socket Socket) error {
	if closed := namedBy(socket, s.unused); len(closed) > 0 {
		return fmt.Errorf("%w, perhaps by the socket that was passed as %s: no key named it at the start, so a restart is needed",
			err, closed[0].file.Name())
	}
	_, port, portErr := net.SplitHostPort(socket.Address)
	if portErr != nil || socket.Network != "tcp" {
		return err
	}
	for _, l := range s.open {
		if _, ours, splitErr := net.SplitHostPort(l.address); splitErr == nil && ours == port {
			return fmt.Errorf("%w, perhaps by this server itself, which listens on %s", err, l.address)
		}
	}
	for _, p := range s.passed {
		if at := addrPort(p.bound); p.stream && strconv.Itoa(int(at.Port())) == port {
			return fmt.Errorf("%w, perhaps by the passed socket %s: use its address, %s", err, p.file.Name(), at)
		}
	}
	return err
}

// explainPassed adds the name and the address of a passed descriptor, since its number means little to the user.
func (s *Sockets) explainPassed(err error, fd int) error {
	for _, p := range s.passed {
		if p.fd == fd {
			return fmt.Errorf("passed as %s, bound to %q: %w", p.file.Name(), p.address(), err)
		}
	}
	return err
}

// holds reports whether a descriptor that was not passed is a socket that is open here, or a copy of it: a listener that this process
// serves itself has a descriptor of its own.
func (s *Sockets) holds(fd int) bool {
	if slices.ContainsFunc(s.passed, func(p *passed) bool { return p.fd == fd }) {
		return false
	}
	for _, l := range s.open {
		for _, own := range l.descriptors() {
			if own == fd && !l.inherited || own != fd && sameFile(own, fd) {
				return true
			}
		}
	}
	return false
}

func sameFile(fd1, fd2 int) bool {
	var a, b unix.Stat_t
	return unix.Fstat(fd1, &a) == nil && unix.Fstat(fd2, &b) == nil && a.Dev == b.Dev && a.Ino == b.Ino
}

// chown changes the owner of a unix socket's file, and of sockets that share a port: the kernel allows that only to sockets of the
// same owner. The owner of a descriptor is that of the socket.
func (l *listener) chown(uid, gid int) error {
	if l.file != nil {
		return l.file.chown(uid, gid)
	}
	for _, s := range l.slots {
		if err := unix.Fchown(s.fd, uid, gid); err != nil {
			return os.NewSyscallError("fchown", err)
		}
	}
	return nil
}

// join adds a set as the newest user.
func (l *listener) join(set *Set, want Socket) error {
	if want.Network == "tcp" && want.ReusePort != (l.slots != nil) {
		return errors.New("reuse-port cannot change while the address is open")
	}
	l.users = append(l.users, user{set, want})
	if l.slots != nil {
		// There is always one, so that no other process gets the address.
		if _, err := l.descriptor(set, 1); err != nil {
			return err
		}
	}
	return l.apply()
}

// leave removes a set from the users. Without any, the listener is closed.
func (l *listener) leave(set *Set, unlink bool) error {
	l.users = slices.DeleteFunc(l.users, func(u user) bool { return u.set == set })
	var errs []error
	for slot := range l.slots {
		errs = append(errs, l.releaseSlot(set, slot))
	}
	if len(l.users) > 0 {
		return errors.Join(append(errs, l.apply())...)
	}
	// The file first: while the socket listens, no other process takes over its path.
	if unlink && l.file != nil {
		errs = append(errs, l.file.remove())
	}
	if l.slots == nil && !l.inherited {
		errs = append(errs, os.NewSyscallError("close", unix.Close(l.fd)))
	}
	return errors.Join(errs...)
}

// apply applies the properties that the newest user wants.
func (l *listener) apply() error {
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

// setBacklog sets how many connections may wait, by a second call of listen(2), since net.Listen has no argument for it. The kernel
// limits it to net.core.somaxconn. 0 leaves the backlog of an inherited socket unchanged.
func (l *listener) setBacklog(fd, n int) error {
	if n == 0 && l.inherited {
		return nil
	}
	return os.NewSyscallError("listen", unix.Listen(fd, min(cmp.Or(n, math.MaxInt32), math.MaxInt32)))
}

// descriptor returns the descriptor for the worker of a slot.
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
