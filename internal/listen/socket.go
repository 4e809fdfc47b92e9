package listen

import (
	"errors"
	"io/fs"
)

// ErrInUse says that somebody else has what a master needs for itself: an address, or the pidfile.
var ErrInUse = errors.New("address already in use")

// Socket is an address to listen on.
type Socket struct {
	Name    string // what workers know it as: "http", "metrics"
	Network string // "tcp", "unix" or "fd"

	// Address is, for tcp, HOST:PORT or :PORT, which is all addresses of both IPv4 and IPv6; port 0 is any free one.
	// For unix it is an absolute path or an abstract @name, for fd the number of a descriptor that the process was
	// started with.
	Address string

	Backlog   int          // how many connections may wait; 0, or more than that: what net.core.somaxconn allows
	Mode      *fs.FileMode // of a unix socket's file, its permissions; nil: what the umask leaves
	ReusePort bool         // tcp: a socket for each slot, which is kept when its worker dies
}

// String is its address, as it stands in an ini file.
func (s Socket) String() string { return s.Network + " " + s.Address }
