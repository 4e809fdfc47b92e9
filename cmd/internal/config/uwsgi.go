package config

import "strings"

// UWSGIKey is a key of uWSGI's that is no key here. A Name that ends in * stands for all keys with that prefix that have no row of
// their own.
type UWSGIKey struct {
	Name    string
	Refused bool   // it is a fault, since ignoring it would change what the server does; other keys are ignored
	Reason  string // what to use instead, or why nothing has to be

	alone bool // it takes no value, so the next argument on a command line is not its value
}

// UWSGIKeys returns the table of uWSGI's keys: the ignored ones, then the refused ones. Keys that guard something are refused.
func UWSGIKeys() []UWSGIKey {
	keys := make([]UWSGIKey, 0, 1024)
	for _, group := range []struct {
		refused       bool
		reason        string
		valued, alone string
	}{
		{
			reason: "multiproc starts Go programs; command runs other programs",
			valued: "app callable cgi cgi-* clojure-load dlopen dumbloop-code dumbloop-function dumbloop-modifier1 eval file " +
				"gccgo-args gccgo-load gemset go-args go-load home import ini-paste ini-paste-logged jvm-class " +
				"jvm-classpath jvm-main-class jvm-opt jwsgi lua lua-load max-apps module mono-app mono-assembly " +
				"mono-config mono-exec mono-gc-freq mono-index mono-key mono-version mount need-plugin need-plugins " +
				"optimize paste pecan perl-* php-* plugin plugin-dir plugins plugins-dir post-pymodule-alias pp psgi pump " +
				"py py-auto-reload-ignore py-executable py-import py-program-name py-programname py-sharedarea " +
				"py-sys-executable pyargv pyhome pyimport pymodule-alias pypy-* pyrun python python-import python-path " +
				"python-raw python-worker-override pythonpath rack rails rb-gc-freq rb-lib rb-require rbrequire require " +
				"ring-app ring-load ruby-gc-freq ruby-lib ruby-require rubyrequire rvm rvm-path shared-import " +
				"shared-py-import shared-pyimport shared-python-import shared-rb-require shared-rbrequire shared-require " +
				"shared-ruby-require shared-rubyrequire symcall symcall-post-fork symcall-register-rpc test v8-gc-freq " +
				"v8-jsgi v8-load v8-module-path v8-preemptive venv virtualenv web3 worker-mount wsgi wsgi-env-behavior " +
				"wsgi-env-behaviour wsgi-file wsgi-lite xslt-content-type xslt-docroot xslt-ext xslt-stylesheet xslt-var",
			alone: "autoload catch-exceptions cgi-async-max-attempts cgi-close-stdin-on-eof cgi-do-not-kill-on-error " +
				"cgi-from-docroot cgi-optimize cgi-optimized cgi-path-info ignore-script-name lua-gc-freq lua-shell " +
				"luashell manage-script-name need-app no-default-app no-site paste-logger perl-no-die-catch perl-no-plack " +
				"perl-version php-dump-config plshell plshell-oneshot psgi-enable-psgix-io py-call-osafterfork " +
				"py-call-uwsgi-fork-hooks pyshell pyshell-oneshot python-version rb-thread rb-threads rbshell " +
				"rbshell-oneshot rbthread rbthreads reload-os-env single-interpreter start_response-nodelay " +
				"symcall-use-next vhost vhost-host wsgi-accept-buffer wsgi-accept-buffers wsgi-disable-file-wrapper " +
				"wsgi-strict",
		},
		{
			reason: "every request has its own goroutine, on as many cores as threads allows",
			valued: "async asyncio coroae gevent goroutines loop offload-thread offload-threads thread-stack-size " +
				"thread-stacksize threads-stack-size threads-stacksize tornado ugreen-stacksize",
			alone: "enable-threads fiber gevent-early-monkey-patch gevent-monkey-patch gevent-wait-for-hub greenlet " +
				"no-threads-wait stackless ugreen",
		},
		{
			reason: "every worker starts the program itself, so nothing is shared by a fork",
			alone:  "lazy lazy-apps skip-atexit skip-atexit-teardown",
		},
		{
			reason: "workers inherit standard input, output and error, and the sockets, nothing else",
			valued: "fd-safe safe-fd",
			alone:  "close-on-exec close-on-exec2 daemons-honour-stdin honour-stdin no-fd-passing skip-zero",
		},
		{
			reason: "every worker accepts connections from every socket; see reuse-port",
			valued: "map-socket",
			alone:  "thunder-lock thunder-lock-watchdog",
		},
		{
			reason: "there are no locks between processes",
			valued: "ftok lock-engine locks",
			alone:  "persistent-ipcsem",
		},
		{
			reason: "SIGTERM always stops gracefully",
			alone:  "die-on-term",
		},
		{
			reason: "a reload starts new workers and never ends the server",
			alone:  "exit-on-reload",
		},
		{
			reason: "workers always end when the master does",
			alone:  "no-orphans",
		},
		{
			reason: "the number of workers is fixed; SIGTTIN and SIGTTOU change it",
			valued: "cheaper cheaper-* idle",
			alone:  "cheap cheaper-algo-list cheaper-algos-list cheaper-busyness-verbose cheaper-list die-on-idle",
		},
		{
			reason: "a dead worker is replaced at once; if it keeps dying, after a growing delay",
			valued: "check-interval forkbomb-delay min-worker-lifetime",
			alone:  "die-on-no-workers",
		},
		{
			reason: "a worker that is replaced because of harakiri always logs its goroutines",
			valued: "backtrace-depth py-tracebacker",
			alone:  "harakiri-verbose",
		},
		{
			reason: "harakiri ends a request by an answer, not by a signal, however long the queue is",
			valued: "harakiri-graceful-signal harakiri-queue-threshold",
		},
		{
			reason: "there are no functions that run after a request",
			valued: "after-request-call after-request-hook",
			alone:  "harakiri-no-arh no-harakiri-after-req-hook no-harakiri-arh",
		},
		{
			reason: "a program that crashes dumps its core if GOTRACEBACK is crash",
			alone:  "use-abort",
		},
		{
			reason: "worker-reload-mercy limits a reload, stop-mercy a stop",
			valued: "reload-mercy",
		},
		{
			reason: "reload-on-rss watches the memory of workers; cgroups limit it",
			valued: "evil-reload-on-as mem-collector-freq reload-on-as reload-on-pss reload-on-uss",
		},
		{
			reason: "the metrics have the memory of each worker",
			alone:  "memory-report",
		},
		{
			reason: "the kernel manages the memory of a Go program",
			alone:  "ksm never-swap",
		},
		{
			reason: "a failing request does not end its worker",
			valued: "exception-handler reload-on-exception-repr reload-on-exception-type reload-on-exception-value",
			alone:  "reload-on-exception",
		},
		{
			reason: "use multiproc reload, status and stop; see the key control",
			valued: "master-fifo notify-socket",
		},
		{
			reason: "touch-reload, fs-reload, SIGHUP and multiproc reload request a reload",
			valued: "brutal-reload-on-fd perl-auto-reload py-auto-reload py-autoreload python-auto-reload python-autoreload " +
				"reload-on-fd",
			alone: "propagate-touch",
		},
		{
			reason: "multiproc check prints the settings",
			alone:  "dump-options show-config",
		},
		{
			reason: "every ini file has its own master: let systemd start them",
			valued: "emperor-* heartbeat vassal-set vassal-sos vassal-sos-backlog vassals-include " +
				"vassals-include-before vassals-inherit vassals-inherit-before vassals-set vassals-start-hook " +
				"vassals-stop-hook",
			alone: "early-emperor emperor-graceful-shutdown emperor-magic-exec emperor-no-blacklist emperor-nofollow " +
				"imperial-monitor-list imperial-monitors-list",
		},
		{
			reason: "the metrics are at metrics-path, and multiproc status shows the workers",
			valued: "carbon carbon-* metric rrdtool rrdtool-freq rrdtool-lib snmp-community stats-push " +
				"stats-pusher-default-freq stats-pushers-default-freq",
			alone: "carbon-name-resolve carbon-no-workers carbon-resolve-names carbon-use-metrics enable-metrics " +
				"metrics-dir-restore metrics-no-cores snmp zabbix-template",
		},
		{
			reason: "Go programs have a profiler of their own, net/http/pprof",
			valued: "profiler",
		},
		{
			reason: "let Prometheus alert on the metrics",
			valued: "alarm alarm-* alarm-metric backlog-alarm listen-queue-alarm log-alarm lq-alarm metric-alarm " +
				"metric-threshold not-alarm-log not-log-alarm segfault-alarm",
			alone: "alarm-list alarms-list",
		},
		{
			reason: "metrics-dir is the directory of metric files, not of uWSGI's text files",
			valued: "metric-dir",
			alone:  "metric-dir-restore",
		},
		{
			reason: "stats always has the same form: indented, with cores, without metrics",
			alone:  "stats-min stats-minified stats-no-cores stats-no-metrics",
		},
		{
			reason: "SIGUSR1 reopens a rotated log; logrotate rotates it, and journald needs neither",
			valued: "log-backupname log-maxsize touch-logreopen touch-logrotate",
			alone:  "log-reopen log-truncate",
		},
		{
			reason: "a log that exists keeps its owner: let logrotate or systemd make it",
			alone:  "logfile-chown",
		},
		{
			reason: "log-format sets the format of the log, which always has the time",
			valued: "log-encoder log-req-encoder",
			alone:  "log-date log-format-strftime log-micros log-prefix logdate logformat-strftime",
		},
		{
			reason: "every request is logged in the same form, unless disable-logging is set",
			valued: "log-big log-drain log-filter log-ioerror log-sendfile log-slow worker-log-encoder worker-log-req-encoder",
			alone:  "log-4xx log-5xx log-zero notfound-log",
		},
		{
			reason: "trusted-proxies names the proxies whose X-Forwarded-For is logged",
			alone:  "log-x-forwarded-for",
		},
		{
			reason: "master and workers write one log: logto, or standard error for journald or the container",
			valued: "log-master-bufsize log-req-route log-route log-socket log-zeromq logger logger-req req-logger " +
				"rsyslog-packet-size worker-logger worker-logger-req",
			alone: "log-master log-master-req-stream log-master-stream log-syslog rsyslog-split-messages threaded-logger",
		},
		{
			reason: "processes are always named for their job; procname-prefix adds a prefix",
			valued: "procname procname-append procname-master procname-prefix-spaced",
			alone:  "auto-procname",
		},
		{
			reason: "a client that disconnects is not an error",
			valued: "write-errors-tolerance",
			alone:  "disable-write-exception ignore-sigpipe ignore-write-errors write-errors-exception-only",
		},
		{
			reason: "bodies are streamed to the program",
			valued: "body-read-warning chunked-input-limit chunked-input-timeout post-buffering post-buffering-bufsize " +
				"upload-progress",
		},
		{
			reason: "http-timeout limits the time for a request head, and between requests",
			valued: "http-headers-timeout",
			alone:  "http-keepalive",
		},
		{
			reason: "buffer-size limits the size of a request head",
			valued: "http-buffer-size max-vars response-headers-limit",
		},
		{
			reason: "Go and the kernel tune connections",
			valued: "socket-rcvbuf socket-sndbuf tcp-fast-open tcp-fastopen",
			alone: "disable-sendfile freebind no-defer-accept shutdown-sockets so-keepalive so-send-timeout so-write-timeout " +
				"socket-send-timeout socket-write-timeout tcp-fast-open-client tcp-fastopen-client tcp-nodelay",
		},
		{
			reason: "the program speaks WebSocket itself",
			valued: "websocket-max-size websocket-ping-freq websocket-pong-tolerance websockets-max-size websockets-ping-freq " +
				"websockets-pong-tolerance",
		},
		{
			reason: "socket serves HTTP/1.1 as Go's library does",
			valued: "protocol socket-protocol",
			alone: "http-auto-chunked http-chunked-input http-manage-expect http-manage-rtsp http-manage-source " +
				"http-raw-body http-websockets",
		},
		{
			reason: "workers serve HTTP themselves, without a router between",
			valued: "http-connect-timeout http-events http-fallback http-gracetime http-harakiri http-processes http-quiet http-resubscribe " +
				"http-server-name-as-http-host http-ss http-stats http-stats-server http-subscription-fallback-key " +
				"http-subscription-server http-to http-use-base http-use-code-string http-use-pattern http-workers " +
				"http-zerg httprouter",
			alone: "force-gateway http-cheap http-use-cache http-use-socket",
		},
		{
			reason: "HTTP has no modifiers",
			valued: "allowed-modifiers fastcgi-modifier1 fastcgi-modifier2 http-modifier1 http-modifier2 " +
				"http-socket-modifier1 http-socket-modifier2 https-socket-modifier1 https-socket-modifier2 raw-modifier1 " +
				"raw-modifier2 remap-modifier scgi-modifier1 scgi-modifier2",
		},
		{
			reason: "name the address in the configuration of the proxy in front",
			valued: "auto-weight st subscribe subscribe-freq subscribe-to subscribe-with-modifier1 subscribe2 " +
				"subscription-algo subscription-notify-socket subscription-tolerance subscriptions-credentials-check " +
				"subscriptions-sign-check subscriptions-sign-check-tolerance subscriptions-sign-skip-uid weight",
			alone: "start-unsubscribed subscription-dotsplit subscriptions-use-credentials unsubscribe-on-graceful-reload",
		},
		{
			reason: "leave files, headers and routing to the program, or to a proxy in front of it",
			valued: "add-header check-static collect-header del-header error-page-403 error-page-404 error-page-500 " +
				"error-route error-route-* file-serve-mode fileserve-mode final-route final-route-* geoip-city " +
				"geoip-country glusterfs-mount glusterfs-timeout gridfs-mount http-var mime-file mimefile pull-header " +
				"rados-mount rados-timeout rem-header response-header-collect response-route response-route-* route " +
				"route-* static-cache-paths static-cache-paths-name static-check static-expires static-expires-mtime " +
				"static-expires-path-info static-expires-path-info-mtime static-expires-type static-expires-type-mtime " +
				"static-expires-uri static-expires-uri-mtime static-gzip static-gzip-dir static-gzip-ext " +
				"static-gzip-prefix static-gzip-suffix static-index static-map static-map2 static-safe webdav-*",
			alone: "check-static-docroot geoip-use-disk gridfs-debug honour-range http-auto-gzip static-gzip-all",
		},
		{
			reason: "TLS is that of Go's library: 1.2 and 1.3, with session tickets",
			valued: "ssl-session-timeout ssl-sessions-timeout ssl-tmp-dir",
			alone:  "ssl-enable-sslv3 ssl-enable-tlsv1 ssl-enable3 ssl-session-use-cache ssl-sessions-use-cache ssl-verbose",
		},
		{
			reason: "the master runs as uid too, once the sockets are bound",
			alone:  "master-as-root",
		},
		{
			reason: "let systemd or the container run other programs",
			valued: "attach-control-daemon attach-daemon attach-daemon2 binsh cron cron-curl cron-curl-legion cron-harakiri " +
				"cron-legion cron2 curl-cron curl-cron-legion farm legion legion-* mule-harakiri mule-reload-mercy mules " +
				"smart-attach-daemon smart-attach-daemon2 spooler spooler-* touch-exec touch-mules-reload " +
				"touch-spoolers-reload unique-cron unique-cron-legion unique-legion-cron",
			alone: "mule mule-msg-size reaper spooler-ordered spooler-quiet",
		},
		{
			reason: "there are no hooks: let systemd (ExecStartPre=, ExecStopPost=) or the container run programs, write files and wait",
			valued: "call-* exec-* file-write hook-* wait-*",
		},
		{
			reason: "let systemd or the container set limits and priorities",
			valued: "cpu-affinity max-fd prio",
		},
		{
			reason: "let systemd watch the filesystem (RequiresMountsFor=)",
			valued: "check-mount check-mountpoint mount-check mountpoint-check",
		},
		{
			reason: "there is no such service",
			valued: "add-cache-item cache cache-blocksize cache-expire-freq cache-store cache-store-sync cache-sync " +
				"cache-udp-node cache-udp-server cache2 fs-signal load-file-in-cache load-file-in-cache-gzip multicast " +
				"multicast-loop multicast-ttl pty-connect pty-exec pty-socket pty-uconnect queue queue-blocksize " +
				"queue-store queue-store-sync rbtimer rpc-max setns-socket setns-socket-skip sharedarea signal-bufsize " +
				"signal-rbtimer signal-timer signals-bufsize timer touch-signal udp",
			alone: "cache-no-expire cache-report-freed-items cache-use-last-modified check-cache nagios pty-input pty-log " +
				"pty-no-isig",
		},
		{
			reason: "every reload starts new workers before the old ones drain",
			valued: "zerg zerg-pool zerg-server zergpool",
			alone:  "zerg-fallback",
		},
		{
			reason: "it is about uWSGI itself",
			valued: "binary-path clock iprint mode print",
			alone: "cgi-mode clock-list clocks-list command-mode logger-list loggers-list loop-list loops-list no-server " +
				"pcre-jit plugin-list plugins-list router-list routers-list",
		},
		{
			refused: true,
			reason:  "workers speak HTTP: use socket, and proxy_pass in nginx",
			valued: "fastcgi-nph-socket fastcgi-socket mongrel2 puwsgi-socket raw-socket scgi-nph-socket scgi-socket " +
				"suwsgi-socket uwsgi-socket zeromq zeromq-socket zmq zmq-socket",
		},
		{
			refused: true,
			reason:  "use socket, with tls-cert and tls-key",
			valued:  "https https-session-context https-socket ssl-socket",
		},
		{
			refused: true,
			reason:  "workers speak HTTP/1.1: use socket, with tls-cert and tls-key, or a proxy in front",
			valued:  "https2",
		},
		{
			refused: true,
			reason:  "a server has one certificate, tls-cert: use a proxy in front",
			valued:  "sni sni-dir sni-dir-ciphers sni-regexp",
		},
		{
			refused: true,
			reason:  "TLS has no options here, and the secure ones of Go's library: use a proxy in front for others",
			alone:   "ssl-option",
		},
		{
			refused: true,
			reason:  "certificates of clients are not verified: use a proxy in front that does",
			valued:  "ssl-verify-depth",
			alone:   "https-export-cert",
		},
		{
			refused: true,
			reason:  "use a proxy in front that redirects",
			valued:  "http-to-https",
		},
		{
			refused: true,
			reason:  "let the proxy send X-Forwarded-For instead, and name it in trusted-proxies",
			valued:  "http-stud-prefix",
			alone:   "enable-proxy-protocol http-enable-proxy-protocol",
		},
		{
			refused: true,
			reason:  "use a proxy in front, such as nginx or HAProxy, as a router",
			valued: "fastrouter fastrouter-* forkpty-router forkpty-router-cmd forkpty-router-command forkpty-urouter " +
				"forkptyrouter forkptyrouter-* forkptyurouter rawrouter rawrouter-* sslrouter sslrouter-* sslrouter2 " +
				"tuntap-device tuntap-device-rule tuntap-router tuntap-router-firewall-in tuntap-router-firewall-out " +
				"tuntap-router-route tuntap-router-stats",
			alone: "fastrouter-cheap fastrouter-fallback-on-no-key fastrouter-use-cache fastrouter-use-socket " +
				"forkptyrouter-cheap rawrouter-cheap rawrouter-use-cache rawrouter-use-socket rawrouter-xclient " +
				"sslrouter-cheap sslrouter-sni sslrouter-use-cache sslrouter-use-socket tuntap-use-credentials",
		},
		{
			refused: true,
			reason:  "no files are served: the proxy that serves the others must keep these private",
			valued:  "static-skip-ext",
		},
		{
			refused: true,
			reason:  "the program that command runs must limit what it executes",
			valued:  "cgi-allowed-ext php-allowed-docroot php-allowed-ext php-allowed-script",
		},
		{
			refused: true,
			reason:  "use socket = ADDRESS: sockets are bound before uid applies, and all workers share them",
			valued:  "shared-socket undeferred-shared-socket",
		},
		{
			refused: true,
			reason:  "use socket = @NAME",
			alone:   "abstract-socket",
		},
		{
			refused: true,
			reason:  "use chmod-socket and the owner of the directory",
			valued:  "chown-socket",
		},
		{
			refused: true,
			reason:  "use umask, which sets the mode of the log",
			valued:  "logfile-chmod",
		},
		{
			refused: true,
			reason:  "use command",
			valued:  "worker-exec worker-exec2",
		},
		{
			refused: true,
			reason:  "multiproc stays in the foreground: start it by systemd or in a container, and use logto for the log",
			valued:  "daemonize daemonize2",
		},
		{
			refused: true,
			reason:  "use pidfile, which is opened before the privileges are dropped",
			valued:  "pidfile2 safe-pidfile2",
		},
		{
			refused: true,
			reason:  "use pidfile, which is locked while the server runs",
			valued:  "flock flock-wait flock-wait2 flock2",
		},
		{
			refused: true,
			reason:  "use logto, which is opened before the privileges are dropped",
			valued:  "logto2",
		},
		{
			refused: true,
			reason:  "use chdir",
			valued:  "chdir2 force-cwd",
		},
		{
			refused: true,
			reason:  "use env, or systemd's EnvironmentFile=",
			valued:  "early-envdir envdir",
		},
		{
			refused: true,
			reason:  "use uid and gid",
			valued:  "http-gid http-uid immediate-gid immediate-uid",
		},
		{
			refused: true,
			reason:  "uid and gid apply before the program starts: delete it, and let systemd prepare what needs root",
			alone:   "drop-after-apps drop-after-init",
		},
		{
			refused: true,
			reason:  "use uid = NAME, which has all groups of the user",
			valued:  "add-gid",
		},
		{
			refused: true,
			reason:  "use uid = NUMBER with gid, which has only that group",
			alone:   "no-initgroups",
		},
		{
			refused: true,
			reason:  "every ini file has its own master: let systemd start them",
			valued:  "emperor",
		},
		{
			refused: true,
			reason:  "let systemd start each file as its own user (User=)",
			alone:   "emperor-tyrant emperor-tyrant-nofollow",
		},
		{
			refused: true,
			reason:  "use systemd's CapabilityBoundingSet= or a container",
			valued:  "cap emperor-cap vassal-cap vassals-cap",
		},
		{
			refused: true,
			reason:  "use systemd's PAMName=",
			valued:  "pam pam-user",
		},
		{
			refused: true,
			reason:  "use systemd's RootDirectory= or a container",
			valued:  "chroot jail jail-attach jail-ip4 jail-ip6 jail2 jid-file jidfile libjail pivot-root pivot_root",
			alone:   "jailed re-fork re-fork-as-root re-fork-post-jail refork refork-as-root refork-post-jail",
		},
		{
			refused: true,
			reason:  "use systemd's PrivateNetwork=, PrivateTmp= and the like, or a container",
			valued: "emperor-use-clone namespace namespace-keep-mount namespace-net ns ns-net setns setns-skip unshare " +
				"unshare2",
			alone: "setns-preopen",
		},
		{
			refused: true,
			reason:  "use systemd's BindPaths=, InaccessiblePaths= and the like, or a container",
			valued: "mount-as-emperor mount-as-root mount-as-vassal mount-asap mount-in-jail mount-post-jail mount-pre-jail " +
				"umount-*",
		},
		{
			refused: true,
			reason:  "use systemd's MemoryMax= or a container's limit",
			valued:  "limit-as",
		},
		{
			refused: true,
			reason:  "use systemd's TasksMax= or a container's limit",
			valued:  "limit-nproc",
		},
		{
			refused: true,
			reason:  "use systemd's Slice=, MemoryMax= and the like, or a container",
			valued:  "cgroup cgroup-dir-mode cgroup-opt",
		},
		{
			refused: true,
			reason:  "use fs-reload: a reload always lets requests end",
			valued:  "fs-brutal-reload",
		},
		{
			refused: true,
			reason:  "use include",
			valued:  "inherit inject-after inject-before",
		},
		{
			refused: true,
			reason:  "there is no second file for a start that fails: run multiproc check first",
			valued:  "fallback-config",
		},
		{
			refused: true,
			reason:  "every file may set every key: let nobody else write it",
			valued:  "blacklist whitelist",
			alone:   "end-blacklist end-whitelist",
		},
		{
			refused: true,
			reason:  "only ini files are read",
			valued:  "config js json ldap sqlite sqlite3 xml xmlconfig yaml yml",
			alone:   "ldap-schema ldap-schema-ldif",
		},
		{
			refused: true,
			reason:  "uWSGI's keys cannot be extended: use placeholders",
			valued:  "declare-option declare-option2",
		},
		{
			refused: true,
			reason:  "write the address, or use $(VARIABLE)",
			valued:  "resolve",
		},
		{
			refused: true,
			reason:  "there are no conditions and loops: use $(VARIABLE:-default), or include another section by ini = FILE:SECTION",
			valued: "else end for for-glob for-readline for-times if-dir if-directory if-env if-exists if-file if-hostname " +
				"if-hostname-match if-not-dir if-not-env if-not-exists if-not-file if-not-hostname if-not-hostname-match " +
				"if-not-opt if-not-plugin if-opt if-plugin ifdir ifenv ifexists ifplugin",
			alone: "end-for end-if endfor endif if-not-reload if-reload",
		},
		{
			refused: true,
			reason:  "use the commands multiproc stop and multiproc reload",
			valued:  "pause reload resume signal stop suspend",
		},
		{
			refused: true,
			reason:  "it is a command of uWSGI's, not a setting: delete it",
			valued: "binary-append-data build-plugin connect-and-read extract get ping ping-timeout print-sym print-symbol " +
				"privileged-binary-patch privileged-binary-patch-arg unprivileged-binary-patch " +
				"unprivileged-binary-patch-arg",
			alone: "cflags config-py dot-h exit help usage version",
		},
	} {
		for name := range strings.FieldsSeq(group.valued) {
			keys = append(keys, UWSGIKey{Name: name, Refused: group.refused, Reason: group.reason})
		}
		for name := range strings.FieldsSeq(group.alone) {
			keys = append(keys, UWSGIKey{Name: name, Refused: group.refused, Reason: group.reason, alone: true})
		}
	}
	return keys
}
