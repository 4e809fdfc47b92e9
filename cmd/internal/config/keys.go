package config

import "time"

// Key is a row of the table of keys: what may stand in an ini file, and what it means.
type Key struct {
	Name         string
	Aliases      []string
	Kind         string // of its values, in a word or two
	Default      string // as it would stand in a file; empty: none, or what Help says
	Help         string // one line
	Unchangeable bool   // by a reload
	Repeatable   bool   // it is a list, and each further line adds to it

	adds      bool                 // a repeatable one given on the command line adds to the files' values too
	ownWorker bool                 // only this program's own workers heed it, so that it does nothing for a command
	ownMaster bool                 // only a master heeds it, so that it does nothing where master is false
	lenient   bool                 // what cannot be expanded is taken as it is, and then refused for what it is
	alone     string               // what it means without a value; empty: it needs one
	bind      func(c target) value // its field
}

// Keys is the table of keys, the one place that knows them all, in the order in which people read them. The result
// belongs to the caller.
func Keys() []Key {
	keys := []Key{
		{
			Name: "socket", Aliases: []string{"http-socket", "http11-socket", "http"}, Repeatable: true,
			Help: "serve HTTP here: HOST:PORT, :PORT, [IPV6]:PORT, a path with a slash, @ABSTRACT or fd://N",
			bind: func(c target) value { return addressList{&c.Sockets, c.sys.Dir} },
		},
		{
			Name: "metrics-socket", Repeatable: true, ownWorker: true,
			Help: "serve the metrics here, and no longer at socket",
			bind: func(c target) value { return addressList{&c.MetricsSockets, c.sys.Dir} },
		},
		{
			Name: "health", Unchangeable: true, Repeatable: true,
			Help: "the master answers /livez and /readyz here, also when no worker lives",
			bind: func(c target) value { return addressList{&c.Health, c.sys.Dir} },
		},
		{
			Name: "stats", Aliases: []string{"stats-server"}, Unchangeable: true, Repeatable: true, ownMaster: true,
			Help: "the master tells whoever connects here how the workers are, in uWSGI's JSON; uwsgitop shows it",
			bind: func(c target) value { return addressList{&c.Stats, c.sys.Dir} },
		},
		{
			Name: "stats-http", Default: "false", Unchangeable: true, ownMaster: true,
			Help: "do that in answer to an HTTP request",
			bind: func(c target) value { return boolean{&c.StatsHTTP} },
		},
		{
			Name: "listen", Default: "0",
			Help: "length of the queue of connections not yet accepted; 0: what the kernel allows",
			bind: func(c target) value { return number{&c.Listen, 0} },
		},
		{
			Name: "reuse-port", Default: "false", Unchangeable: true, ownMaster: true,
			Help: "give each worker a socket of its own on the same port, so that the kernel spreads the connections",
			bind: func(c target) value { return boolean{&c.ReusePort} },
		},
		{
			Name: "chmod-socket", Aliases: []string{"chmod"}, alone: "1",
			Help: "mode of unix sockets; alone: 666",
			bind: func(c target) value { return octal{&c.ChmodSocket, 0o666} },
		},
		{
			Name: "tls-cert",
			Help: "serve HTTPS at socket with this certificate and its chain, PEM; read again by a reload",
			bind: func(c target) value { return path{&c.TLSCert, c.sys.Dir} },
		},
		{
			Name: "tls-key",
			Help: "its key, PEM; with uid or gid, readable for that user too if a reload is to find a new one",
			bind: func(c target) value { return path{&c.TLSKey, c.sys.Dir} },
		},

		{
			Name: "master", Default: "true", Unchangeable: true,
			Help: "supervise workers; false: one process that serves by itself",
			bind: func(c target) value { return boolean{&c.Master} },
		},
		{
			Name: "processes", Aliases: []string{"workers"}, Default: "1", ownMaster: true,
			Help: "number of workers; auto: as many as there are cores",
			bind: func(c target) value { return autoNumber{number{&c.Processes, 1}} },
		},
		{
			Name: "threads", Default: autoText,
			Help: "cores that one worker uses at a time (GOMAXPROCS); auto: its share of all cores",
			bind: func(c target) value { return autoNumber{number{&c.Threads, 1}} },
		},
		{
			Name: "min-ready", Default: "1", ownMaster: true,
			Help: "ready with so many workers ready; 0: with one, as 1",
			bind: func(c target) value { return number{&c.MinReady, 0} },
		},
		{
			Name: "command",
			Help: "program to run as worker, with its arguments; by default this program's own",
			bind: func(c target) value { return plainText{&c.Command, nil} },
		},
		{
			Name: "notify", Default: "true", ownMaster: true,
			Help: "a worker says when it is ready, as systemd's services do; false: it is when it has lived 1s",
			bind: func(c target) value { return boolean{&c.Notify} },
		},

		{
			Name: "metrics-dir", Unchangeable: true,
			Help: "directory of the metric files, relative to chdir; by default PROMETHEUS_MULTIPROC_DIR",
			bind: func(c target) value { return laterPath{&c.MetricsDir} },
		},
		{
			Name: "metrics-path", Default: "/metrics", ownWorker: true,
			Help: "path at which the metrics are served",
			bind: func(c target) value { return plainText{&c.MetricsPath, checkMetricsPath} },
		},
		{
			Name: "metrics-token-file", ownWorker: true,
			Help: "show the metrics only to who brings the token in this file (Authorization: Bearer); read again by a reload",
			bind: func(c target) value { return path{&c.MetricsTokenFile, c.sys.Dir} },
		},
		{
			Name: "metrics-auth-file", ownWorker: true,
			Help: "exporter-toolkit's web configuration for metrics-socket: TLS, users; to be readable for uid",
			bind: func(c target) value { return path{&c.MetricsAuthFile, c.sys.Dir} },
		},
		{
			Name: "metrics-max-series", Default: "10000", ownWorker: true,
			Help: "values in one metric file, each bucket of a histogram being one; more stay in the memory of their process",
			bind: func(c target) value { return number{&c.MetricsMaxSeries, 1} },
		},

		{
			Name: "database", Unchangeable: true, ownWorker: true,
			Help: "database of transactions, relative to chdir: a path, or sqlite://PATH; without one there is no API",
			bind: func(c target) value { return databasePath{laterPath{&c.Database}} },
		},
		{
			Name: "database-synchronous", Default: "full", ownWorker: true,
			Help: "full: an answer means that it is on the disk; normal: a power failure may lose the last moments",
			bind: func(c target) value { return choice{&c.DatabaseSynchronous, []string{"full", "normal"}} },
		},
		{
			Name: "database-timeout", Default: "5s", ownWorker: true,
			Help: "how long a write waits for its turn before the client gets a 503",
			bind: func(c target) value { return duration{&c.DatabaseTimeout, time.Millisecond} },
		},
		{
			Name: "migrate", Default: "true",
			Help: "bring the database up to date before workers start; false: one that is not is an error",
			bind: func(c target) value { return boolean{&c.Migrate} },
		},

		{
			Name: "chdir", Unchangeable: true,
			Help: "change to this directory after pidfile, logto and sockets are open",
			bind: func(c target) value { return path{&c.Chdir, c.sys.Dir} },
		},
		{
			Name: "pidfile", Aliases: []string{"safe-pidfile"}, Unchangeable: true,
			Help: "write the master's process id here, and lock it",
			bind: func(c target) value { return path{&c.Pidfile, c.sys.Dir} },
		},
		{
			Name: "control", Unchangeable: true, ownMaster: true,
			Help: "unix socket for status, reload and stop; by default in the runtime directory, named after the ini file",
			bind: func(c target) value { return socketPath{path{&c.Control, c.sys.Dir}} },
		},
		{
			Name: "vacuum", Default: "false", Unchangeable: true,
			Help: "remove unix sockets at the end",
			bind: func(c target) value { return boolean{&c.Vacuum} },
		},
		{
			Name: "umask", Default: "077", Unchangeable: true,
			Help: "mask of the modes of new files, in octal; 022: others may read the metric files, the log and the pidfile",
			bind: func(c target) value { return octal{&c.Umask, 1} },
		},
		{
			Name: "uid", Unchangeable: true,
			Help: "user to become once the sockets are bound, by number or name; its groups come too, unless a number has a gid",
			bind: func(c target) value { return userID{&c.UID, &c.UserName, c.sys} },
		},
		{
			Name: "gid", Unchangeable: true,
			Help: "group to become once the sockets are bound, by number or name",
			bind: func(c target) value { return groupID{&c.GID, c.sys} },
		},
		{
			Name: "env", Repeatable: true, adds: true,
			Help: "set a variable of the environment",
			bind: func(c target) value { return variableList{&c.Env} },
		},
		{
			Name: "unenv", Repeatable: true, adds: true,
			Help: "remove a variable from the environment",
			bind: func(c target) value { return variableNames{&c.Unenv} },
		},
		{
			Name: "touch-reload", Aliases: []string{"touch-workers-reload", "touch-chain-reload", "fs-reload"}, Repeatable: true, ownMaster: true,
			Help: "reload when this file is touched",
			bind: func(c target) value { return pathList{&c.TouchReload, c.sys.Dir} },
		},

		{
			Name: "logto", Unchangeable: true,
			Help: "append the log here, else to stderr; uid gets it, and needs its directory writable to reopen it once rotated",
			bind: func(c target) value { return path{&c.Logto, c.sys.Dir} },
		},
		{
			Name: "log-format", Default: "text", Unchangeable: true, lenient: true,
			Help: "form of the lines of the log",
			bind: func(c target) value { return choice{&c.LogFormat, []string{"text", "json"}} },
		},
		{
			Name: "disable-logging", Aliases: []string{"disable-request-logging"}, Default: "false", ownWorker: true,
			Help: "do not log requests",
			bind: func(c target) value { return boolean{&c.DisableLogging} },
		},
		{
			Name: "procname-prefix", ownWorker: true, ownMaster: true,
			Help: "text before the names of the master and its workers in ps; a command keeps its own name",
			bind: func(c target) value { return plainText{&c.ProcnamePrefix, nil} },
		},
		{
			Name: "strict", Default: "true",
			Help: "an unknown key is an error; false: it is noted",
			bind: func(c target) value { return boolean{&c.Strict} },
		},

		{
			Name: "allowed-hosts", Repeatable: true, ownWorker: true,
			Help: "hosts that requests may name, separated by commas; .example.org: with all below it; none: all",
			bind: func(c target) value { return hostList{&c.AllowedHosts} },
		},
		{
			Name: "trusted-proxies", Repeatable: true, ownWorker: true,
			Help: "believed in X-Forwarded-For and -Proto: addresses and networks, separated by commas; unix: at unix sockets",
			bind: func(c target) value { return proxyList{&c.TrustedProxies} },
		},
		{
			Name: "max-connections", Default: "10000", ownWorker: true,
			Help: "most connections of one worker, and at most 3/4 of its descriptors; more wait, idle ones make room",
			bind: func(c target) value { return number{&c.MaxConnections, 1} },
		},
		{
			Name: "debug", Default: "false", ownWorker: true,
			Help: "pages of the admin site that fail show why, with what is nobody else's business; for development",
			bind: func(c target) value { return boolean{&c.Debug} },
		},
		{
			Name: "buffer-size", Default: "64k", ownWorker: true,
			Help: "most bytes of a request's head",
			bind: func(c target) value { return size{&c.BufferSize, kib, 1} },
		},
		{
			Name: "limit-post", Default: "0", ownWorker: true,
			Help: "most bytes of a request's body; 0: no limit",
			bind: func(c target) value { return size{&c.LimitPost, 0, 1} },
		},
		{
			Name: "http-timeout", Default: "60s", ownWorker: true,
			Help: "time for a request's head, and for a connection without requests; 0: no limit",
			bind: func(c target) value { return duration{&c.HTTPTimeout, 0} },
		},
		{
			Name: "socket-timeout", Default: "60s", ownWorker: true,
			Help: "cut off a client that neither takes nor sends anything for so long; 0: never",
			bind: func(c target) value { return duration{&c.SocketTimeout, 0} },
		},

		{
			Name: "harakiri", Default: "0", ownWorker: true,
			Help: "a request may take so long until its client is told 503; 0: no limit",
			bind: func(c target) value { return duration{&c.Harakiri, 0} },
		},
		{
			Name: "harakiri-graceful-timeout", Default: "5s", ownWorker: true,
			Help: "its handler may go on for so long until the worker is replaced; 0: replaced at once",
			bind: func(c target) value { return duration{&c.HarakiriGracefulTimeout, 0} },
		},
		{
			Name: "max-requests", Default: "0", ownWorker: true, ownMaster: true,
			Help: "replace a worker after so many requests; 0: never",
			bind: func(c target) value { return number{&c.MaxRequests, 0} },
		},
		{
			Name: "max-requests-delta", Default: autoText, ownWorker: true, ownMaster: true,
			Help: "spread of max-requests, so that not all workers go at once; auto: a tenth; 0: none",
			bind: func(c target) value { return autoNumber{number{&c.MaxRequestsDelta, 0}} },
		},
		{
			Name: "max-worker-lifetime", Default: "0", ownMaster: true,
			Help: "replace a worker after so long; 0: never",
			bind: func(c target) value { return duration{&c.MaxWorkerLifetime, 0} },
		},
		{
			Name: "max-worker-lifetime-delta", Default: autoText, ownMaster: true,
			Help: "spread of max-worker-lifetime, so that not all workers go at once; auto: a tenth; 0: none",
			bind: func(c target) value { return autoDuration{duration{&c.MaxWorkerLifetimeDelta, 0}} },
		},
		{
			Name: "reload-on-rss", Aliases: []string{"evil-reload-on-rss"}, Default: "0", ownMaster: true,
			Help: "replace a worker with so much memory of its own (mapped files do not count); without a suffix in MB; 0: never",
			bind: func(c target) value { return size{&c.ReloadOnRSS, 0, mib} },
		},

		{
			Name: "start-timeout", Default: "60s", ownMaster: true,
			Help: "time for a new worker to get ready",
			bind: func(c target) value { return duration{&c.StartTimeout, time.Millisecond} },
		},
		{
			Name: "heartbeat-timeout", Default: "30s", ownMaster: true,
			Help: "replace a worker that gives no sign of life for so long; 0: never",
			bind: func(c target) value { return duration{&c.HeartbeatTimeout, 0} },
		},
		{
			Name: "worker-reload-mercy", Default: "60s", ownMaster: true,
			Help: "time for an old worker to end its requests in a reload; 0: it ends at once",
			bind: func(c target) value { return duration{&c.WorkerReloadMercy, 0} },
		},
		{
			Name: "drain-idle", Default: "5s", ownWorker: true,
			Help: "a worker that ends keeps a connection without requests open for so long; 0: closed at once",
			bind: func(c target) value { return duration{&c.DrainIdle, 0} },
		},
		{
			Name: "shutdown-delay", Default: "0", ownMaster: true,
			Help: "at a stop, go on serving for so long while readiness is off; 0: not at all",
			bind: func(c target) value { return duration{&c.ShutdownDelay, 0} },
		},
		{
			Name: "stop-mercy", Default: "25s",
			Help: "time for the workers to end their requests in a stop; 0: they end at once",
			bind: func(c target) value { return duration{&c.StopMercy, 0} },
		},
	}
	for i := range keys {
		k := &keys[i]
		v := k.bind(target{new(Config), new(System)})
		k.Kind = v.kind()
		if _, ok := v.(boolean); ok {
			k.alone = "true"
		}
	}
	return keys
}
