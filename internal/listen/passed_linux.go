package listen

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// firstPassed is the number of the first descriptor that a service manager passes.
const firstPassed = 3

// PassedFiles returns the descriptors that the service manager has passed to this process, and unsets its variables, which must not
// reach the workers. Like sd_listen_fds(3), it fails if one of them is not open: another file would get the number.
func PassedFiles() ([]*os.File, error) {
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		n = 0
	}
	for i := range n {
		fd := firstPassed + i
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			return nil, fmt.Errorf("LISTEN_FDS is %d, but descriptor %d is not open", n, fd)
		}
	}
	return activation.Files(true), nil
}

// passed is a descriptor that the service manager has passed to this process, as in sd_listen_fds(3).
type passed struct {
	file   *os.File // its name is from LISTEN_FDNAMES
	fd     int
	bound  unix.Sockaddr // nil: it is not a socket
	stream bool          // it is a listening stream socket
	v6only bool          // at [::], it does not take IPv4 connections
	paths  []string      // other paths that have led to its file
}

func newPassed(file *os.File) *passed {
	p := &passed{file: file, fd: int(osfile.FD(file))}
	var err error
	if p.bound, err = unix.Getsockname(p.fd); err != nil {
		return p
	}
	if at, ok := p.bound.(*unix.SockaddrUnix); ok && at.Name != "" && !strings.HasPrefix(at.Name, "@") {
		if path, err := filepath.Abs(at.Name); err == nil { // the working directory changes later
			at.Name = path
		}
	}
	p.stream = checkStream(p.fd) == nil
	only, err := unix.GetsockoptInt(p.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	p.v6only = err == nil && only != 0
	return p
}

// socket returns the socket to open for it.
func (p *passed) socket(name string) Socket {
	return Socket{Name: name, Network: "fd", Address: strconv.Itoa(p.fd)}
}

// address returns the address it is bound to, for messages.
func (p *passed) address() string {
	switch at := p.bound.(type) {
	case *unix.SockaddrUnix:
		return at.Name
	case *unix.SockaddrInet4, *unix.SockaddrInet6:
		return addrPort(at).String()
	}
	return ""
}

// addrPort returns the address of an IP socket, an IPv4 address without its IPv6 form; the zero value for other sockets.
func addrPort(at unix.Sockaddr) netip.AddrPort {
	switch at := at.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(at.Addr).Unmap()
		if zone, err := net.InterfaceByIndex(int(at.ZoneId)); err == nil {
			ip = ip.WithZone(zone.Name)
		}
		return netip.AddrPortFrom(ip, uint16(at.Port))
	}
	return netip.AddrPort{}
}

// Resolve returns the sockets to open for an address: the passed ones that are bound there, or else the address itself. For the
// network "fd", an address that is not a number is a name that the service manager has given to one or more descriptors.
//
// Addresses are compared as the kernel reports them. A wildcard address stands for both IPv4 and IPv6, which may be two sockets; a
// socket that accepts both matches 0.0.0.0, too. The path of a unix socket may lead there by symbolic links.
//
// After CloseUnused it may run concurrently with the other methods, but not with itself.
func (s *Sockets) Resolve(want Socket) ([]Socket, error) {
	byNumber := want.Network == "fd" && strings.Trim(want.Address, "0123456789") == ""
	if byNumber || len(s.passed) == 0 && want.Network != "fd" {
		return []Socket{want}, nil
	}
	found := namedBy(want, s.passed)
	if want.Network == "fd" && len(found) == 0 {
		return nil, fmt.Errorf("no socket %q was passed%s", want.Address, s.passedNames())
	}
	// Another kind of socket can have the same address. If there is no other, return it: opening it fails with the reason.
	if want.Network != "fd" && slices.ContainsFunc(found, func(p *passed) bool { return p.stream }) {
		found = slices.DeleteFunc(found, func(p *passed) bool { return !p.stream })
	}
	if len(found) == 0 {
		return []Socket{want}, nil
	}
	var sockets []Socket
	for _, p := range found {
		socket := p.socket(want.Name)
		socket.Backlog = want.Backlog
		sockets = append(sockets, socket)
	}
	return sockets, nil
}

// namedBy returns the descriptors that an address or a name stands for.
func namedBy(want Socket, all []*passed) []*passed {
	var names func(*passed) bool
	switch want.Network {
	case "fd":
		names = func(p *passed) bool { return p.file.Name() == want.Address }
	case "tcp":
		names = namesTCP(want.Address)
	case "unix":
		names = func(p *passed) bool { return namesUnix(want.Address, p) }
	default:
		return nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(p *passed) bool { return !names(p) })
}

// namesTCP returns a function that reports whether a passed socket is one for a TCP address.
func namesTCP(address string) func(*passed) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return func(*passed) bool { return false }
	}
	ips := hostAddresses(host)
	return func(p *passed) bool {
		at := addrPort(p.bound)
		if !at.IsValid() || strconv.Itoa(int(at.Port())) != port {
			return false
		}
		dual := at.Addr() == netip.IPv6Unspecified() && !p.v6only
		return slices.Contains(ips, at.Addr()) || dual && slices.Contains(ips, netip.IPv4Unspecified())
	}
}

// hostAddresses returns the addresses of a host, or none if it cannot be resolved. An empty host, like ::, means both wildcard
// addresses.
func hostAddresses(host string) []netip.Addr {
	if host == "" {
		host = "::"
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip == netip.IPv6Unspecified() {
			return []netip.Addr{ip, netip.IPv4Unspecified()}
		}
		return []netip.Addr{ip.Unmap()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	ips, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host) // without an answer, listening there fails as well
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	return ips
}

// namesUnix reports whether a passed socket is the one for a path or an abstract name.
func namesUnix(address string, p *passed) bool {
	at, ok := p.bound.(*unix.SockaddrUnix)
	if !ok || at.Name == "" {
		return false
	}
	if strings.HasPrefix(at.Name, "@") || strings.HasPrefix(address, "@") {
		return at.Name == address
	}
	if at.Name == filepath.Clean(address) {
		return true
	}
	bound, err1 := os.Stat(at.Name)
	named, err2 := os.Stat(address)
	known := slices.Contains(p.paths, address)
	if err1 != nil || err2 != nil {
		return known // the file was removed, or root's privileges have been dropped since
	}
	same := os.SameFile(bound, named)
	if same && !known {
		p.paths = append(p.paths, address)
	}
	return same
}

// passedNames lists the names of the passed descriptors for an error.
func (s *Sockets) passedNames() string {
	if len(s.passed) == 0 {
		return ""
	}
	var names []string
	for _, p := range s.passed {
		names = append(names, p.file.Name())
	}
	return ", only " + strings.Join(slices.Compact(names), ", ")
}

// CloseUnused closes the passed sockets that are in no set, and reports the name and the address of each. Passed descriptors that
// are not sockets are reported without an address and left open: if the parent announced more than it passed, they are this
// process's own.
func (s *Sockets) CloseUnused(report func(name, address string)) error {
	var errs []error
	s.passed = slices.DeleteFunc(s.passed, func(p *passed) bool {
		if s.has(p.fd) {
			return false
		}
		report(p.file.Name(), p.address())
		if p.bound != nil {
			errs = append(errs, p.file.Close())
		}
		s.unused = append(s.unused, p)
		return true
	})
	return errors.Join(errs...)
}

// has reports whether an inherited descriptor is in a set.
func (s *Sockets) has(fd int) bool {
	for _, l := range s.open {
		if l.inherited && l.fd == fd {
			return true
		}
	}
	return false
}
