package server

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
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

// workerSockets returns the sockets that workers serve. For a socket from systemd that the settings name too, the settings
// take precedence.
func workerSockets(cfg *config.Config, activated []listen.Socket) []listen.Socket {
	var sockets []listen.Socket
	for _, a := range cfg.Sockets {
		sockets = append(sockets, newSocket(httpListener, a, cfg))
	}
	for _, a := range cfg.MetricsSockets {
		sockets = append(sockets, newSocket(metricsListener, a, cfg))
	}
	for _, s := range activated {
		named := slices.ContainsFunc(sockets, func(other listen.Socket) bool {
			return other.Network == s.Network && other.Address == s.Address
		})
		if !named {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

// healthSockets returns the sockets for health checks alone.
func healthSockets(cfg *config.Config) []listen.Socket {
	return processSockets(healthListener, cfg.Health, cfg)
}

// processSockets returns the sockets that belong to one process, not to a slot.
func processSockets(name string, addresses []config.Address, cfg *config.Config) []listen.Socket {
	var sockets []listen.Socket
	for _, a := range addresses {
		s := newSocket(name, a, cfg)
		s.ReusePort = false
		sockets = append(sockets, s)
	}
	return sockets
}

func newSocket(name string, a config.Address, cfg *config.Config) listen.Socket {
	s := listen.Socket{Name: name, Network: a.Network, Address: a.Address, Backlog: cfg.Listen, ReusePort: cfg.ReusePort}
	if a.Network == "fd" {
		s.Address = strconv.Itoa(a.FD)
	}
	if cfg.ChmodSocket != nil {
		mode := fs.FileMode(*cfg.ChmodSocket)
		s.Mode = &mode
	}
	return s
}

// listenControl opens the control socket. It returns nil if the settings have none.
func (in *instance) listenControl() (net.Listener, error) {
	path := in.cfg.Control
	if path == "" {
		return nil, nil //nolint:nilnil // documented above
	}
	if filepath.Dir(path) == config.RuntimeDir(os.Getuid(), os.Getenv) {
		if err := in.makeRuntimeDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	mode := fs.FileMode(0o600)
	listeners, err := in.listen(listen.Socket{Name: "control", Network: "unix", Address: path, Mode: &mode})
	if err != nil {
		return nil, err
	}
	return listeners[0].Listener, nil
}

// listenStats opens the addresses of uWSGI's stats.
func (in *instance) listenStats() ([]net.Listener, error) {
	return in.listenUnnamed(processSockets(statsListener, in.cfg.Stats, in.cfg))
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
