package config

import (
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLoad loads lines after "[multiproc]" and a line with a socket.
func TestLoad(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		env   []string
		want  map[string]string // key: values, separated by spaces
		notes []string
	}{
		"the last of two wins": {
			lines: "processes = 4\nworkers = 2",
			want:  map[string]string{"processes": "2"},
			notes: []string{"a.ini:4: workers is another name of processes", "a.ini:4: workers replaces the value from a.ini:3"},
		},
		"threads share the cores":  {lines: "processes = 2", want: map[string]string{"threads": "2"}},
		"threads are at least one": {lines: "processes = 9", want: map[string]string{"threads": "1"}},
		"threads without a master": {lines: "master = false\nprocesses = 2", want: map[string]string{"threads": "4"}, notes: []string{"a.ini:4: processes has no effect without a master"}},
		"as many workers as cores": {lines: "processes = auto", want: map[string]string{"threads": "1", "processes": "4"}},
		"deltas are a tenth":       {lines: "max-requests = 105\nmax-worker-lifetime = 1h", want: map[string]string{"max-requests-delta": "10", "max-worker-lifetime-delta": "6m"}},
		"deltas can be 0":          {lines: "max-requests = 105\nmax-requests-delta = 0", want: map[string]string{"max-requests-delta": "0"}},
		"uid by name":              {lines: "uid = exporter", want: map[string]string{"uid": "1001", "gid": "1002"}},
		"uid by name with a gid":   {lines: "gid = www\nuid = exporter", want: map[string]string{"uid": "1001", "gid": "33"}},
		"uid by number":            {lines: "uid = 1001", want: map[string]string{"uid": "1001", "gid": "1002"}},
		"uid by number with a gid": {lines: "gid = 0\nuid = 65534", want: map[string]string{"uid": "65534", "gid": "0"}},
		"gid alone":                {lines: "gid = 33", want: map[string]string{"uid": "", "gid": "33"}},
		"metrics directory":        {lines: "metrics-dir = m", want: map[string]string{"metrics-dir": "/srv/app/m"}},
		"metrics after chdir":      {lines: "metrics-dir = ./m/\nchdir = data", want: map[string]string{"metrics-dir": "/srv/app/data/m"}},
		"metrics from env":         {lines: "env = PROMETHEUS_MULTIPROC_DIR=/m/", env: []string{"PROMETHEUS_MULTIPROC_DIR=/n"}, want: map[string]string{"metrics-dir": "/m"}},
		"metrics from environment": {env: []string{"PROMETHEUS_MULTIPROC_DIR=/n/"}, want: map[string]string{"metrics-dir": "/n"}},
		"metrics from the old name": {
			env:  []string{"prometheus_multiproc_dir=/n/"},
			want: map[string]string{"metrics-dir": "/n"}, notes: []string{"$prometheus_multiproc_dir: prometheus_multiproc_dir is an old name: use PROMETHEUS_MULTIPROC_DIR"},
		},
		"metrics from the old name in env": {
			lines: "env = prometheus_multiproc_dir=/m", env: []string{"prometheus_multiproc_dir=/n"},
			want: map[string]string{"metrics-dir": "/m"}, notes: []string{"a.ini:3: prometheus_multiproc_dir is an old name: use PROMETHEUS_MULTIPROC_DIR"},
		},
		"metrics from the new name": {
			lines: "env = prometheus_multiproc_dir=/m", env: []string{"PROMETHEUS_MULTIPROC_DIR=/n"}, // as in the environment of workers
			want:  map[string]string{"metrics-dir": "/n"},
			notes: []string{"a.ini:3: env prometheus_multiproc_dir is replaced by metrics-dir from $PROMETHEUS_MULTIPROC_DIR"},
		},
		"metrics from neither name": {
			lines: "env = prometheus_multiproc_dir=/m\nmetrics-dir = /o", env: []string{"PROMETHEUS_MULTIPROC_DIR=/n"},
			want:  map[string]string{"metrics-dir": "/o"},
			notes: []string{"a.ini:3: env prometheus_multiproc_dir is replaced by metrics-dir from a.ini:4"},
		},
		"metrics from no removed variable": {
			lines: "unenv = PROMETHEUS_MULTIPROC_DIR\nunenv = prometheus_multiproc_dir",
			env:   []string{"PROMETHEUS_MULTIPROC_DIR=/n", "prometheus_multiproc_dir=/n"},
			want:  map[string]string{"metrics-dir": ""},
		},
		"metrics from nowhere":     {env: []string{"PROMETHEUS_MULTIPROC_DIR="}, want: map[string]string{"metrics-dir": ""}},
		"a socket of one user":     {lines: "socket = a.sock\nsocket = @a", notes: []string{"a.ini:3: only the server's own user can connect to /srv/app/a.sock: set chmod-socket to let others connect"}},
		"no metrics by the key":    {lines: "metrics-dir =", env: []string{"PROMETHEUS_MULTIPROC_DIR=/n/"}, want: map[string]string{"metrics-dir": ""}},
		"database":                 {lines: "database = app.db", want: map[string]string{"database": "/srv/app/app.db", "migrate": "true"}},
		"database after chdir":     {lines: "database = sqlite://./app.db\nchdir = data", want: map[string]string{"database": "/srv/app/data/app.db"}},
		"database not after chdir": {lines: "chdir = data\ndatabase = sqlite:///var/app.db", want: map[string]string{"database": "/var/app.db"}},
		"database with a percent":  {lines: "database = sqlite:///var/%%20.db", want: map[string]string{"database": "/var/%20.db"}},
		"no database":              {lines: "database = a.db\ndatabase =", want: map[string]string{"database": ""}, notes: []string{"a.ini:4: database replaces the value from a.ini:3"}},
		"control":                  {want: map[string]string{"control": "/tmp/multiproc-1000/a-93256f24.sock"}},
		"control with XDG":         {env: []string{"XDG_RUNTIME_DIR=/run/user/1000"}, want: map[string]string{"control": "/run/user/1000/multiproc/a-93256f24.sock"}},
		"control elsewhere":        {lines: "control = c.sock", want: map[string]string{"control": "/srv/app/c.sock"}},
		"no control":               {lines: "control =", want: map[string]string{"control": ""}},
		"a variable twice":         {lines: "env = A=1\nenv = B=2\nenv = A=3", want: map[string]string{"env": "A=3 B=2"}},
		"no environment for keys": {
			env:  []string{"MULTIPROC_PROCESSES=9", "UWSGI_MAX_REQUESTS=9", "PROCESSES=9", "UWSGI_RELOADS=1", "UWSGI_CHEAPER=2", "UWSGI_=1", "UWSGI_CHROOT=/x"},
			want: map[string]string{"max-requests": "0"},
			notes: []string{
				"$UWSGI_MAX_REQUESTS: environment variables do not set keys, as they do in uWSGI: use the ini file or a flag",
				"$UWSGI_CHROOT: environment variables do not set keys, as they do in uWSGI: use the ini file or a flag",
			},
		},
		"a key alone":               {lines: "vacuum\nchmod-socket", want: map[string]string{"vacuum": "true", "chmod-socket": "666"}},
		"chmod-socket as uWSGI's 1": {lines: "chmod-socket = 1", want: map[string]string{"chmod-socket": "666"}},
		"a value with signs": {lines: "command = a ; b # c = d", want: map[string]string{"command": "a ; b # c = d"}, notes: []string{
			`a.ini:3: command: the text from " ;" on belongs to the value: a comment needs a line of its own`,
		}},
		"the shell's variables": {lines: "pidfile = ${RUN}/pid\ncommand = sh -c 'exec ${APP}'", notes: []string{
			"a.ini:3: pidfile: ${ belongs to the value: an environment variable is $(NAME)",
		}},
		"hosts are cleared": {lines: "allowed-hosts =", want: map[string]string{"allowed-hosts": ""}},
		"placeholder": {
			lines: "base = /srv\npidfile = %(base)/%n.pid\nset-ph = unused = 1\nset = umask = 022",
			want:  map[string]string{"pidfile": "/srv/a.pid", "umask": "022"},
			notes: []string{"a.ini:3: base is a placeholder", "a.ini:5: unused is a placeholder"},
		},
		"the value of a key": {lines: "processes = 4\nmin-ready = %(workers)\nvacuum\nmaster = %(vacuum)", want: map[string]string{"min-ready": "4", "master": "true"}},
		"the last value": {lines: "x = 1\nx = 2\nprocesses = %(x)", want: map[string]string{"processes": "2"}, notes: []string{
			"a.ini:3: x is a placeholder", "a.ini:4: x is a placeholder",
			"a.ini:5: processes: %(x) is its last value above, from a.ini:4; uWSGI takes the first one, from a.ini:3",
		}},
		"a formula for an ignored key": {
			lines: "static-map = /=%(docroot)/$(NOPE)/100%\ndocroot = /x",
			notes: []string{
				"a.ini:3: static-map is ignored: leave files, headers and routing to the program, or to a proxy in front of it",
				"a.ini:4: docroot is a placeholder",
			},
		},
		"not strict": {
			lines: "prozesses = 4\nstrict = false\nxyz = 1",
			want:  map[string]string{"processes": "1"},
			notes: []string{
				`a.ini:3: unknown key "prozesses" is ignored because strict is false: did you mean processes?`,
				`a.ini:5: unknown key "xyz" is ignored because strict is false`,
			},
		},
		"idle": {
			lines: "harakiri-graceful-timeout = 1\nmax-requests-delta = 1\nmax-worker-lifetime-delta = 1\nnotify = false\nthreads = 9\n" +
				"database-synchronous = normal\ndatabase-timeout = 1\nmigrate = false\nstats-http",
			notes: []string{
				"a.ini:3: harakiri-graceful-timeout has no effect without harakiri",
				"a.ini:4: max-requests-delta has no effect without max-requests",
				"a.ini:5: max-worker-lifetime-delta has no effect without max-worker-lifetime",
				"a.ini:6: notify has no effect without command: multiproc's own workers always notify",
				"a.ini:7: threads = 9 is more than the 4 available cores",
				"a.ini:8: database-synchronous has no effect without database",
				"a.ini:9: database-timeout has no effect without database",
				"a.ini:10: migrate has no effect without database",
				"a.ini:11: stats-http has no effect without stats",
			},
		},
		"stats as uWSGI's": {
			lines: "stats = 127.0.0.1:1717\nstats-server = run/stats.sock\nstats = @stats\nstats-http\nstats-min\nstats-push = file:/x",
			want:  map[string]string{"stats": "127.0.0.1:1717 /srv/app/run/stats.sock @stats", "stats-http": "true"},
			notes: []string{
				"a.ini:4: stats-server is another name of stats",
				"a.ini:7: stats-min is ignored: stats always has the same form: indented, with cores, without metrics",
				"a.ini:8: stats-push is ignored: the metrics are at metrics-path, and multiproc status shows the workers",
			},
		},
		"command": {
			lines: "command = gunicorn\nharakiri = 5\nprocesses = 2\nmax-requests = 5\nprocname-prefix = x\ndatabase = app.db",
			notes: []string{
				"a.ini:4: harakiri has no effect on command, only on multiproc's own workers",
				"a.ini:6: max-requests has no effect on command, only on multiproc's own workers",
				"a.ini:7: procname-prefix has no effect on command, only on multiproc's own workers",
				"a.ini:8: database has no effect on command, only on multiproc's own workers",
			},
		},
		"templates of uWSGI's": {
			lines: "log-format = %(method) %(uri) %(msecs)ms 100%\nlogformat = %%(method)\nlogformat = json",
			want:  map[string]string{"log-format": "json"},
			notes: []string{
				"a.ini:3: log-format is ignored: it is a template of uWSGI's, where log-format can be text or json",
				"a.ini:4: logformat is ignored: it is a template of uWSGI's, where log-format can be text or json",
				"a.ini:5: logformat is another name of log-format",
			},
		},
		"rules of uWSGI's": {
			lines: "route = ^/a log:%(nope)\nhook-master-start = unix_signal:15 gracefully_kill_them_all\n" +
				"hook-master-start = unix_signal:1 gracefully_kill_them_all\nhook-as-root = exec:date",
			notes: []string{
				"a.ini:3: route is ignored: leave files, headers and routing to the program, or to a proxy in front of it",
				"a.ini:4: hook-master-start is ignored: SIGTERM always stops gracefully",
				"a.ini:5: hook-master-start is ignored: signals have fixed effects: SIGTERM stops gracefully, SIGHUP reloads, SIGUSR1 reopens the log",
				"a.ini:6: hook-as-root is ignored: there are no hooks: let systemd (ExecStartPre=, ExecStopPost=) or the container run programs, write files and wait",
			},
		},
		"reuse-port": {
			lines: "chmod-socket\nreuse-port\nsocket = /run/a.sock",
			want:  map[string]string{"socket": ":8000 /run/a.sock"},
			notes: []string{"a.ini:5: reuse-port has no effect on /run/a.sock, which is not a TCP address"},
		},
		"reuse-port without a master": {
			lines: "umask = 077\nmaster = false\nreuse-port\nsocket = /run/a.sock",
			notes: []string{"a.ini:5: reuse-port has no effect without a master"},
		},
		"metrics above the API, elsewhere": {lines: "database = a.db\nmetrics-path = /\nmetrics-socket = :1", want: map[string]string{"metrics-path": "/"}},
		"free ports":                       {lines: "socket = :0\nsocket = :0", want: map[string]string{"socket": ":8000 :0 :0"}},
		"variable and key disagree": {
			lines: "env = PROMETHEUS_MULTIPROC_DIR=/m\nmetrics-dir = /n",
			want:  map[string]string{"metrics-dir": "/n"},
			notes: []string{"a.ini:3: env PROMETHEUS_MULTIPROC_DIR is replaced by metrics-dir from a.ini:4"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			loaded := mustLoad(t, test.lines, test.env...)
			for key, want := range test.want {
				if values, origins := setting(loaded, key); strings.Join(values, " ") != want {
					t.Errorf("%s = %q from %q; want %q", key, values, origins, want)
				}
			}
			if diff := cmp.Diff(test.notes, notesOf(loaded)); diff != "" {
				t.Errorf("notes, -want +got:\n%s", diff)
			}
		})
	}
}

