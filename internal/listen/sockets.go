// Package listen opens the listening sockets of a server and shares them between the master and its workers, and between the
// generations of a reload: TCP with or without a socket per worker (SO_REUSEPORT), unix sockets with their files, and sockets that
// the process has inherited. It also measures their queues.
package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"

	"multiproc/internal/osfile"
)

// ErrInUse is the error of Open if another process listens on the address.
var ErrInUse = errors.New("address already in use")

// Socket is an address to listen on.
type Socket struct {
	Name    string // for workers, as in "http" or "metrics"
	Network string // "tcp", "unix" or "fd"

	// Address is HOST:PORT or :PORT for tcp; without a host, all addresses of both IPv4 and IPv6; port 0 is any free one. For
	// unix it is an absolute path or an abstract @name, for fd the number of a descriptor that the process has inherited; see
	// also Resolve.
	Address string

	Backlog   int          // how many connections may wait to be accepted; 0: as many as net.core.somaxconn allows
	Mode      *fs.FileMode // permissions of a unix socket's file; nil: as the umask says
	ReusePort bool         // tcp: one socket per slot, which is kept when its worker dies
}

// String returns the network and the address.
func (s Socket) String() string { return s.Network + " " + s.Address }

// Sockets are all the sockets that a process has open. It belongs to one goroutine, and its sets with it.
//
// The descriptors are closed on exec and not in this process's poller, which would be woken by each connection that is meant for
// a worker. (Non-blocking sockets from a service manager are in it.)
type Sockets struct {
	// Blocking is called with the address of a socket that a worker has made blocking. The flag is shared by all processes that
	// have the socket, whose calls to accept would hang; it has been cleared again. Nil: it is not reported.
	Blocking func(address string)

	// Owner is the user that the process, which is root, continues as; nil: it stays as it is. See [osfile.Place].
	Owner *osfile.User

	passed []*passed
	unused []*passed // by CloseUnused; open files must be referenced, since others are closed
	open   map[address]*listener
}

// NewSockets takes over the descriptors that the service manager has passed to the process (PassedFiles), if there are any.
// They remain open for as long as the process runs, unless CloseUnused closes them.
func NewSockets(activated []*os.File) *Sockets {
	s := &Sockets{open: map[address]*listener{}}
	for _, file := range activated {
		s.passed = append(s.passed, newPassed(file))
	}
	return s
}

// Activated returns all passed sockets. One that the service manager calls metrics keeps that name; all others are http.
func (s *Sockets) Activated() []Socket {
	var sockets []Socket
	for _, p := range s.passed {
		name := "http"
		if p.file.Name() == "metrics" {
			name = p.file.Name()
		}
		sockets = append(sockets, p.socket(name))
	}
	return sockets
}

// Chown changes the owner of the files of unix sockets and of all reuse-port sockets. It must be called before privileges are
// dropped: only its owner can change a file's mode, and only sockets of one user can share a port, those of further slots included.
func (s *Sockets) Chown(uid, gid int) error {
	for _, l := range s.open {
		if err := l.chown(uid, gid); err != nil {
			return fmt.Errorf("chown %s to user %d: %w", l.address, uid, err)
		}
	}
	return nil
}

// address identifies a socket across generations. Addresses are compared as text: localhost:80 and 127.0.0.1:80 are two.
type address struct {
	network, address string
	name             string // if the port is 0: sockets with different names are different
	nth              int    // among those of a set with port 0 and that name
}

// Set is the sockets of one generation. Sets share the sockets of addresses that are in both.
type Set struct {
	sockets   *Sockets
	listeners []*listener
	names     []string // of the listeners, for the workers
}

// Open opens the sockets that are not open yet: all of them or, after an error, none. The error is an ErrInUse if another process
// has an address.
//
// The newest set that has a socket determines its backlog and its file's mode. ReusePort cannot change while it is open.
func (s *Sockets) Open(want []Socket) (*Set, error) {
	set := &Set{sockets: s}
	for _, socket := range want {
		if err := set.add(socket); err != nil {
			return nil, errors.Join(fmt.Errorf("listen on %s: %w", socket, osfile.ExplainLimit(err)), set.Close(true))
		}
	}
	return set, nil
}

func (set *Set) add(socket Socket) error {
	key := address{network: socket.Network, address: socket.Address}
	if _, port, err := net.SplitHostPort(socket.Address); socket.Network == "tcp" && err == nil && port == "0" {
		key.name = socket.Name
		for set.has(key) {
			key.nth++
		}
	}
	l := set.sockets.open[key]
	if i := slices.Index(set.listeners, l); l != nil && i >= 0 {
		if set.names[i] == socket.Name {
			return nil // listed twice
		}
		return fmt.Errorf("it is %s already and cannot be %s, too", set.names[i], socket.Name)
	}
	if l == nil {
		var err error
		if l, err = set.sockets.listen(socket); err != nil {
			return err
		}
		set.sockets.open[key] = l
	}
	set.listeners, set.names = append(set.listeners, l), append(set.names, socket.Name)
	return l.join(set, socket)
}

func (set *Set) has(key address) bool {
	l := set.sockets.open[key]
	return l != nil && slices.Contains(set.listeners, l)
}

// Descriptors returns the non-blocking descriptors for the worker of a slot, and their names. The set still owns them. It opens the
// sockets of the slot where ReusePort asks for one.
func (set *Set) Descriptors(slot int) (fds []int, names []string, err error) {
	for _, l := range set.listeners {
		fd, err := l.descriptor(set, slot)
		if err != nil {
			return nil, nil, fmt.Errorf("listen on %s: %w", l.address, osfile.ExplainLimit(err))
		}
		cleared, err := setNonblocking(fd)
		if err != nil {
			return nil, nil, fmt.Errorf("listen on %s: %w", l.address, err)
		}
		if cleared && set.sockets.Blocking != nil {
			set.sockets.Blocking(l.address)
		}
		fds = append(fds, fd)
	}
	return fds, slices.Clone(set.names), nil
}

// ReleaseSlot closes the reuse-port sockets of a slot that will have no more workers. It must be called before the last of them
// drains: only that worker can accept the connections in the queue, and new ones go to other sockets only when no process has this
// one open.
func (set *Set) ReleaseSlot(slot int) error {
	var errs []error
	for _, l := range set.listeners {
		if err := l.releaseSlot(set, slot); err != nil {
			errs = append(errs, fmt.Errorf("close %s of slot %d: %w", l.address, slot, err))
		}
	}
	return errors.Join(errs...)
}

// Addresses returns where it listens, as in 127.0.0.1:43127.
func (set *Set) Addresses() []string {
	var addresses []string
	for _, l := range set.listeners {
		addresses = append(addresses, l.address)
	}
	return addresses
}

// Close closes the sockets that no other set has and, with unlink, removes the files of unix sockets. The set is empty afterwards.
func (set *Set) Close(unlink bool) error {
	var errs []error
	for _, l := range set.listeners {
		if err := l.leave(set, unlink); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", l.address, err))
		}
	}
	set.listeners, set.names = nil, nil
	maps.DeleteFunc(set.sockets.open, func(_ address, l *listener) bool { return len(l.users) == 0 })
	return errors.Join(errs...)
}
