package config

import "strings"

// IgnoredKey is one of uWSGI's that does nothing here. A Name that ends in * stands for all that begin so.
type IgnoredKey struct {
	Name   string
	Reason string // what does its work, or why there is none to do

	alone bool // it takes no value: on a command line the next argument is not its own
}

// Ignored is the table of uWSGI's own keys that may stay in a file.
func Ignored() []IgnoredKey {
	var keys []IgnoredKey
	for _, group := range []struct{ reason, valued, alone string }{
		{
			reason: "multiproc starts Go programs; command runs any other one",
			valued: "module wsgi wsgi-file file callable app mount worker-mount paste ini-paste ini-paste-logged eval pump " +
				"py-* python* pyargv pyrun pyimport import shared-import virtualenv venv home pyhome pythonpath pp " +
				"plugin plugins plugin-dir plugins-dir need-plugin need-plugins wsgi-* " +
				"psgi* perl* rack rails rb* ruby* gem* php* lua* jvm* cgi* mono* go-* gccgo* rados* xslt* v8*",
			alone: "py-call-osafterfork single-interpreter need-app no-default-app no-site catch-exceptions autoload " +
				"manage-script-name vhost vhost-host dynamic-apps py-call-uwsgi-fork-hooks py-master-check-signals",
		},
		{
			reason: "a Go program serves each request in a goroutine of its own, on the cores that threads allows",
			valued: "async gevent* asyncio* greenlet* ugreen* fiber* coroae* tornado* loop offload-thread offload-threads " +
				"thread-stacksize threads-stacksize thread-stack-size threads-stack-size http-workers http-processes",
			alone: "enable-threads no-threads-wait threaded-logger",
		},
		{
			reason: "every worker starts the program anew, so nothing is shared by a fork",
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
			reason: "a dead worker is replaced at once, one that keeps dying after a growing pause",
			valued: "min-worker-lifetime forkbomb-delay check-interval",
			alone:  "die-on-no-workers",
		},
		{
			reason: "a worker that is replaced for harakiri always leaves a dump of its goroutines in the log",
			valued: "harakiri-graceful-signal harakiri-queue-threshold backtrace-depth py-tracebacker",
			alone:  "harakiri-verbose harakiri-no-arh no-harakiri-arh no-harakiri-after-req-hook use-abort",
		},
		{
			reason: "worker-reload-mercy is the patience of a reload, stop-mercy that of a stop",
			valued: "reload-mercy mule-reload-mercy",
		},
		{
			reason: "reload-on-rss watches a worker's memory; limits are the cgroup's",
			valued: "reload-on-as reload-on-uss reload-on-pss evil-reload-on-as limit-as limit-nproc mem-collector-freq " +
				"memory-report ksm",
			alone: "never-swap",
		},
		{
			reason: "a worker outlives a request that fails",
			valued: "reload-on-exception-*",
			alone:  "reload-on-exception",
		},
		{
			reason: "multiproc reload, status and stop speak to the master; see control",
			valued: "master-fifo touch-logreopen touch-logrotate touch-signal touch-exec",
			alone:  "show-config dump-options",
		},
		{
			reason: "every ini file has a master of its own: let systemd start them",
			valued: "emperor* vassal* heartbeat imperial-monitor*",
			alone:  "early-emperor",
		},
		{
			reason: "the metrics are at metrics-path, and multiproc status shows the workers",
			valued: "stats-push* stats-pusher* metric metric-* metrics-dir-restore snmp* carbon* alarm*",
			alone:  "enable-metrics metrics-no-cores",
		},
		{
			reason: "stats always tells the same, indented, with the cores and without metrics",
			alone:  "stats-min stats-minified stats-no-cores stats-no-metrics",
		},
		{
			reason: "a rotated log is reopened by SIGUSR1; logrotate cuts it, journald needs neither",
			valued: "log-maxsize log-backupname logfile-chmod",
			alone:  "log-truncate log-reopen logfile-chown",
		},
		{
			reason: "the log has one form, set by log-format, and always the time",
			valued: "logformat logdate log-date log-prefix log-encoder log-req-encoder worker-log-* log-drain log-filter " +
				"log-slow log-big log-sendfile",
			alone: "log-zero log-4xx log-5xx log-ioerror log-micros log-format-strftime logformat-strftime " +
				"log-x-forwarded-for",
		},
		{
			reason: "master and workers write to one log: logto, or standard error for the journal or the container",
			valued: "logger req-logger logger-req log-syslog log-socket worker-logger worker-logger-req log-route " +
				"log-req-route log-master-bufsize",
			alone: "log-master log-master-stream log-master-req-stream",
		},
		{
			reason: "processes are always named after what they do; procname-prefix goes before it",
			valued: "procname procname-master procname-append procname-prefix-spaced",
			alone:  "auto-procname",
		},
		{
			reason: "a client that goes away is no error here",
			valued: "write-errors-tolerance",
			alone:  "ignore-sigpipe ignore-write-errors disable-write-exception write-errors-exception-only",
		},
		{
			reason: "bodies are streamed to the program",
			valued: "post-buffering post-buffering-bufsize chunked-input-* body-read-warning upload-progress",
		},
		{
			reason: "connections are kept and tuned by Go and by the kernel",
			valued: "so-send-timeout so-write-timeout socket-send-timeout socket-write-timeout socket-sndbuf socket-rcvbuf " +
				"tcp-fast-open tcp-fastopen http-keepalive max-vars http-buffer-size http-headers-timeout " +
				"http-connect-timeout websocket-* websockets-*",
			alone: "so-keepalive tcp-nodelay tcp-fast-open-client tcp-fastopen-client freebind http-auto-chunked " +
				"http-chunked-input http-raw-body http-websockets http-manage-expect disable-sendfile",
		},
		{
			reason: "socket serves HTTP and nothing else",
			valued: "protocol socket-protocol http-to http-modifier* http-socket-modifier* http-var fastcgi-modifier* " +
				"scgi-modifier* raw-modifier* subscribe* subscription* st",
			alone: "honour-range http-auto-gzip",
		},
		{
			reason: "files, headers and rules for requests are the matter of the program, or of a proxy before it",
			valued: "static-* check-static route* error-route* final-route* response-route* error-page-* add-header " +
				"rem-header del-header collect-header response-header-collect pull-header mimefile mime-file " +
				"file-serve-mode fileserve-mode",
			alone: "check-static-docroot",
		},
		{
			reason: "systemd or the container runs other programs beside this one, and sets limits and priorities",
			valued: "attach-daemon attach-daemon2 smart-attach-daemon smart-attach-daemon2 cron cron2 unique-cron legion* " +
				"mule mules farm spooler* timer rbtimer exec-* hook-* call-* wait-* cpu-affinity prio max-fd cgroup* " +
				"unshare cap namespace* setns*",
		},
		{
			reason: "there is no such service between the processes",
			valued: "cache* queue* sharedarea locks rpc-max signal-* signals-* load-file-in-cache zerg*",
		},
		{
			reason: "said by uWSGI's options for itself",
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