// TestUserName checks the user whose supplementary groups count.
func TestUserName(t *testing.T) {
	for lines, want := range map[string]string{
		"uid = exporter":             "exporter",
		"uid = exporter\ngid = www":  "exporter",
		"uid = 1001":                 "exporter",
		"uid = exporter\nuid = 1001": "exporter",
		"uid = 1001\ngid = 33":       "",
		"gid = 33":                   "",
		"":                           "",
	} {
		if got := mustLoad(t, lines).Config.UserName; got != want {
			t.Errorf("%q: the user is %q, want %q", lines, got, want)
		}
	}
	_, origins := setting(mustLoad(t, "uid = 1001"), "gid")
	if got := strings.Join(origins, " "); got != "a.ini:3" {
		t.Errorf("the group is from %s", got)
	}
}

// TestOrigins checks the line of each value of a list.
func TestOrigins(t *testing.T) {
	for lines, want := range map[string]string{
		"allowed-hosts =\nallowed-hosts = a, b":          "a.ini:4 a.ini:4",
		"allowed-hosts = a, b\nallowed-hosts =":          "a.ini:3 a.ini:3",
		"allowed-hosts = a\n\nallowed-hosts = b\nvacuum": "a.ini:3 a.ini:5",
		"allowed-hosts = a, a\nallowed-hosts = a":        "a.ini:3 a.ini:3 a.ini:4",
		"": "default",
	} {
		_, origins := setting(mustLoad(t, lines), "allowed-hosts")
		if got := strings.Join(origins, " "); got != want {
			t.Errorf("%q: %s; want %s", lines, got, want)
		}
	}
	_, origins := setting(mustLoad(t, "env = A=1\nenv = B=1\nenv = A=2\nenv = B=1"), "env")
	if got := strings.Join(origins, " "); got != "a.ini:5 a.ini:4" {
		t.Errorf("variables that are set again: %s", got)
	}
}

