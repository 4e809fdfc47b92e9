package listen

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"

	"multiproc/internal/osfile"
)

// Sockets are all the sockets that a master has open. It belongs to one goroutine, and its sets with it.
//
// All of them are plain descriptors, closed on exec, and not in this process's poller, which would be woken by each
// connection that is meant for a worker. (Those from a service manager are, if it has made them non-blocking.)
type Sockets struct {
	// Blocking is called with the address of a socket that a worker has made block. The flag is shared by all who have
	// the socket, so that their calls to accept would hang; it has been set right. Nil: nobody wants to know.
	Blocking func(address string)

	activated []*os.File
	open      map[address]*listener
}

// NewSockets takes over the sockets that the process was activated with (activation.Files); there may be none. They
// stay open as long as the process runs.
func NewSockets(activated []*os.File) *Sockets {
	return &Sockets{activated: activated, open: map[address]*listener{}}
}

// Activated are the sockets that the process was activated with. Those that the service manager calls metrics keep that
// name, any other is http.
func (s *Sockets) Activated() []Socket {
	var sockets []Socket
	for _, file := range s.activated {
		name := "http"
		if file.Name() == "metrics" {
			name = file.Name()
		}
		sockets = append(sockets, Socket{Name: name, Network: "fd", Address: strconv.Itoa(int(osfile.FD(file)))})
	}
	return sockets
}

// Give makes another user the owner of the files of unix sockets, and of all reuse-port sockets. Whoever drops privileges
// calls it before: a file's mode is changed by its owner, a port is only shared by sockets of one user, and those of further
// slots will be opened by the new one.
func (s *Sockets) Give(uid, gid int) error {
	for _, l := range s.open {
		if err := l.give(uid, gid); err != nil {
			return fmt.Errorf("give %s to user %d: %w", l.address, uid, err)
		}
	}
	return nil
}

// address is what a socket is found again by in the next generation. The text is what counts: localhost:80 and
// 127.0.0.1:80 are two.
type address struct {
	network, address string
	name             string // where the port is 0: what is another thing is another socket
	nth              int    // of those in one set with port 0 and that name, which are as many sockets
}

// Set are the sockets of one generation. Sets share the sockets of addresses that are in both.
type Set struct {
	sockets   *Sockets
	listeners []*listener
	names     []string // of the listeners, for the workers
}

// Open opens what is not open yet, all of it or nothing. Where an address is somebody else's, the error is an ErrInUse.
//
// What a socket is like follows the newest set that has it: its backlog, a file's mode. Only whether it is reuse-port
// cannot change while it is open.
func (s *Sockets) Open(want []Socket) (*Set, error) {
	set := &Set{sockets: s}
	for _, socket := range want {
		if err := set.add(socket); err != nil {
			return nil, errors.Join(fmt.Errorf("listen on %s: %w", socket, err), set.Close(true))
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
			return nil // said twice
		}
		return fmt.Errorf("it is %s already, and cannot be %s too", set.names[i], socket.Name)
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

// Descriptors are what the worker of a slot listens on, and their names. They stay the set's, and never block.
//
// Where a reuse-port socket has none for the slot yet, it is opened.
func (set *Set) Descriptors(slot int) (fds []int, names []string, err error) {
	for _, l := range set.listeners {
		fd, err := l.descriptor(set, slot)
		if err != nil {
			return nil, nil, fmt.Errorf("listen on %s: %w", l.address, err)
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

// ReleaseSlot gives up the reuse-port sockets of a slot that will have no more workers. It is to be called before the
// last of them is told to drain: what comes in until then is in a queue that only this worker empties, and what comes
// after goes to others only once nobody holds the socket any more.
func (set *Set) ReleaseSlot(slot int) error {
	var errs []error
	for _, l := range set.listeners {
		if err := l.releaseSlot(set, slot); err != nil {
			errs = append(errs, fmt.Errorf("close %s of slot %d: %w", l.address, slot, err))
		}
	}
	return errors.Join(errs...)
}

// Addresses are where it listens, as in 127.0.0.1:43127.
func (set *Set) Addresses() []string {
	var addresses []string
	for _, l := range set.listeners {
		addresses = append(addresses, l.address)
	}
	return addresses
}

// Close closes what no other set has, and with unlink removes the files of these unix sockets. A set that is closed is
// empty.
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
