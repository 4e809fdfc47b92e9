package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// TestTables checks every row of the tables of keys, and that the tables do not contradict each other.
func TestTables(t *testing.T) {
	seen := map[string]bool{"ini": true, "include": true, "set": true, "set-placeholder": true, "set-ph": true, "uwsgi-ini": true}
	name := func(name string) {
		t.Helper()
		if seen[name] {
			t.Errorf("duplicate name %s", name)
		}
		seen[name] = true
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_*") != "" {
			t.Errorf("%q is not a valid name of a key", name)
		}
	}
	keys := newTable()
	for _, k := range keys.keys {
		name(k.Name)
		for _, alias := range k.Aliases {
			name(alias)
		}
		if k.Kind == "" || k.Help == "" || len(k.Help) > 110 || strings.HasSuffix(k.Help, ".") || unicode.IsUpper(rune(k.Help[0])) {
			t.Errorf("%s: kind %q, help %q", k.Name, k.Kind, k.Help)
		}
		kind, _, _ := strings.Cut(k.Kind, " ")
		numeric := slices.Contains([]string{"number", "size", "duration"}, kind)
		if numeric && k.bind(target{new(Config), newSystem()}).set("0") == nil && !strings.Contains(k.Help, "; 0: ") {
			t.Errorf("%s can be 0, and its help is %q", k.Name, k.Help)
		}
		for _, known := range append(k.Aliases, k.Name) {
			if i, theirs := keys.exact[known]; theirs {
				t.Errorf("%s is a key, and uWSGI's: %s", known, keys.uwsgi[i].Reason)
			}
		}
	}
	refused := false
	for _, k := range UWSGIKeys() {
		name(k.Name)
		if k.Reason == "" || strings.HasSuffix(k.Reason, ".") {
			t.Errorf("%s: reason %q", k.Name, k.Reason)
		}
		if refused && !k.Refused {
			t.Errorf("%s is ignored, after keys that are refused", k.Name)
		}
		refused = k.Refused
	}
}

// samples returns a value other than the default for each key.
func samples() map[string]string {
	return map[string]string{
		"socket": "127.0.0.1:8000", "metrics-socket": ":9394", "health": "/run/health", "stats": "@stats", "stats-http": "true", "listen": "7", "reuse-port": "true",
		"chmod-socket": "660", "tls-cert": "/etc/c.pem", "tls-key": "/etc/k.pem", "master": "false", "processes": "3", "threads": "7", "min-ready": "2", "command": "serve",
		"notify": "false", "metrics-dir": "/run/metrics", "metrics-path": "/m", "metrics-max-series": "7",
		"metrics-token-file": "/etc/token", "metrics-auth-file": "/etc/web.yml",
		"database": "/srv/app.db", "database-synchronous": "normal", "database-timeout": "7s", "migrate": "false", "chdir": "/srv",
		"pidfile": "/run/pid", "control": "/run/control", "vacuum": "true", "umask": "022", "uid": "1000", "gid": "100",
		"env": "A=b", "unenv": "C", "touch-reload": "/run/touch", "fs-reload": "/srv/code", "logto": "/var/log/x", "log-format": "json",
		"disable-logging": "true", "procname-prefix": "x", "strict": "false", "allowed-hosts": "example.org", "trusted-proxies": "10.0.0.0/8", "hsts": "31536000, includeSubDomains", "debug": "true",
		"max-connections": "7", "buffer-size": "8k", "limit-post": "1M", "http-timeout": "7s", "socket-timeout": "7s", "harakiri": "7s",
		"harakiri-graceful-timeout": "7s", "max-requests": "7", "max-requests-delta": "7", "max-worker-lifetime": "7s",
		"max-worker-lifetime-delta": "7s", "reload-on-rss": "1G", "start-timeout": "7s", "heartbeat-timeout": "7s",
		"worker-reload-mercy": "7s", "drain-idle": "7s", "shutdown-delay": "7s", "stop-mercy": "7s",
	}
}

