package config

import (
	"errors"
	"path/filepath"
	"strings"
)

// What the server has at paths of its own.
const (
	apiPath   = "/api/v1/"
	adminPath = "/admin/"
	livez     = "/livez"
	healthz   = "/healthz"
	readyz    = "/readyz"
)

// checkMetricsPath takes the path of a URL as requests have it, at which there is nothing else.
func checkMetricsPath(text string) error {
	if !strings.HasPrefix(text, "/") {
		return errors.New(quoted(text) + " does not begin with a slash")
	}
	if strings.ContainsAny(text, "?#{} \t\n") { // braces would make it a pattern
		return errors.New(quoted(text) + " is no path alone")
	}
	if clean := filepath.Clean(text); strings.TrimSuffix(clean, "/") != strings.TrimSuffix(text, "/") {
		return errors.New(quoted(text) + " is a path that the router never sees: want " + clean)
	}
	switch {
	case text == livez || text == healthz || text == readyz:
		return errors.New(quoted(text) + " is where health checks are answered")
	case strings.HasPrefix(text+"/", apiPath):
		return errors.New(quoted(text) + " is where the API is")
	case strings.HasPrefix(text+"/", adminPath):
		return errors.New(quoted(text) + " is where the admin site is")
	}
	return nil
}

// check looks at what keys say together. Without sockets in the configuration there must be some elsewhere.
func (s *settler) check(elsewhere bool) {
	c := s.config
	if len(c.Sockets) == 0 && !s.tried["socket"] && !elsewhere {
		s.fault(Origin{}, "socket is missing: add a line such as socket = 127.0.0.1:8000")
	}
	s.checkTwice()
	if c.Database != "" && filepath.Dir(c.Database) == c.MetricsDir {
		s.fault(s.origin("database"), "database: %s is in metrics-dir (%s), which is emptied at the start", c.Database, s.origin("metrics-dir"))
	}
	if c.Database != "" && c.Command == "" && len(c.MetricsSockets) == 0 && strings.HasSuffix(c.MetricsPath, "/") &&
		strings.HasPrefix(apiPath, c.MetricsPath) {
		s.fault(s.origin("metrics-path"), "metrics-path: the API is below %s: choose another path, or set metrics-socket", c.MetricsPath)
	}
	if c.MinReady > c.Processes && !s.failed("processes") {
		s.fault(s.origin("min-ready"), "min-ready = %d is more than processes = %d (%s)", c.MinReady, c.Processes, s.origin("processes"))
	}
	if c.Threads > s.sys.Cores {
		s.note(s.origin("threads"), "threads = %d is more than the %d cores there are", c.Threads, s.sys.Cores)
	}
	if c.Command != "" && !c.Master {
		s.fault(s.origin("command"), "command needs a master: a process alone serves by itself")
	}
	s.checkTLS()
	s.checkMetricsAuth()
	s.checkReach()
	s.checkIdle()
	s.checkOwners()
}

// checkTLS makes sure that who wants TLS gets it.
func (s *settler) checkTLS() {
	for _, pair := range [][2]string{{"tls-cert", "tls-key"}, {"tls-key", "tls-cert"}} {
		key, other := pair[0], pair[1]
		switch {
		case len(s.value(key)) == 0:
		case len(s.value(other)) == 0 && !s.failed(other):
			s.fault(s.origin(key), "%s needs %s", key, other)
		case s.config.Command != "":
			s.fault(s.origin(key), "%s is not for command: it gets sockets only, and must speak TLS by itself", key)
		}
	}
}

// checkMetricsAuth makes sure that who wants the metrics shut has one lock for them, on a door that is there.
func (s *settler) checkMetricsAuth() {
	c := s.config
	if c.MetricsAuthFile == "" {
		return
	}
	if len(c.MetricsSockets) == 0 && !s.failed("metrics-socket") {
		s.fault(s.origin("metrics-auth-file"), "metrics-auth-file needs metrics-socket: at socket, metrics-token-file shuts the metrics")
	}
	if c.MetricsTokenFile != "" {
		s.fault(s.origin("metrics-token-file"), "metrics-token-file does not go with metrics-auth-file (%s): a request has one Authorization",
			s.origin("metrics-auth-file"))
	}
}

// value is what a key is set to.
func (s *settler) value(key string) []string {
	k, _ := s.table.find(key)
	return k.bind(target{s.config, s.sys}).texts()
}

// checkReach notes unix sockets that nobody else can connect to, where nobody has said so: nginx is another user.
func (s *settler) checkReach() {
	c := s.config
	if c.ChmodSocket != nil || s.isSet("umask") {
		return
	}
	for i, a := range c.Sockets {
		if a.Network == "unix" && filepath.IsAbs(a.Address) {
			s.note(s.origins["socket"][i], "only the server's own user can connect to %s: chmod-socket opens it to others", a)
		}
	}
}

// checkTwice finds addresses that are given twice. Port 0 is another port each time.
func (s *settler) checkTwice() {
	type place struct {
		key    string
		origin Origin
	}
	seen := map[string]place{}
	for _, list := range []struct {
		key       string
		addresses []Address
	}{{"socket", s.config.Sockets}, {"metrics-socket", s.config.MetricsSockets}, {"health", s.config.Health}, {"stats", s.config.Stats}} {
		for i, a := range list.addresses {
			text := a.String()
			here := place{list.key, s.origins[list.key][i]}
			if first, ok := seen[text]; ok && (a.Network != "tcp" || !strings.HasSuffix(text, ":0")) {
				s.fault(here.origin, "%s: %s is already %s at %s", here.key, text, first.key, first.origin)
				continue
			}
			seen[text] = here
		}
	}
}

// checkIdle notes keys that do nothing as long as others are not set. What does nothing without a master is left to
// checkOwners.
func (s *settler) checkIdle() {
	c := s.config
	idle := func(key string, does bool, without string) {
		if k, _ := s.table.find(key); s.isSet(key) && !does && (c.Master || !k.ownMaster) {
			s.note(s.origin(key), "%s does nothing %s", key, without)
		}
	}
	idle("harakiri-graceful-timeout", c.Harakiri > 0, "without harakiri")
	idle("max-requests-delta", c.MaxRequests > 0, "without max-requests")
	idle("max-worker-lifetime-delta", c.MaxWorkerLifetime > 0, "without max-worker-lifetime")
	idle("stats-http", len(c.Stats) > 0, "without stats")
	idle("database-synchronous", c.Database != "", "without database")
	idle("database-timeout", c.Database != "", "without database")
	idle("migrate", c.Database != "", "without database")
	idle("notify", c.Command != "" || c.Notify, "without command: our own workers always notify")
	if c.ReusePort && c.Master {
		for i, a := range c.Sockets {
			if a.Network != "tcp" {
				s.note(s.origins["socket"][i], "reuse-port does nothing for %s: only TCP ports can be shared so", a)
			}
		}
	}
}

// checkOwners notes keys that only a master heeds, where there is none, and those that only our own workers heed, where
// there is a command instead.
func (s *settler) checkOwners() {
	for _, k := range s.table.keys {
		switch {
		case !s.isSet(k.Name):
		case k.ownMaster && !s.config.Master:
			s.note(s.origin(k.Name), "%s does nothing without a master", k.Name)
		case k.ownWorker && s.config.Command != "":
			s.note(s.origin(k.Name), "%s does nothing for command: only multiproc's own workers heed it", k.Name)
		}
	}
}
