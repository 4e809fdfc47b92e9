package main

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	"multiproc/worker/handoff"
)

// control opens the control socket; nil where there is to be none.
func (c *claim) control() (net.Listener, error) {
	path := c.cfg.Control
	if path == "" {
		return nil, nil //nolint:nilnil // there is none to be
	}
	if filepath.Dir(path) == config.RuntimeDir(os.Getuid(), os.Getenv) {
		if err := c.makeRuntimeDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	mode := fs.FileMode(0o600)
	listeners, err := c.listen(listen.Socket{Name: "control", Network: "unix", Address: path, Mode: &mode})
	if err != nil {
		return nil, err
	}
	return listeners[0].Listener, nil
}

// health opens the addresses where the master itself answers health checks.
func (c *claim) health() ([]net.Listener, error) {
	return c.listenPlain(healthSockets(c.cfg))
}

// stats opens the addresses where the master's stats are.
func (c *claim) stats() ([]net.Listener, error) {
	listeners, err := c.listenPlain(slotlessSockets(statsListener, c.cfg.Stats, c.cfg))
	for _, a := range c.cfg.Stats {
		if err == nil && a.Network == "unix" && !strings.HasPrefix(a.Address, "@") {
			err = c.give(a.Address)
		}
	}
	return listeners, err
}

// listenPlain is listen where all sockets are of one name.
func (c *claim) listenPlain(sockets []listen.Socket) ([]net.Listener, error) {
	listeners, err := c.listen(sockets...)
	var plain []net.Listener
	for _, l := range listeners {
		plain = append(plain, l.Listener)
	}
	return plain, err
}

// listen opens sockets that this process itself serves.
func (c *claim) listen(sockets ...listen.Socket) ([]handoff.Listener, error) {
	set, err := c.sockets.Open(sockets)
	if err != nil {
		return nil, err
	}
	c.sets = append(c.sets, set)
	fds, names, err := set.Descriptors(1)
	if err != nil {
		return nil, err
	}
	var listeners []handoff.Listener
	for i, fd := range fds {
		l, err := listenerOf(fd, names[i])
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, handoff.Listener{Listener: l, Name: names[i]})
	}
	return listeners, nil
}

// listenerOf makes a listener of a copy of the descriptor.
func listenerOf(fd int, name string) (net.Listener, error) {
	copied, err := syscall.Dup(fd)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(copied)
	file := os.NewFile(uintptr(copied), name)
	defer file.Close()
	l, err := net.FileListener(file)
	if unix, ok := l.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // the set decides about the file
	}
	return l, err
}