// TestKeysChangeFields checks that every key changes one field, and no two keys the same one.
func TestKeysChangeFields(t *testing.T) {
	keys := newTable()
	unset := reflect.ValueOf(*newConfig(keys))
	by := map[string]string{"UserName": "uid, by name"}
	for _, k := range keys.keys {
		sample, ok := samples()[k.Name]
		if !ok {
			t.Errorf("no sample for %s", k.Name)
			continue
		}
		c := newConfig(keys)
		sys := testSystem(nil)
		v := k.bind(target{c, sys})
		if k.Default != "" && !slices.Equal(v.texts(), []string{k.Default}) && k.Default != "60s" {
			t.Errorf("%s has the default %s, which is %q", k.Name, k.Default, v.texts())
		}
		if err := v.set(sample); err != nil {
			t.Errorf("%s = %s: %v", k.Name, sample, err)
		}
		if got := v.texts(); !slices.Equal(got, []string{sample}) {
			t.Errorf("%s = %s is %q", k.Name, sample, got)
		}
		for i := range unset.NumField() {
			if reflect.DeepEqual(unset.Field(i).Interface(), reflect.ValueOf(*c).Field(i).Interface()) {
				continue
			}
			field := unset.Type().Field(i)
			if other := by[field.Name]; other != "" {
				t.Errorf("%s and %s change %s", other, k.Name, field.Name)
			}
			by[field.Name] = k.Name
			if field.Tag.Get("json") != k.Name {
				t.Errorf("%s changes %s, whose name is %s", k.Name, field.Name, field.Tag.Get("json"))
			}
		}
		if err := v.set(sample); err != nil {
			t.Error(err)
		}
		if again := len(v.texts()); again > 1 != k.Repeatable && k.Name != "env" {
			t.Errorf("%s, set twice, has %d values; repeatable: %v", k.Name, again, k.Repeatable)
		}
	}
	for field := range unset.Type().Fields() {
		if by[field.Name] == "" {
			t.Errorf("no key changes %s", field.Name)
		}
	}
}

// TestSuggestion checks the suggestions for common mistakes.
func TestSuggestion(t *testing.T) {
	keys := newTable()
	known := func(name string) bool {
		_, ours := keys.find(name)
		_, theirs := keys.theirs(name)
		return ours || theirs
	}
	for key, words := range map[string]string{
		"processes": "process proceses porcesses procceses prosesses processe worker_processes num-procs workers-count", "workers": "worker wokers wrokers woker",
		"socket": "sokcet sockets scoket bind port", "http-timeout": "http-timout", "metrics-path": "metric-path", "static-map": "static-maps static-files", "http-socket": "http-sockets http_socket htttp-socket socket-http",
		"listen": "lisen backlog", "uid": "user user-name uuid", "gid": "group gidd", "master": "mater masters maser",
		"max-requests": "max_requests MAX-REQUESTS max-request maxrequests requests-max worker-max-requests",
		"harakiri":     "harikiri harakari hara-kiri timeout harakiri_timeout harakiri-timout", "harakiri-graceful-timeout": "harakiri-grateful-timeout",
		"chdir": "ch-dir chdirr working_dir cwd", "pidfile": "pid-file pid pidfiles", "logto": "log-to logfile log_file log",
		"vacuum": "vacumm vacum vaccuum", "buffer-size": "buffersize buffer_size bufer-size buffer-sizes size-buffer",
		"env": "environments environment environ raw_env", "touch-reload": "touchreload reload-touch touch-reloads",
		"chmod-socket": "chmodsocket socket-chmod chmod-sock", "reload-on-rss": "reload-rss reload-on-rs max-memory",
		"worker-reload-mercy": "workers-reload-mercy graceful-timeout", "max-worker-lifetime": "max-workers-lifetime max-lifetime",
		"disable-logging": "disable-loging logging-disable", "log-format": "logs-format", "threads": "thread treads",
		"stats": "stat", "limit-post": "post-limit client_max_body_size", "tls-cert": "ssl-certificate certfile",
		"enable-threads": "enable-thread enable_threads", "die-on-term": "die-on-terms", "lazy-apps": "lazy-app lazyapps",
		"module": "modul modules", "thunder-lock": "thunderlock", "virtualenv": "virtual-env", "plugins": "plugns",
		"metrics-socket": "metrics-port prometheus_port", "health": "health-check", "database": "db database_url", "allowed-hosts": "hosts allowed-host",
		"socket-timeout": "idle_timeout scoket-timeout", "envdir": "env-file", "daemonize": "daemonise demonize daemon",
		"": "nonsense x colour my-app-version disable-logging-" + strings.Repeat("x", 64),
	} {
		for word := range strings.FieldsSeq(words) {
			want := ""
			if key != "" {
				want = ": did you mean " + key + "?"
			}
			if got := keys.suggestion(word, ""); got != want || known(word) {
				t.Errorf("%s%s; want%s", word, got, want)
			}
		}
	}
	for word, key := range foreignNames() {
		if known(word) || !known(key) {
			t.Errorf("%s stands for %s", word, key)
		}
	}
}