func TestLoadFaults(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		want  []string
	}{
		"no socket":           {"processes = 1", []string{"socket is missing: add a line such as socket = 127.0.0.1:8000"}},
		"a wrong socket only": {"socket = 8000", []string{`a.ini:2: socket: "8000" is not an address: use :8000 for all interfaces, or 127.0.0.1:8000`}},
		"a socket that cannot be expanded": {"socket = $(NOPE)", []string{
			`a.ini:2: socket: "$(NOPE)" is not set in the environment; use $(NAME:-default), or write $$( for a literal $(`,
		}},
		"the same twice": {"socket = /srv/app/a.sock\nsocket = fd://3\nhttp = fd://3\nmetrics-socket = :1\nhealth = a.sock\nhealth = :1\nstats = :1", []string{
			"a.ini:4: socket: fd://3 is already socket at a.ini:3",
			"a.ini:6: health: /srv/app/a.sock is already socket at a.ini:2",
			"a.ini:7: health: :1 is already metrics-socket at a.ini:5",
			"a.ini:8: stats: :1 is already metrics-socket at a.ini:5",
		}},
		"directories that reload for ever": {"socket = a.sock\nfs-reload = code/\nlogto = code/log\nfs-reload = code/sub\ntouch-reload = m\nmetrics-dir = m\nfs-reload = %d", []string{
			"a.ini:3: fs-reload: /srv/app/code has logto (a.ini:4), which the server changes itself",
			"a.ini:6: touch-reload: /srv/app/m is metrics-dir (a.ini:7), in which every worker creates files",
		}},
		"min-ready above processes":           {"socket = :1\nmin-ready = 3\nprocesses = 2", []string{"a.ini:3: min-ready = 3 is more than processes = 2 (a.ini:4)"}},
		"min-ready of unknown workers":        {"socket = :1\nmin-ready = 3\nprocesses = two", []string{`a.ini:4: processes: "two" is not a number`}},
		"a database in the metrics directory": {"socket = :1\nmetrics-dir = m\ndatabase = m/a.db", []string{"a.ini:4: database: /srv/app/m/a.db is in metrics-dir (a.ini:3), which is wiped at the start"}},
		"metrics above the API":               {"socket = :1\ndatabase = a.db\nmetrics-path = /api/", []string{"a.ini:4: metrics-path: the API is below /api/: use another path, or set metrics-socket"}},
		"metrics at a health check":           {"socket = :1\nmetrics-path = /livez", []string{`a.ini:3: metrics-path: "/livez" is a path of the health checks`}},
		"metrics in the admin site":           {"socket = :1\nmetrics-path = /admin/metrics", []string{`a.ini:3: metrics-path: "/admin/metrics" is a path of the admin site`}},
		"metrics in the API":                  {"socket = :1\nmetrics-path = /api/v1/metrics", []string{`a.ini:3: metrics-path: "/api/v1/metrics" is a path of the API`}},
		"replaced values are checked":         {"socket = :1\nprocesses = two\nprocesses = 2", []string{`a.ini:3: processes: "two" is not a number`}},
		"one fault for dependent keys":        {"socket = :1\nbase = $(NOPE:-\npidfile = %(base)/pid\nlogto = $(A:-%(pidfile))", []string{`a.ini:3: base: "$(NOPE:-" has no closing parenthesis; write $$( for a literal $(`}},
		"a key that is set again": {"socket = :1\nx = $(A\nx = two\nprocesses = %(x)", []string{
			`a.ini:3: x: "$(A" has no closing parenthesis; write $$( for a literal $(`, `a.ini:5: processes: "two" is not a number`,
		}},
		"a key from below":                {"socket = :1\npidfile = %(base)\nbase = /srv", []string{`a.ini:3: pidfile: "%(base)" is set in line 4, but must be set above`}},
		"a key that uses itself":          {"socket = :1\nx = %(x)\n", []string{`a.ini:3: x: "%(x)" is set in line 3, but must be set above`}},
		"arithmetic":                      {"socket = :1\nx = 1\nprocesses = %(x + 1)", []string{`a.ini:3: unknown key "x"`, `a.ini:4: processes: "%(x + 1)" is not a key: there is no arithmetic; write %%( for a literal %(`}},
		"unknown keys":                    {"socket = :1\nevn = A=B\nMaster = 1\nsockets = :2\nqqqqqqq = 1", []string{`a.ini:3: unknown key "evn": did you mean env?`, `a.ini:4: unknown key "Master": did you mean master?`, `a.ini:5: unknown key "sockets": did you mean socket?`, `a.ini:6: unknown key "qqqqqqq"`}},
		"unknown keys, strict unclear":    {"socket = :1\nabc\nstrict = no way", []string{`a.ini:3: unknown key "abc"`, `a.ini:4: strict: "no way" is neither true nor false`}},
		"a key as a placeholder":          {"socket = :1\nset-ph = processes = 3", []string{"a.ini:3: processes is a key, so it cannot be a placeholder"}},
		"no value":                        {"socket = :1\npidfile\nprocesses\nenv", []string{"a.ini:3: pidfile: missing value: use pidfile = path", "a.ini:4: processes: missing value: use processes = number or auto", "a.ini:5: env: missing value: use env = NAME=VALUE"}},
		"an empty value":                  {"socket =\nmaster =\nprocesses =\ntouch-reload =", []string{"a.ini:2: socket: missing value: use socket = address", "a.ini:3: master: missing value: use master = true", "a.ini:4: processes: missing value: use processes = number or auto", "a.ini:5: touch-reload: missing value: use touch-reload = path"}},
		"an empty user":                   {"socket = :1\nuid =\ngid =\nchmod-socket =", []string{"a.ini:3: uid: missing value: use uid = user", "a.ini:4: gid: missing value: use gid = group", "a.ini:5: chmod-socket: missing value: use chmod-socket = octal"}},
		"quotes":                          {"socket = ':1'\nprocesses = \"4\"", []string{`a.ini:2: socket: "':1'" must have a port from 0 to 65535: a value has no quotes`, `a.ini:3: processes: "\"4\"" is not a number: a value has no quotes`}},
		"the shell's variables":           {"socket = :1\nprocesses = ${WORKERS:-4}\nlisten = $BACKLOG", []string{`a.ini:3: processes: "${WORKERS:-4}" is not a number: an environment variable is $(NAME)`, `a.ini:4: listen: "$BACKLOG" is not a number: an environment variable is $(NAME)`}},
		"colons":                          {"socket = :1\nprocesses: 4\nmodule:a\nnokey: 1", []string{`a.ini:3: unknown key "processes: 4": write processes = 4`, `a.ini:4: unknown key "module:a": write module = a`, `a.ini:5: unknown key "nokey: 1"`}},
		"a bomb":                          {"socket = :1\na = " + strings.Repeat("x", 60000) + "\nb = %(a)%(a)\ncommand = %(b)", []string{"a.ini:4: b: the expanded value has more than 65536 bytes"}},
		"another protocol":                {"fastcgi-socket = :9000", []string{"socket is missing: add a line such as socket = 127.0.0.1:8000"}},
		"set without a key":               {"socket = :1\nset = x\nset\nset-placeholder = =1", []string{"a.ini:3: set: use set = KEY=VALUE", "a.ini:4: set: use set = KEY=VALUE", "a.ini:5: set-placeholder: use set-placeholder = KEY=VALUE"}},
		"authentication without a socket": {"socket = :1\nmetrics-auth-file = web.yml", []string{"a.ini:3: metrics-auth-file needs metrics-socket; for the metrics at socket use metrics-token-file"}},
		"two kinds of authentication":     {"socket = :1\nmetrics-socket = :2\nmetrics-token-file = t\nmetrics-auth-file = web.yml", []string{"a.ini:4: metrics-token-file cannot be combined with metrics-auth-file (a.ini:5)"}},
		"a certificate without a key":     {"socket = :1\ntls-cert = c.pem", []string{"a.ini:3: tls-cert needs tls-key"}},
		"a key without a certificate":     {"socket = :1\ntls-key = k.pem", []string{"a.ini:3: tls-key needs tls-cert"}},
		"TLS with a command": {"socket = :1\ntls-cert = c.pem\ntls-key = k.pem\ncommand = serve", []string{
			"a.ini:3: tls-cert does not work with command, which gets the sockets and must speak TLS itself",
			"a.ini:4: tls-key does not work with command, which gets the sockets and must speak TLS itself",
		}},
		"a command alone":                 {"socket = :1\ncommand = serve\nmaster = false", []string{"a.ini:3: command needs a master: set master = true"}},
		"a command, master unclear":       {"socket = :1\ncommand = serve\nmaster = no way", []string{`a.ini:4: master: "no way" is neither true nor false`}},
		"an unknown user":                 {"socket = :1\nuid = 65534", []string{"a.ini:3: the group of uid = 65534 is not known: set gid too"}},
		"a user without a group":          {"socket = :1\nuid = 1003", []string{`a.ini:3: uid: the group of 1003 is "S-1-5", which is not a number`}},
		"a user that cannot be looked up": {"socket = :1\nuid = 1004", []string{"a.ini:3: uid: cannot look up the group of 1004: directory is down"}},
		"a control path with no room":     {"socket = :1\ncontrol = " + strings.Repeat("/aaaaaaaaa", 11), []string{`a.ini:3: control: "` + strings.Repeat("/aaaaaaaaa", 8) + `"… has 110 bytes: the path of a unix socket can have at most 107`}},
	} {
		t.Run(name, func(t *testing.T) {
			loaded, err := loadText(test.lines)
			if err == nil {
				t.Fatalf("loaded: %+v", loaded.Config)
			}
			got := faultsOf(t, err)
			if name == "another protocol" {
				got = got[1:] // see TestTables for the first
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestLoadCommandLine loads flags and two files.
func TestLoadCommandLine(t *testing.T) {
	sys := testSystem(map[string]string{
		"/srv/app/a.ini": "[uwsgi]\nsocket = :1\nsocket = :2\nprocesses = 2\nmin-ready = %(processes)\nenv = A=1\nenv = B=2\npidfile = %(base)/x\nlogto = bad\x01",
		"/srv/app/b.ini": "[uwsgi]\nsocket = :1\nsocket = :2\nprocesses = 2\nthreads = %(processes)\nenv = A=1\nenv = B=2\npidfile = %(base)/x\nallowed-hosts = a",
		"/srv/app/c.ini": "[uwsgi]\nsocket = :3\ntouch-reload = c",
	}, "HOME=/home/me")
	loadArgs := func(t *testing.T, args ...string) (*Loaded, error) {
		t.Helper()
		arguments, err := ParseServerFlags(args)
		if err != nil {
			t.Fatal(err)
		}
		return load(arguments, sys)
	}
	loaded, err := loadArgs(
		t, "b.ini", "--socket", ":9", "--workers=3", "--set", "base = /y", "--env", "A=%(base)$(HOME)", "--vacuum",
		"--allowed-hosts=", "--set-ph", "q=1", "--chmod-socket", "--ini", "c.ini", "--touch-reload", "rel",
	)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"socket":        ":9 --socket",
		"processes":     "3 --workers",
		"threads":       "3 b.ini:5",
		"env":           "A=/y/home/me --env B=2 b.ini:7",
		"pidfile":       "/y/x b.ini:8",
		"vacuum":        "true --vacuum",
		"chmod-socket":  "666 --chmod-socket",
		"allowed-hosts": " --allowed-hosts",
		"touch-reload":  "/srv/app/rel --touch-reload",
		"control":       "/tmp/multiproc-1000/b-def71f85.sock default",
		"metrics-dir":   " default",
	} {
		if got := settingText(loaded, key); got != want {
			t.Errorf("%s: %s; want %s", key, got, want)
		}
	}
	wantNotes := []string{
		"b.ini:2: socket speaks HTTP, not uWSGI's protocol: use proxy_pass instead of uwsgi_pass in nginx",
		"b.ini:2: socket: :1 is on IPv6 too, in uWSGI on IPv4 only: use 0.0.0.0:1 for that",
		"b.ini:3: socket speaks HTTP, not uWSGI's protocol: use proxy_pass instead of uwsgi_pass in nginx",
		"b.ini:3: socket: :2 is on IPv6 too, in uWSGI on IPv4 only: use 0.0.0.0:2 for that",
		"b.ini:5: threads is a number of cores here: every request has its own goroutine",
		"c.ini:2: socket speaks HTTP, not uWSGI's protocol: use proxy_pass instead of uwsgi_pass in nginx",
		"c.ini:2: socket: :3 is on IPv6 too, in uWSGI on IPv4 only: use 0.0.0.0:3 for that",
		"--workers: workers is another name of processes",
		"--set base: base is a placeholder",
		"--set-ph q: q is a placeholder",
	}
	if diff := cmp.Diff(wantNotes, notesOf(loaded)); diff != "" {
		t.Errorf("notes, -want +got:\n%s", diff)
	}

	_, err = loadArgs(t, "--processes", "x", "a.ini", "--pidfile", "%n", "--set", "unheard=1", "--set", "base=%(no)", "--logto", "\xff", "c.ini", "--module", "m")
	want := []string{
		`a.ini:5: min-ready: "x" is not a number`,
		"a.ini:9: has the control character U+0001",
		`--pidfile: %n stands for a part of the ini file's path, so it must be in an ini file`,
		`--set base: "%(no)" is not set above; write %%( for a literal %(`,
		`--logto: the expanded value has byte 0xff, which is not UTF-8`,
		`--processes: "x" is not a number`,
		`--set unheard: unknown key "unheard"`,
	}
	if diff := cmp.Diff(want, faultsOf(t, err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	if _, err := load(Arguments{}, sys); err == nil {
		t.Error("no arguments are a configuration")
	}
	loaded, err = load(Arguments{Activated: true}, sys)
	if err != nil || len(loaded.Config.Sockets) != 0 || loaded.Config.Control != "" {
		t.Errorf("sockets from systemd: %+v, %v", loaded, err)
	}
}

// TestLoadProtocolNote checks the note for users of uWSGI's protocol.
func TestLoadProtocolNote(t *testing.T) {
	for text, want := range map[string]int{
		"[uwsgi]\nsocket = /run/a":                            1,
		"[uwsgi]\nini = :uwsgi2\n[uwsgi2]\nsocket = /run/a":   1,
		"[uwsgi]\nini = :multiproc\n[multiproc]\nsocket = /a": 0,
		"[x]\n[uwsgi]\nini = a:x\n[x]\nsocket = /a":           1,
		"[multiproc]\nini = :uwsgi\n[uwsgi]\nsocket = /run/a": 1,
		"[uwsgi]\nhttp-socket = /run/a":                       0,
		"[uwsgi]\nsocket = :1":                                1,
		"[uwsgi]\nsocket = [::1]:1":                           1,
		"[uwsgi]\nsocket = localhost:1\nsocket = @a":          2,
		"[uwsgi]\nsocket = fd://1":                            1,
		"[uwsgi]\nsocket = :1\nprotocol = http":               0,
		"[uwsgi]\nsocket-protocol = http11\nsocket = /run/a":  0,
		"[uwsgi]\nsocket = :1\nprotocol = uwsgi":              1,
		"[uwsgi]\nhttp = :1":                                  0,
		"[multiproc]\nsocket = /run/a":                        0,
	} {
		loaded, err := load(Arguments{Files: []string{"a"}}, testSystem(map[string]string{"/srv/app/a": text}))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(strings.Join(notesOf(loaded), "\n"), "uwsgi_pass"); got != want {
			t.Errorf("%q: %q", text, notesOf(loaded))
		}
	}
}

// FuzzLoad loads a file that may include itself and a second one.
func FuzzLoad(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(string(seed), "[uwsgi]\nsocket = :1", "processes", "4")
	}
	f.Add("[uwsgi]\nini = b.ini\nini = :x\n[x]\nini=a.ini:x", "[x]\na=@(a.ini)$(A:-%(a))", "set", "%(a)%n")
	for text := range databases() {
		f.Add("[uwsgi]\nsocket = :1\nchdir = $(A)", "", "database", text)
	}
	f.Fuzz(func(t *testing.T, first, second, key, value string) {
		files := map[string]string{"/srv/app/a.ini": first, "/srv/app/b.ini": second}
		args := Arguments{
			Files:    []string{"a.ini"},
			Settings: []Setting{{Key: key, Value: value, Origin: Origin{Place: "--" + key}}},
			Presets:  []Setting{{Key: "socket", Value: ":1"}, {Key: "database", Value: "app.db"}},
		}
		loaded, err := load(args, testSystem(files, "A=a"))
		if err != nil {
			lines := 1 + max(strings.Count(first, "\n"), strings.Count(second, "\n"))
			for i, line := range faultsOf(t, err) {
				if line == "" {
					t.Errorf("fault %d is empty", i)
				}
			}
			for _, fault := range err.(*Faults).List { //nolint:errorlint // checked by faultsOf
				if fault.Origin.Line > lines || strings.ContainsFunc(fault.String(), func(r rune) bool { return r < ' ' }) {
					t.Errorf("fault %q", fault)
				}
			}
			return
		}
		c := loaded.Config
		if c.Processes < 1 || c.Threads < 1 || c.MinReady > c.Processes || c.MaxRequestsDelta < 0 || c.MaxWorkerLifetimeDelta < 0*time.Second {
			t.Errorf("%+v", c)
		}
		for _, path := range []string{c.Pidfile, c.Logto, c.Control, c.Chdir, c.MetricsDir, c.Database} {
			if path != "" && path[0] != '/' {
				t.Errorf("relative path %q", path)
			}
		}
		data, err := c.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseSnapshot(data)
		if err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if diff := cmp.Diff(c, back, prefixes()); diff != "" {
			t.Errorf("-loaded +from the snapshot:\n%s", diff)
		}
		if err := WriteSettings(io.Discard, loaded); err != nil {
			t.Error(err)
		}
	})
}

// TestFaultyConfiguration checks that a running server can be reached, and its metrics read, even if its ini file has faults by now.
func TestFaultyConfiguration(t *testing.T) {
	const faulty = "[multiproc]\nprocesses = many\nno-such-key = 1\nmin-ready = 7\n"
	for name, test := range map[string]struct {
		ini, control, metrics string // the text, and prefixes of ControlPath and MetricsDir; "!": an error
	}{
		"set":                 {faulty + "control = /run/c.sock\nmetrics-dir = metrics\n", "/run/c.sock", "/srv/metrics"},
		"by default":          {faulty, "/run/multiproc/x-", "/run/multiproc/x-"},
		"in env":              {faulty + "env = PROMETHEUS_MULTIPROC_DIR=/run/m/\n", "/run/multiproc/x-", "/run/m"},
		"beside control":      {faulty + "control = /run/c.sock\n", "/run/c.sock", "/run/c.metrics"},
		"neither":             {"[multiproc]\nsocket = :80\ncontrol = \n", "", ""},
		"neither, and faulty": {faulty + "control = \n", "!", "!"},
		"no file":             {"", "/run/multiproc/x-", "!"},
	} {
		sys := &system{
			Dir:       "/srv",
			Getuid:    func() int { return 0 },
			LookupEnv: func(string) (string, bool) { return "", false },
			Environ:   func() []string { return nil },
			Open: func(string) (io.ReadCloser, error) {
				if test.ini == "" {
					return nil, fs.ErrNotExist
				}
				return io.NopCloser(strings.NewReader(test.ini)), nil
			},
		}
		check := func(what, want string, f func(Arguments, *system) (string, error)) {
			path, err := f(Arguments{Files: []string{"x.ini"}}, sys)
			if err != nil {
				path = "!"
			}
			if !strings.HasPrefix(path, want) || (want == "") != (path == "") {
				t.Errorf("%s: %s is %s, %v; want %s…", name, what, path, err, want)
			}
		}
		check("ControlPath", test.control, controlPath)
		check("MetricsDir", test.metrics, metricsDir)
	}
}

// TestPresets loads presets of keys that files and flags set, or do not set.
func TestPresets(t *testing.T) {
	sys := testSystem(map[string]string{
		"/srv/app/none.ini":   "[uwsgi]\nchdir = data\n",
		"/srv/app/socket.ini": "[uwsgi]\nhttp-socket = :1\nhttp-socket = :2\n",
		"/srv/app/wrong.ini":  "[uwsgi]\nsocket = 1\ndatabase = $(NOPE)\nmaster = maybe\npidfile = %(database).pid\n",
		"/srv/app/unset.ini":  "[uwsgi]\npidfile = %(database).pid\n",
	})
	load := func(t *testing.T, line string, presets ...Setting) (*Loaded, error) {
		t.Helper()
		arguments, err := ParseServerFlags(strings.Fields(line))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range presets {
			p.Origin = Origin{Place: "runserver"}
			arguments.Presets = append(arguments.Presets, p)
		}
		return load(arguments, sys)
	}
	presets := []Setting{
		{Key: "socket", Value: "127.0.0.1:8000"},
		{Key: "socket", Value: "run/100%.sock"},
		{Key: "master", Value: "false"},
		{Key: "database", Value: "app.db"},
		{Key: "vacuum", Alone: true},
	}
	const sockets = "127.0.0.1:8000 runserver /srv/app/run/100%.sock runserver"
	for line, want := range map[string]map[string]string{
		"": {
			"socket": sockets, "master": "false runserver", "database": "/srv/app/app.db runserver", "vacuum": "true runserver",
			"processes": "1 default",
		},
		"none.ini":                              {"socket": sockets, "database": "/srv/app/data/app.db runserver"},
		"socket.ini":                            {"socket": ":1 socket.ini:2 :2 socket.ini:3", "master": "false runserver"},
		"--http :9 --set master=on":             {"socket": ":9 --http", "master": "true --set master", "database": "/srv/app/app.db runserver"},
		"--database sqlite://b.db --socket=:10": {"socket": ":10 --socket", "database": "/srv/app/b.db --database"},
	} {
		loaded, err := load(t, line, presets...)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		for key, want := range want {
			if got := settingText(loaded, key); got != want {
				t.Errorf("%s: %s: %s; want %s", line, key, got, want)
			}
		}
	}

	for line, want := range map[string][]string{
		"wrong.ini": {
			`wrong.ini:2: socket: "1" is not an address: use :1 for all interfaces, or 127.0.0.1:1`,
			`wrong.ini:3: database: "$(NOPE)" is not set in the environment; use $(NAME:-default), or write $$( for a literal $(`,
			`wrong.ini:4: master: "maybe" is neither true nor false`,
		},
		// Files do not see presets.
		"unset.ini": {`unset.ini:2: pidfile: "%(database)" is not set above; write %%( for a literal %(`},
	} {
		_, err := load(t, line, presets...)
		if diff := cmp.Diff(want, faultsOf(t, err)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", line, diff)
		}
	}
}
