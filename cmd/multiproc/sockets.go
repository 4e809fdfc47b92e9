package main

import (
	"io/fs"
	"slices"
	"strconv"

	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
)

// Names of listeners, by which a worker knows what to serve there.
const (
	httpListener    = "http"
	metricsListener = "metrics"
	healthListener  = "health" // without a master; else it is the master who answers there
	statsListener   = "stats"  // the master's
)

// sockets are those that the workers serve. What the settings say of one that systemd has passed counts.
func (p *planner) sockets(cfg *config.Config) []listen.Socket {
	var sockets []listen.Socket
	for _, a := range cfg.Sockets {
		sockets = append(sockets, socketOf(httpListener, a, cfg))
	}
	for _, a := range cfg.MetricsSockets {
		sockets = append(sockets, socketOf(metricsListener, a, cfg))
	}
	for _, s := range p.activated {
		named := slices.ContainsFunc(sockets, func(other listen.Socket) bool {
			return other.Network == s.Network && other.Address == s.Address
		})
		if !named {
			sockets = append(sockets, s)
		}
	}
	return sockets
}

// healthSockets are those where only health checks are answered.
func healthSockets(cfg *config.Config) []listen.Socket {
	return slotlessSockets(healthListener, cfg.Health, cfg)
}

// slotlessSockets are those that belong to no slot.
func slotlessSockets(name string, addresses []config.Address, cfg *config.Config) []listen.Socket {
	var sockets []listen.Socket
	for _, a := range addresses {
		s := socketOf(name, a, cfg)
		s.ReusePort = false
		sockets = append(sockets, s)
	}
	return sockets
}

func socketOf(name string, a config.Address, cfg *config.Config) listen.Socket {
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
