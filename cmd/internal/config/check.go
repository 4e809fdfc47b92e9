package config

import (
	"errors"
	"path/filepath"
	"strings"
)

// Paths that the server uses itself.
const (
	apiPath   = "/api/v1/"
	adminPath = "/admin/"
	livez     = "/livez"
	healthz   = "/healthz"
	readyz    = "/readyz"
)

// checkMetricsPath accepts a URL path as requests have it, if nothing else is there.
func checkMetricsPath(text string) error {
	if !strings.HasPrefix(text, "/") {
		return errors.New(quoted(text) + " does not begin with a slash")
	}
	if strings.ContainsAny(text, "?#{} \t\n") { // braces would make it a pattern
		return errors.New(quoted(text) + " must be a path and nothing else")
	}
	if clean := filepath.Clean(text); strings.TrimSuffix(clean, "/") != strings.TrimSuffix(text, "/") {
		return errors.New(quoted(text) + " is never requested in this form: use " + clean)
	}
	switch {
	case text == livez || text == healthz || text == readyz:
		return errors.New(quoted(text) + " is a path of the health checks")
	case strings.HasPrefix(text+"/", apiPath):
		return errors.New(quoted(text) + " is a path of the API")
	case strings.HasPrefix(text+"/", adminPath):
		return errors.New(quoted(text) + " is a path of the admin site")
	}
	return nil
}

// check checks combinations of keys. elsewhere means that sockets need not be configured.
func (b *binder) check(elsewhere bool) {
	c := b.config
	if len(c.Sockets) == 0 && !b.tried["socket"] && !elsewhere {
		b.fault(Origin{}, "socket is missing: add a line such as socket = 127.0.0.1:8000")
	}
	b.checkTwice()
	if c.Database != "" && filepath.Dir(c.Database) == c.MetricsDir {
		b.fault(b.origin("database"), "database: %s is in metrics-dir (%s), which is wiped at the start", c.Database, b.origin("metrics-dir"))
	}
	if c.Database != "" && c.Command == "" && len(c.MetricsSockets) == 0 && strings.HasSuffix(c.MetricsPath, "/") &&
		strings.HasPrefix(apiPath, c.MetricsPath) {
		b.fault(b.origin("metrics-path"), "metrics-path: the API is below %s: use another path, or set metrics-socket", c.MetricsPath)
	}
	if c.MinReady > c.Processes && !b.failed("processes") {
		b.fault(b.origin("min-ready"), "min-ready = %d is more than processes = %d (%s)", c.MinReady, c.Processes, b.origin("processes"))
	}
	if c.Threads > b.sys.Cores {
		b.note(b.origin("threads"), "threads = %d is more than the %d available cores", c.Threads, b.sys.Cores)
	}
	if c.Command != "" && !c.Master {
		b.fault(b.origin("command"), "command needs a master: set master = true")
	}
	if strings.HasPrefix(c.Logto, "/dev/std") {
		b.note(b.origin("logto"), "%s is the descriptor that the process gets; without logto the log goes to standard error", c.Logto)
	}
	b.checkReloads()
	b.checkTLS()
	b.checkMetricsAuth()
	b.checkReach()
	b.checkIdle()
	b.checkOwners()
}

// checkReloads finds directories that every reload would change again.
func (b *binder) checkReloads() {
	c := b.config
	for i, dir := range c.FSReload {
		for _, f := range []struct{ key, dir string }{
			{"logto", filepath.Dir(c.Logto)},
			{"database", filepath.Dir(c.Database)},
			{"metrics-dir", c.MetricsDir},
			{"pidfile", filepath.Dir(c.Pidfile)},
		} {
			if b.isSet(f.key) && f.dir == dir {
				b.fault(b.origins["fs-reload"][i], "fs-reload: %s has %s (%s), which the server changes itself", dir, f.key, b.origin(f.key))
			}
		}
	}
	for i, dir := range c.TouchReload {
		if c.MetricsDir == dir {
			b.fault(b.origins["touch-reload"][i], "touch-reload: %s is metrics-dir (%s), in which every worker creates files", dir, b.origin("metrics-dir"))
		}
	}
}

// checkTLS checks that the keys for TLS lead to TLS.
func (b *binder) checkTLS() {
	for _, pair := range [][2]string{{"tls-cert", "tls-key"}, {"tls-key", "tls-cert"}} {
		key, other := pair[0], pair[1]
		switch {
		case len(b.texts(key)) == 0:
		case len(b.texts(other)) == 0 && !b.failed(other):
			b.fault(b.origin(key), "%s needs %s", key, other)
		case b.config.Command != "":
			b.fault(b.origin(key), "%s does not work with command, which gets the sockets and must speak TLS itself", key)
		}
	}
}

