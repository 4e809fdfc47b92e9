package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// resolveTimeout bounds the lookup of a host name.
const resolveTimeout = 5 * time.Second

// listenTCP opens a socket and returns its descriptor and where it listens. With share it joins the shareable sockets that listen
// there already.
func listenTCP(address string, share bool) (fd int, resolved string, err error) {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if !share {
			return nil
		}
		var failed error
		err := raw.Control(func(fd uintptr) { failed = shareable(int(fd)) })
		return errors.Join(err, failed)
	}}
	config.SetMultipathTCP(false) // on by default in Go, but workers in other languages do not expect it
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	l, err := config.Listen(ctx, tcpNetwork(address), address)
	if err != nil {
		return -1, "", explainTCP(err)
	}
	// The listener is in Go's poller until it is closed, the copy is not.
	defer l.Close()
	fd, err = copyDescriptor(l)
	if err != nil {
		return -1, "", err
	}
	return fd, l.Addr().String(), nil
}

// tcpNetwork restricts 0.0.0.0 to IPv4. Go would listen on IPv6 as well, as it does for an empty host and for [::].
func tcpNetwork(address string) string {
	host, _, _ := net.SplitHostPort(address)
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// explainTCP drops the address, which the caller adds, and adds a hint.
func explainTCP(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return ErrInUse
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w (ports below net.ipv4.ip_unprivileged_port_start, 1024 by default, need root or CAP_NET_BIND_SERVICE)", err)
	}
	return err
}

func copyDescriptor(l net.Listener) (int, error) {
	fd, err := unix.FcntlInt(osfile.FD(l.(syscall.Conn)), unix.F_DUPFD_CLOEXEC, 0)
	return fd, os.NewSyscallError("fcntl", err)
}
