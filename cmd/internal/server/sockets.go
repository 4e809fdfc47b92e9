package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	"multiproc/worker/handoff"
)

// Names of listeners. A worker chooses the handler by them.
const (
	httpListener    = "http"
	metricsListener = "metrics"
	healthListener  = "health" // of a standalone process; a master answers health checks itself
	statsListener   = "stats"  // of a master
)

// sockets has all sockets of a server, by the processes that serve them.
type sockets struct {
	workers []listen.Socket
	metrics []listen.Socket // of the workers, or of the exporter
	health  []listen.Socket // of the master, or of a standalone process
	stats   []listen.Socket // of the master
	control []listen.Socket // of the master
}

// findSockets returns the sockets that the settings name. Those that the service manager has passed are used if they are bound to a
// configured address or have a configured name. Without the key socket, workers get all that no key names. Without
// metrics-socket, a passed socket with the name metrics serves the metrics; another program gets it only without the key socket.
func findSockets(cfg *config.Config, passed *listen.Sockets) (*sockets, error) {
	f := finder{cfg: cfg, passed: passed, keys: map[string]string{}}
	s := new(sockets)
	if cfg.Control != "" {
		s.control = f.find("control", "control", false, config.Address{Network: "unix", Address: cfg.Control})
	}
	s.health = f.find("health", healthListener, false, cfg.Health...)
	s.stats = f.find("stats", statsListener, false, cfg.Stats...)
	s.workers = f.find("socket", httpListener, true, cfg.Sockets...)
	s.metrics = f.find("metrics-socket", metricsListener, true, cfg.MetricsSockets...)
	for _, socket := range passed.Activated() {
		switch metrics := socket.Name == metricsListener; {
		case f.keys[socket.Address] != "":
		case metrics && len(cfg.MetricsSockets) == 0 && (ownProcess(cfg) || len(cfg.Sockets) == 0):
			s.metrics = append(s.metrics, socket)
		case !metrics && len(cfg.Sockets) == 0:
			s.workers = append(s.workers, socket)
		}
	}
	if len(cfg.Sockets) == 0 && len(s.workers) == 0 {
		f.errs = append(f.errs, errors.New("socket is missing: all sockets that were passed are for other keys"))
	}
	return s, errors.Join(f.errs...)
}

// finder finds the sockets of the keys.
type finder struct {
	cfg    *config.Config
	passed *listen.Sockets
	keys   map[string]string // by descriptors
	errs   []error
}

// find returns the sockets of a key. Sockets that belong to one process, not to a slot, never share a port.
func (f *finder) find(key, name string, share bool, addresses ...config.Address) []listen.Socket {
	var sockets []listen.Socket
	for _, a := range addresses {
		want := newSocket(name, a, f.cfg)
		want.ReusePort = want.ReusePort && share
		found, err := f.passed.Resolve(want)
		if err != nil {
			f.errs = append(f.errs, fmt.Errorf("%s: %w", key, err))
		}
		for _, socket := range found {
			if socket.Network != "fd" {
				continue
			}
			if other := f.keys[socket.Address]; other != "" && other != key {
				f.errs = append(f.errs, fmt.Errorf("%s: %s is the same socket as that of %s", key, a, other))
			}
			f.keys[socket.Address] = key
		}
		sockets = append(sockets, found...)
	}
	return sockets
}

func newSocket(name string, a config.Address, cfg *config.Config) listen.Socket {
	s := listen.Socket{Name: name, Network: a.Network, Address: a.Address, Backlog: cfg.Listen, ReusePort: cfg.ReusePort}
	if a.Network == "fd" && a.Address == "" {
		s.Address = strconv.Itoa(a.FD)
	}
	if cfg.ChmodSocket != nil {
		mode := fs.FileMode(*cfg.ChmodSocket)
		s.Mode = &mode
	}
	return s
}

// listenControl opens the control socket. It returns nil if the settings have none.
func (in *instance) listenControl(sockets []listen.Socket) (net.Listener, error) {
	if len(sockets) == 0 {
		return nil, nil //nolint:nilnil // documented above
	}
	path, socket := in.cfg.Control, sockets[0]
	if filepath.Dir(path) == config.RuntimeDir(os.Getuid(), os.Getenv) {
		if err := in.makeRuntimeDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	const mode = fs.FileMode(0o600)
	if socket.Network == "fd" {
		// A process that can connect can stop the server.
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&^mode != 0 {
			return nil, fmt.Errorf("control: the passed socket %s must have the mode %#o (SocketMode= in a socket unit)", path, mode)
		}
	}
	socket.Mode, socket.Backlog = new(mode), 0
	listeners, err := in.listen(socket)
	if err != nil {
		return nil, err
	}
	return listeners[0].Listener, nil
}

// closeUnused closes the passed sockets that no key names.
func (in *instance) closeUnused() {
	err := in.sockets.CloseUnused(func(name, address string) {
		in.log.Warn("passed socket not used, no key names it", "name", name, "address", address)
	})
	if err != nil {
		in.log.Warn("cannot close passed socket", "error", err)
	}
}

// listenUnnamed is listen without the names.
func (in *instance) listenUnnamed(sockets []listen.Socket) ([]net.Listener, error) {
	listeners, err := in.listen(sockets...)
	var unnamed []net.Listener
	for _, l := range listeners {
		unnamed = append(unnamed, l.Listener)
	}
	return unnamed, err
}

// listen opens sockets that this process itself serves. The instance closes the sockets, and the caller the listeners.
func (in *instance) listen(sockets ...listen.Socket) ([]handoff.Listener, error) {
	set, err := in.sockets.Open(sockets)
	if err != nil {
		return nil, err
	}
	in.sets = append(in.sets, set)
	fds, names, err := set.Descriptors(1)
	if err != nil {
		return nil, err
	}
	var listeners []handoff.Listener
	for i, fd := range fds {
		l, err := listen.Listener(fd)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, handoff.Listener{Listener: l, Name: names[i]})
	}
	return listeners, nil
}
