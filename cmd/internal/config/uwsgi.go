package config

import "strings"

// IgnoredKey is a key of uWSGI's that has no effect. A Name that ends in * stands for all keys with that prefix.
type IgnoredKey struct {
	Name   string
	Reason string // what replaces it, or why nothing has to

	alone bool // it takes no value, so the next argument on a command line is not its value
}

// Ignored returns the table of uWSGI's keys that can stay in a file.
func Ignored() []IgnoredKey {
	var keys []IgnoredKey
	for _, group := range []struct{ reason, valued, alone string }{
		{
			reason: "multiproc starts Go programs; command runs other programs",
			valued: "module wsgi wsgi-file file callable app mount worker-mount paste ini-paste ini-paste-logged eval pump " +
				"py-* python* pyargv pyrun pyimport import shared-import virtualenv venv home pyhome pythonpath pp " +
				"plugin plugins plugin-dir plugins-dir need-plugin need-plugins wsgi-* " +
				"psgi* perl* rack rails rb* ruby* gem* php* lua* jvm* cgi* mono* go-* gccgo* rados* xslt* v8*",
			alone: "py-call-osafterfork single-interpreter need-app no-default-app no-site catch-exceptions autoload " +
				"manage-script-name vhost vhost-host dynamic-apps py-call-uwsgi-fork-hooks py-master-check-signals",
		},
		{
			reason: "every request has its own goroutine, on as many cores as threads allows",
			valued: "async gevent* asyncio* greenlet* ugreen* fiber* coroae* tornado* loop offload-thread offload-threads " +
				"thread-stacksize threads-stacksize thread-stack-size threads-stack-size http-workers http-processes",
			alone: "enable-threads no-threads-wait threaded-logger",
		},
		{
			reason: "every worker starts the program itself, so nothing is shared by a fork",
			alone:  "lazy lazy-apps close-on-exec close-on-exec2 skip-atexit skip-atexit-teardown",
		},
		{
			reason: "the kernel gives each connection to one worker; see reuse-port",
			valued: "lock-engine ftok map-socket",
			alone:  "thunder-lock thunder-lock-watchdog persistent-ipcsem no-defer-accept",
		},
		{
			reason: "SIGTERM always stops gracefully",
			alone:  "die-on-term exit-on-reload",
		},
		{
			reason: "workers always end when the master does",
			alone:  "no-orphans",
		},
		{
			reason: "the number of workers is fixed; SIGTTIN and SIGTTOU change it",
			valued: "cheaper* idle",
			alone:  "cheap die-on-idle",
		},
		{
			reason: "a dead worker is replaced at once; if it keeps dying, after a growing delay",
			valued: "min-worker-lifetime forkbomb-delay check-interval",
			alone:  "die-on-no-workers",
		},
		{
			reason: "a worker that is replaced because of harakiri always logs its goroutines",
			valued: "harakiri-graceful-signal harakiri-queue-threshold backtrace-depth py-tracebacker",
			alone:  "harakiri-verbose harakiri-no-arh no-harakiri-arh no-harakiri-after-req-hook use-abort",
		},
		{
			reason: "worker-reload-mercy limits a reload, stop-mercy a stop",
			valued: "reload-mercy mule-reload-mercy",
		},
		{
			reason: "reload-on-rss watches the memory of workers; cgroups limit it",
			valued: "reload-on-as reload-on-uss reload-on-pss evil-reload-on-as limit-as limit-nproc mem-collector-freq " +
				"memory-report ksm",
			alone: "never-swap",
		},
		{
			reason: "a failing request does not end its worker",
			valued: "reload-on-exception-*",
			alone:  "reload-on-exception",
		},
		{
			reason: "use multiproc reload, status and stop; see the key control",
			valued: "master-fifo touch-logreopen touch-logrotate touch-signal touch-exec",
			alone:  "show-config dump-options",
		},
		{
			reason: "every ini file has its own master: let systemd start them",
			valued: "emperor* vassal* heartbeat imperial-monitor*",
			alone:  "early-emperor",
		},
		{
			reason: "the metrics are at metrics-path, and multiproc status shows the workers",
			valued: "stats-push* stats-pusher* metric metric-* metrics-dir-restore snmp* carbon* alarm*",
			alone:  "enable-metrics metrics-no-cores",
		},
		{
			reason: "stats always has the same form: indented, with cores, without metrics",
			alone:  "stats-min stats-minified stats-no-cores stats-no-metrics",
		},
		{
			reason: "SIGUSR1 reopens a rotated log; logrotate rotates it, and journald needs neither",
			valued: "log-maxsize log-backupname logfile-chmod",
			alone:  "log-truncate log-reopen logfile-chown",
		},
		{
			reason: "log-format sets the format of the log, which always has the time",
			valued: "logformat logdate log-date log-prefix log-encoder log-req-encoder worker-log-* log-drain log-filter " +
				"log-slow log-big log-sendfile",
			alone: "log-zero log-4xx log-5xx log-ioerror log-micros log-format-strftime logformat-strftime " +
				"log-x-forwarded-for",
		},
		{
			reason: "master and workers write one log: logto, or standard error for journald or the container",
			valued: "logger req-logger logger-req log-syslog log-socket worker-logger worker-logger-req log-route " +
				"log-req-route log-master-bufsize",
			alone: "log-master log-master-stream log-master-req-stream",
		},
		{
			reason: "processes are always named for their job; procname-prefix adds a prefix",
			valued: "procname procname-master procname-append procname-prefix-spaced",
			alone:  "auto-procname",
		},
		{
			reason: "a client that disconnects is not an error",
			valued: "write-errors-tolerance",
			alone:  "ignore-sigpipe ignore-write-errors disable-write-exception write-errors-exception-only",
		},
		{
			reason: "bodies are streamed to the program",
			valued: "post-buffering post-buffering-bufsize chunked-input-* body-read-warning upload-progress",
		},
		{
			reason: "Go and the kernel tune connections",
			valued: "so-send-timeout so-write-timeout socket-send-timeout socket-write-timeout socket-sndbuf socket-rcvbuf " +
				"tcp-fast-open tcp-fastopen http-keepalive max-vars http-buffer-size http-headers-timeout " +
				"http-connect-timeout websocket-* websockets-*",
			alone: "so-keepalive tcp-nodelay tcp-fast-open-client tcp-fastopen-client freebind http-auto-chunked " +
				"http-chunked-input http-raw-body http-websockets http-manage-expect disable-sendfile",
		},
		{
			reason: "socket serves HTTP only",
			valued: "protocol socket-protocol http-to http-modifier* http-socket-modifier* http-var fastcgi-modifier* " +
				"scgi-modifier* raw-modifier* subscribe* subscription* st",
			alone: "honour-range http-auto-gzip",
		},
		{
			reason: "leave files, headers and routing to the program, or to a proxy in front of it",
			valued: "static-* check-static route* error-route* final-route* response-route* error-page-* add-header " +
				"rem-header del-header collect-header response-header-collect pull-header mimefile mime-file " +
				"file-serve-mode fileserve-mode",
			alone: "check-static-docroot",
		},
		{
			reason: "let systemd or the container run other programs and set limits and priorities",
			valued: "attach-daemon attach-daemon2 smart-attach-daemon smart-attach-daemon2 cron cron2 unique-cron legion* " +
				"mule mules farm spooler* timer rbtimer exec-* hook-* call-* wait-* cpu-affinity prio max-fd cgroup* " +
				"unshare cap namespace* setns*",
		},
		{
			reason: "there is no such service",
			valued: "cache* queue* sharedarea locks rpc-max signal-* signals-* load-file-in-cache zerg*",
		},
		{
			reason: "it is about uWSGI itself",
			valued: "print binary-path clock max-apps",
			alone:  "no-server skip-zero honour-stdin no-initgroups",
		},
	} {
		for name := range strings.FieldsSeq(group.valued) {
			keys = append(keys, IgnoredKey{Name: name, Reason: group.reason})
		}
		for name := range strings.FieldsSeq(group.alone) {
			keys = append(keys, IgnoredKey{Name: name, Reason: group.reason, alone: true})
		}
	}
	return keys
}

