package config

import "time"

// Key is a row of the table of keys: a key of an ini file and its meaning.
type Key struct {
	Name         string
	Aliases      []string
	Kind         string // of the values, in a word or two
	Default      string // as an ini file would have it; empty: none, or described by Help
	Help         string // one line
	Unchangeable bool   // a reload cannot change it
	Repeatable   bool   // a list: every line adds to it

	adds       bool                 // on the command line it adds to the files' values instead of replacing them
	ownWorker  bool                 // it has no effect on a command, only on multiproc's own workers
	exporter   bool                 // with ownWorker: it has an effect on the exporter, too
	ownMaster  bool                 // it has no effect without a master
	template   bool                 // uWSGI's values are templates with %(…): they are ignored
	afterChdir bool                 // uWSGI resolves a relative path after chdir
	differs    string               // how the meaning differs from that in uWSGI, for a note in its section
	alone      string               // the value of the key without a value; empty: it needs one
	bind       func(c target) value // returns its field
}

// Keys returns the table of keys, the only list of them, in reading order. The result belongs to the caller.
func Keys() []Key {
	keys := []Key{
		{
			Name: "socket", Aliases: []string{"http-socket", "http11-socket", "http"}, Repeatable: true, afterChdir: true,
			Help: "serve HTTP here: HOST:PORT, :PORT, [IPV6]:PORT, a path with a slash, @ABSTRACT, fd://N or fd://NAME",
			bind: func(c target) value { return addresses(&c.Sockets, c.sys.Dir) },
		},
		{
			Name: "metrics-socket", Repeatable: true,
			Help: "serve the metrics here instead of at socket; with command, a process of multiproc's own does",
			bind: func(c target) value { return addresses(&c.MetricsSockets, c.sys.Dir) },
		},
		{
			Name: "health", Unchangeable: true, Repeatable: true,
			Help: "the master answers /livez and /readyz here, even when no worker runs",
			bind: func(c target) value { return addresses(&c.Health, c.sys.Dir) },
		},
		{
			Name: "stats", Aliases: []string{"stats-server"}, Unchangeable: true, Repeatable: true, ownMaster: true, afterChdir: true,
			Help: "the master serves uWSGI's stats here, JSON about the workers for uwsgitop and similar programs",
			bind: func(c target) value { return addresses(&c.Stats, c.sys.Dir) },
		},
		{
			Name: "stats-http", Default: "false", Unchangeable: true, ownMaster: true,
			Help: "answer HTTP requests at stats",
			bind: func(c target) value { return boolean(&c.StatsHTTP) },
		},
		{
			Name: "listen", Default: "0",
			Help: "length of the queue of connections not yet accepted; 0: as long as the kernel allows",
			bind: func(c target) value { return number(&c.Listen, 0) },
		},
		{
			Name: "reuse-port", Default: "false", Unchangeable: true, ownMaster: true,
			Help: "give every worker its own socket on the port, so that the kernel spreads the connections",
			bind: func(c target) value { return boolean(&c.ReusePort) },
		},
		{
			Name: "chmod-socket", Aliases: []string{"chmod"}, alone: "1",
			Help: "mode of unix sockets; without a value: 666",
			bind: func(c target) value { return octal(&c.ChmodSocket, 0o666) },
		},
		{
			Name: "tls-cert",
			Help: "serve HTTPS at socket with this certificate and its chain (PEM); a reload reads it again",
			bind: func(c target) value { return path(&c.TLSCert, c.sys.Dir) },
		},
		{
			Name: "tls-key",
			Help: "private key of tls-cert (PEM, without passphrase); a reload reads it again, as the user uid",
			bind: func(c target) value { return path(&c.TLSKey, c.sys.Dir) },
		},

		{
			Name: "master", Default: "true", Unchangeable: true,
			Help: "supervise workers; false: one process serves by itself",
			bind: func(c target) value { return boolean(&c.Master) },
		},
		{
			Name: "processes", Aliases: []string{"workers"}, Default: "1", ownMaster: true,
			Help: "number of workers; auto: one per core",
			bind: func(c target) value { return orAuto(number(&c.Processes, 1)) },
		},
		{
			Name: "threads", Default: autoText, differs: "is a number of cores here: every request has its own goroutine",
			Help: "cores that one worker uses at the same time (GOMAXPROCS); auto: its share of all cores",
			bind: func(c target) value { return orAuto(number(&c.Threads, 1)) },
		},
		{
			Name: "min-ready", Default: "1", ownMaster: true,
			Help: "number of ready workers that make the server ready; 0: the same as 1",
			bind: func(c target) value { return number(&c.MinReady, 0) },
		},
		{
			Name: "command",
			Help: "program to run as the worker, with its arguments; by default multiproc itself",
			bind: func(c target) value { return text(&c.Command, nil) },
		},
		{
			Name: "notify", Default: "true", ownMaster: true,
			Help: "workers report readiness by systemd's protocol; false: a worker is ready after 1s",
			bind: func(c target) value { return boolean(&c.Notify) },
		},

		{
			Name: "metrics-dir", Unchangeable: true, differs: "is the directory of metric files here, not of uWSGI's metrics as text",
			Help: "directory of the metric files, relative to chdir; by default PROMETHEUS_MULTIPROC_DIR",
			bind: func(c target) value { return latePath(&c.MetricsDir) },
		},
		{
			Name: "metrics-path", Default: "/metrics", ownWorker: true, exporter: true,
			Help: "path of the metrics in URLs",
			bind: func(c target) value { return text(&c.MetricsPath, checkMetricsPath) },
		},
		{
			Name: "metrics-token-file", ownWorker: true, exporter: true,
			Help: "file with the bearer token that the metrics require; a reload reads it again",
			bind: func(c target) value { return path(&c.MetricsTokenFile, c.sys.Dir) },
		},
		{
			Name: "metrics-auth-file", ownWorker: true, exporter: true,
			Help: "exporter-toolkit's web configuration for metrics-socket: TLS, users; must be readable by uid",
			bind: func(c target) value { return path(&c.MetricsAuthFile, c.sys.Dir) },
		},
		{
			Name: "metrics-max-series", Default: "10000", ownWorker: true,
			Help: "maximum number of values in a metric file, one per bucket; more stay in the memory of their process",
			bind: func(c target) value { return number(&c.MetricsMaxSeries, 1) },
		},

		{
			Name: "database", Unchangeable: true, ownWorker: true, exporter: true,
			Help: "database of transactions, relative to chdir: a path or sqlite://PATH; without it there is no API",
			bind: func(c target) value { return databasePath(&c.Database) },
		},
		{
			Name: "database-synchronous", Default: "full", ownWorker: true,
			Help: "full: an answer means that the data is on disk; normal: a power failure can lose the last moments",
			bind: func(c target) value { return choice(&c.DatabaseSynchronous, "full", "normal") },
		},
		{
			Name: "database-timeout", Default: "5s", ownWorker: true, exporter: true,
			Help: "time that a write waits for its turn before the client gets a 503",
			bind: func(c target) value { return duration(&c.DatabaseTimeout, time.Millisecond) },
		},
		{
			Name: "migrate", Default: "true",
			Help: "bring the database up to date before workers start; false: an outdated one is an error",
			bind: func(c target) value { return boolean(&c.Migrate) },
		},

		{
			Name: "chdir", Unchangeable: true,
			Help: "change to this directory after pidfile, logto and the sockets are open",
			bind: func(c target) value { return path(&c.Chdir, c.sys.Dir) },
		},
		{
			Name: "pidfile", Aliases: []string{"safe-pidfile"}, Unchangeable: true,
			Help: "file for the master's process id, locked while the server runs",
			bind: func(c target) value { return path(&c.Pidfile, c.sys.Dir) },
		},
		{
			Name: "control", Unchangeable: true, ownMaster: true,
			Help: "unix socket for status, reload and stop; by default in the runtime directory, named for the ini file",
			bind: func(c target) value { return socketPath(&c.Control, c.sys.Dir) },
		},
		{
			Name: "vacuum", Default: "false", Unchangeable: true,
			Help: "remove unix sockets at the end",
			bind: func(c target) value { return boolean(&c.Vacuum) },
		},
		{
			Name: "umask", Default: "077", Unchangeable: true,
			Help: "mask for the modes of new files; 022: other users can read the metric files, the log and the pidfile",
			bind: func(c target) value { return octal(&c.Umask, 1) },
		},
		{
			Name: "uid", Unchangeable: true,
			Help: "user to run as once the sockets are bound, with its groups; a number with gid has only that group",
			bind: func(c target) value { return userID(&c.UID, &c.UserName, c.sys) },
		},
		{
			Name: "gid", Unchangeable: true,
			Help: "group to run as once the sockets are bound, a name or a number",
			bind: func(c target) value { return groupID(&c.GID, c.sys) },
		},
		{
			Name: "env", Repeatable: true, adds: true,
			Help: "environment variable to set",
			bind: func(c target) value { return variables(&c.Env) },
		},
		{
			Name: "unenv", Repeatable: true, adds: true,
			Help: "environment variable to remove",
			bind: func(c target) value { return variableNames(&c.Unenv) },
		},
		{
			Name: "touch-reload", Aliases: []string{"touch-workers-reload", "touch-chain-reload"}, Repeatable: true, ownMaster: true, afterChdir: true,
			Help: "reload when this file is touched or removed, or an entry of this directory is created or removed",
			bind: func(c target) value { return paths(&c.TouchReload, c.sys.Dir) },
		},
		{
			Name: "fs-reload", Repeatable: true, ownMaster: true, afterChdir: true,
			Help: "like touch-reload, and also when the content or mode of a file directly in this directory changes",
			bind: func(c target) value { return paths(&c.FSReload, c.sys.Dir) },
		},

		{
			Name: "logto", Unchangeable: true,
			Help: "file to append the log to; to reopen it uid must be able to write its directory; /dev/stdout: descriptor 1",
			bind: func(c target) value { return path(&c.Logto, c.sys.Dir) },
		},
		{
			Name: "log-format", Aliases: []string{"logformat"}, Default: "text", Unchangeable: true, template: true,
			Help: "format of log lines; templates of uWSGI's are ignored",
			bind: func(c target) value { return choice(&c.LogFormat, "text", "json") },
		},
		{
			Name: "disable-logging", Aliases: []string{"disable-request-logging"}, Default: "false", ownWorker: true, exporter: true,
			Help: "do not log requests",
			bind: func(c target) value { return boolean(&c.DisableLogging) },
		},
		{
			Name: "procname-prefix", ownWorker: true, exporter: true, ownMaster: true,
			Help: "prefix for the names of the processes in ps; a command keeps its own name",
			bind: func(c target) value { return text(&c.ProcnamePrefix, nil) },
		},
		{
			Name: "strict", Default: "true",
			Help: "unknown keys are errors; false: they are reported and ignored",
			bind: func(c target) value { return boolean(&c.Strict) },
		},

		{
			Name: "allowed-hosts", Repeatable: true, ownWorker: true, exporter: true,
			Help: "hosts that requests may name, separated by commas; .example.org includes subdomains; empty: all",
			bind: func(c target) value { return hosts(&c.AllowedHosts) },
		},
		{
			Name: "trusted-proxies", Repeatable: true, ownWorker: true, exporter: true,
			Help: "addresses and networks whose X-Forwarded-For and -Proto are believed; unix: clients of unix sockets",
			bind: func(c target) value { return proxies(&c.TrustedProxies) },
		},
		{
			Name: "hsts", ownWorker: true,
			Help: "time in which browsers use HTTPS only, and includeSubDomains, preload; sent over HTTPS; 0: they forget it",
			bind: func(c target) value { return hsts(&c.HSTS) },
		},
		{
			Name: "max-connections", Default: "10000", ownWorker: true, exporter: true,
			Help: "maximum number of connections per worker, at most 3/4 of its file descriptors; more wait in the queue",
			bind: func(c target) value { return number(&c.MaxConnections, 1) },
		},
		{
			Name: "debug", Default: "false", ownWorker: true,
			Help: "show the reason on admin pages that fail; for development only",
			bind: func(c target) value { return boolean(&c.Debug) },
		},
		{
			Name: "buffer-size", Default: "64k", ownWorker: true, exporter: true,
			Help: "maximum size of a request head in bytes",
			bind: func(c target) value { return size(&c.BufferSize, kib, 1) },
		},
		{
			Name: "limit-post", Default: "0", ownWorker: true,
			Help: "maximum size of a request body in bytes; 0: no limit",
			bind: func(c target) value { return size(&c.LimitPost, 0, 1) },
		},
		{
			Name: "http-timeout", Default: "60s", ownWorker: true, exporter: true,
			differs: "does not limit the time for an answer here, which harakiri does",
			Help:    "time for a TLS handshake, for a request head, and between requests; 0: no limit",
			bind:    func(c target) value { return duration(&c.HTTPTimeout, 0) },
		},
		{
			Name: "socket-timeout", Default: "60s", ownWorker: true, exporter: true,
			Help: "cut off a client that neither reads nor sends for this long (up to twice as long for an answer); 0: never",
			bind: func(c target) value { return duration(&c.SocketTimeout, 0) },
		},

		{
			Name: "harakiri", Default: "0", ownWorker: true,
			Help: "answer 503 to a request that takes longer; 0: no limit",
			bind: func(c target) value { return duration(&c.Harakiri, 0) },
		},
		{
			Name: "harakiri-graceful-timeout", Default: "5s", ownWorker: true,
			Help: "time for its handler to return before the worker is replaced; 0: replaced at once",
			bind: func(c target) value { return duration(&c.HarakiriGracefulTimeout, 0) },
		},
		{
			Name: "max-requests", Default: "0", ownWorker: true, ownMaster: true,
			Help: "replace a worker after this many requests; 0: never",
			bind: func(c target) value { return number(&c.MaxRequests, 0) },
		},
		{
			Name: "max-requests-delta", Default: autoText, ownWorker: true, ownMaster: true,
			differs: "is an upper bound here, of which every worker takes a random part",
			Help:    "random spread of max-requests, so that workers are not all replaced at once; auto: a tenth; 0: none",
			bind:    func(c target) value { return orAuto(number(&c.MaxRequestsDelta, 0)) },
		},
		{
			Name: "max-worker-lifetime", Default: "0", ownMaster: true,
			Help: "replace a worker after this time; 0: never",
			bind: func(c target) value { return duration(&c.MaxWorkerLifetime, 0) },
		},
		{
			Name: "max-worker-lifetime-delta", Default: autoText, ownMaster: true,
			differs: "is an upper bound here, of which every worker takes a random part",
			Help:    "random spread of max-worker-lifetime; auto: a tenth; 0: none",
			bind:    func(c target) value { return orAuto(duration(&c.MaxWorkerLifetimeDelta, 0)) },
		},
		{
			Name: "reload-on-rss", Aliases: []string{"evil-reload-on-rss"}, Default: "0", ownMaster: true,
			Help: "replace a worker that uses this much memory, mapped files excluded; a plain number is in MB; 0: never",
			bind: func(c target) value { return size(&c.ReloadOnRSS, 0, mib) },
		},

		{
			Name: "start-timeout", Default: "60s", ownMaster: true,
			Help: "time for a new worker to become ready; a program that never reports readiness needs notify = false",
			bind: func(c target) value { return duration(&c.StartTimeout, time.Millisecond) },
		},
		{
			Name: "heartbeat-timeout", Default: "30s", ownMaster: true,
			Help: "replace a worker that sends no heartbeat for this long; 0: never",
			bind: func(c target) value { return duration(&c.HeartbeatTimeout, 0) },
		},
		{
			Name: "worker-reload-mercy", Default: "60s", ownMaster: true,
			Help: "time for an old worker to finish its requests in a reload; 0: none",
			bind: func(c target) value { return duration(&c.WorkerReloadMercy, 0) },
		},
		{
			Name: "drain-idle", Default: "5s", ownWorker: true, exporter: true,
			Help: "time that a draining worker keeps idle connections open; 0: closed at once",
			bind: func(c target) value { return duration(&c.DrainIdle, 0) },
		},
		{
			Name: "shutdown-delay", Default: "0", ownMaster: true,
			Help: "time to keep serving, but not ready, before a stop; 0: none",
			bind: func(c target) value { return duration(&c.ShutdownDelay, 0) },
		},
		{
			Name: "stop-mercy", Default: "25s",
			Help: "time for the workers to finish their requests in a stop; 0: none",
			bind: func(c target) value { return duration(&c.StopMercy, 0) },
		},
	}
	for i := range keys {
		k := &keys[i]
		k.Kind = k.bind(target{new(Config), new(system)}).kind()
		if k.Kind == kindBoolean {
			k.alone = "true"
		}
	}
	return keys
}