// checkMetricsAuth checks that the metrics have at most one kind of authentication, at an address that has them.
func (b *binder) checkMetricsAuth() {
	c := b.config
	if c.MetricsAuthFile == "" {
		return
	}
	if len(c.MetricsSockets) == 0 && !b.failed("metrics-socket") {
		b.fault(b.origin("metrics-auth-file"), "metrics-auth-file needs metrics-socket; for the metrics at socket use metrics-token-file")
	}
	if c.MetricsTokenFile != "" {
		b.fault(b.origin("metrics-token-file"), "metrics-token-file cannot be combined with metrics-auth-file (%s)",
			b.origin("metrics-auth-file"))
	}
}

// texts returns the values of a key.
func (b *binder) texts(key string) []string {
	k, _ := b.table.find(key)
	return k.bind(target{b.config, b.sys}).texts()
}

// checkReach reports unix sockets that no other user can connect to by default: nginx runs as another user.
func (b *binder) checkReach() {
	c := b.config
	if c.ChmodSocket != nil || b.isSet("umask") {
		return
	}
	for i, a := range c.Sockets {
		if a.Network == "unix" && filepath.IsAbs(a.Address) {
			b.note(b.origins["socket"][i], "only the server's own user can connect to %s: set chmod-socket to let others connect", a)
		}
	}
}

// checkTwice finds duplicate addresses. Port 0 is a different port each time.
func (b *binder) checkTwice() {
	type place struct {
		key    string
		origin Origin
	}
	seen := map[string]place{}
	for _, list := range []struct {
		key       string
		addresses []Address
	}{{"socket", b.config.Sockets}, {"metrics-socket", b.config.MetricsSockets}, {"health", b.config.Health}, {"stats", b.config.Stats}} {
		for i, a := range list.addresses {
			text := a.String()
			here := place{list.key, b.origins[list.key][i]}
			if first, ok := seen[text]; ok && (a.Network != "tcp" || !strings.HasSuffix(text, ":0")) {
				b.fault(here.origin, "%s: %s is already %s at %s", here.key, text, first.key, first.origin)
				continue
			}
			seen[text] = here
		}
	}
}

// checkIdle reports keys that have no effect because others are not set. Keys that need a master are left to checkOwners.
func (b *binder) checkIdle() {
	c := b.config
	idle := func(key string, used bool, without string) {
		if k, _ := b.table.find(key); b.isSet(key) && !used && (c.Master || !k.ownMaster) {
			b.note(b.origin(key), "%s has no effect %s", key, without)
		}
	}
	idle("harakiri-graceful-timeout", c.Harakiri > 0, "without harakiri")
	idle("max-requests-delta", c.MaxRequests > 0, "without max-requests")
	idle("max-worker-lifetime-delta", c.MaxWorkerLifetime > 0, "without max-worker-lifetime")
	idle("hsts", c.TLSCert != "" || len(c.TrustedProxies) > 0, "without HTTPS: set tls-cert, or the trusted-proxies that have it")
	idle("stats-http", len(c.Stats) > 0, "without stats")
	idle("database-synchronous", c.Database != "", "without database")
	idle("database-timeout", c.Database != "", "without database")
	idle("migrate", c.Database != "", "without database")
	idle("notify", c.Command != "" || c.Notify, "without command: multiproc's own workers always notify")
	if c.ReusePort && c.Master {
		for i, a := range c.Sockets {
			if a.Network != "tcp" {
				b.note(b.origins["socket"][i], "reuse-port has no effect on %s, which is not a TCP address", a)
			}
		}
	}
}

// checkOwners reports keys that need a master if there is none, and keys that need our own workers if there is a command.
func (b *binder) checkOwners() {
	for _, k := range b.table.keys {
		switch {
		case !b.isSet(k.Name):
		case k.ownMaster && !b.config.Master:
			b.note(b.origin(k.Name), "%s has no effect without a master", k.Name)
		case k.exporter && b.config.Command != "" && len(b.config.MetricsSockets) > 0:
			b.note(b.origin(k.Name), "%s has no effect on command, only on the exporter", k.Name)
		case k.ownWorker && b.config.Command != "":
			b.note(b.origin(k.Name), "%s has no effect on command, only on multiproc's own workers", k.Name)
		}
	}
	if b.isSet("metrics-socket") && b.config.Command != "" {
		b.note(b.origin("metrics-socket"), "metrics-socket is served by the exporter, a process of multiproc's own: command does not get it")
	}
}