// refusal returns the reason to refuse a key of uWSGI's that would change what the server does.
func refusal(key string) (why string, refused bool) {
	for _, group := range []struct{ why, keys string }{
		{
			"workers speak HTTP: use socket, and proxy_pass in nginx",
			"uwsgi-socket suwsgi-socket puwsgi-socket fastcgi-socket fastcgi-nph-socket scgi-socket scgi-nph-socket raw-socket",
		},
		{"use socket, with tls-cert and tls-key", "https https-socket ssl-socket"},
		{"workers speak HTTP/1.1: use socket, with tls-cert and tls-key, or a proxy in front", "https2"},
		{"a server has one certificate, tls-cert: use a proxy in front", "sni sni-dir sni-regexp"},
		{"use a proxy in front that redirects", "http-to-https"},
		{"use socket = fd://N", "shared-socket undeferred-shared-socket"},
		{"use socket = @NAME", "abstract-socket"},
		{"use chmod-socket and the owner of the directory", "chown-socket"},
		{"multiproc stays in the foreground: start it by systemd or in a container, and use logto for the log", "daemonize daemonize2"},
		{"use pidfile, which is opened before the privileges are dropped", "pidfile2 safe-pidfile2"},
		{"use logto, which is opened before the privileges are dropped", "logto2"},
		{"use chdir", "chdir2 force-cwd"},
		{"use uid and gid", "immediate-uid immediate-gid"},
		{"use systemd's RootDirectory= or a container", "chroot pivot-root pivot_root jail jail2 refork re-fork"},
		{"use include", "inherit inject-before inject-after fallback-config"},
		{"only ini files are read", "config xml xmlconfig yaml yml json js"},
		{
			"there are no conditions and loops: use $(VARIABLE:-default), or include another section by ini = FILE:SECTION",
			"if-env if-not-env ifenv if-opt if-not-opt if-exists if-not-exists ifexists if-file if-not-file if-dir if-not-dir " +
				"ifdir if-directory if-hostname if-not-hostname if-hostname-match if-not-hostname-match if-plugin if-not-plugin " +
				"ifplugin if-reload if-not-reload else endif end-if for for-glob for-times for-readline endfor end-for end",
		},
		{"use the commands multiproc stop and multiproc reload", "stop reload pause suspend resume"},
	} {
		for name := range strings.FieldsSeq(group.keys) {
			if name == key {
				return group.why, true
			}
		}
	}
	return "", false
}
