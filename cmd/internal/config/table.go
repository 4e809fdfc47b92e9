package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/xrash/smetrics"
)

// table is the table of keys, indexed.
type table struct {
	keys     []Key
	byName   map[string]int // index of a key, by its name and its aliases
	uwsgi    []UWSGIKey
	exact    map[string]int // index of a key of uWSGI's, by its name
	prefixes []UWSGIKey     // names without the star
}

func newTable() *table {
	t := &table{keys: Keys(), byName: map[string]int{}, uwsgi: UWSGIKeys()}
	for i, k := range t.keys {
		t.byName[k.Name] = i
		for _, alias := range k.Aliases {
			t.byName[alias] = i
		}
	}
	t.exact = make(map[string]int, len(t.uwsgi))
	for i, k := range t.uwsgi {
		if prefix, ok := strings.CutSuffix(k.Name, "*"); ok {
			k.Name = prefix
			t.prefixes = append(t.prefixes, k)
		} else {
			t.exact[k.Name] = i
		}
	}
	return t
}

// find returns the key with a name or an alias.
func (t *table) find(name string) (Key, bool) {
	i, ok := t.byName[name]
	if !ok {
		return Key{}, false
	}
	return t.keys[i], true
}

// canonical returns the name of the key with an alias, and any other text unchanged.
func (t *table) canonical(name string) string {
	if k, ok := t.find(name); ok {
		return k.Name
	}
	return name
}

// theirs returns the row of a key of uWSGI's that is no key here: its own, or that of its prefix.
func (t *table) theirs(name string) (UWSGIKey, bool) {
	if i, ok := t.exact[name]; ok {
		return t.uwsgi[i], true
	}
	for _, k := range t.prefixes {
		if strings.HasPrefix(name, k.Name) {
			return k, true
		}
	}
	return UWSGIKey{}, false
}

// nearest returns the candidate that word most likely stands for, or nothing: one that differs by a few letters, or else by a
// word. Words may have another order.
func nearest(word string, candidates []string) string {
	const longest = 64 // more than any name has; the time grows with the square of a word
	if len(word) > longest {
		return ""
	}
	word = strings.ReplaceAll(strings.ToLower(word), "_", "-")
	// Two letters or a quarter may be wrong; of a short word, less than half.
	best, least := "", min((len(word)+1)/2, 1+max(2, len(word)/4))
	sorted := sortedWords(word)
	letters := sortedLetters(word)
	for _, candidate := range candidates {
		d := smetrics.WagnerFischer(word, candidate, 1, 1, 1)
		if other := sortedWords(candidate); slices.Equal(sorted, other) || d == 2 && sortedLetters(candidate) == letters {
			d = min(d, 1) // words or letters are swapped
		} else if len(sorted) > 1 && oneMore(sorted, other) || len(other) > 1 && oneMore(other, sorted) {
			d = min(d, 2)
		}
		if d < least {
			best, least = candidate, d
		}
	}
	return best
}

// sortedWords returns the words of a name, in alphabetical order.
func sortedWords(name string) []string {
	words := strings.Split(name, "-")
	slices.Sort(words)
	return words
}

func sortedLetters(name string) string {
	letters := []byte(name)
	slices.Sort(letters)
	return string(letters)
}

// oneMore reports whether long has all words of short, and one more.
func oneMore(short, long []string) bool {
	if len(long) != len(short)+1 {
		return false
	}
	for i := range long {
		if slices.Equal(slices.Concat(long[:i], long[i+1:]), short) {
			return true
		}
	}
	return false
}

// suggestion returns the end of a message about an unknown word, if there is a word like it among the names of keys and the others.
func (t *table) suggestion(word, dashes string, others ...string) string {
	names := slices.Concat(others, []string{"ini", "include", "set"}) // the last are not keys: they take effect where they stand
	for _, k := range t.keys {
		names = append(append(names, k.Name), k.Aliases...)
	}
	for _, k := range t.uwsgi {
		if _, isName := t.exact[k.Name]; isName {
			names = append(names, k.Name)
		}
	}
	foreign := foreignNames()
	names = append(names, slices.Sorted(maps.Keys(foreign))...)

	best := nearest(word, names)
	if key := foreign[best]; key != "" {
		best = key
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + dashes + best + "?"
}

// foreignNames returns the keys for words of systemd, gunicorn and nginx, and for other likely guesses.
func foreignNames() map[string]string {
	names := map[string]string{}
	for key, words := range map[string]string{
		"allowed-hosts":       "hosts server-name",
		"buffer-size":         "limit-request-line limit-request-field-size header-size",
		"chdir":               "cwd dir directory workdir working-dir working-directory base-dir project-dir",
		"chmod-socket":        "socket-mode socket-permissions",
		"chown-socket":        "socket-owner",
		"command":             "cmd exec execstart program",
		"daemonize":           "daemon background",
		"database":            "db db-path db-url database-path database-url dsn",
		"env":                 "environ environment raw-env setenv",
		"envdir":              "env-file envfile environment-file",
		"gid":                 "group groupname group-name",
		"harakiri":            "timeout request-timeout harakiri-timeout",
		"health":              "health-check healthcheck",
		"hsts":                "strict-transport-security secure-hsts-seconds hsts-max-age",
		"http-timeout":        "keepalive keep-alive keepalive-timeout",
		"limit-post":          "client-max-body-size max-body-size max-upload-size",
		"listen":              "backlog queue-size listen-queue backlog-size",
		"log-format":          "log-json",
		"logto":               "log logfile log-file errorlog error-log error-logfile access-log access-logfile",
		"max-connections":     "worker-connections max-clients max-conn connections",
		"max-requests-delta":  "max-requests-jitter",
		"metrics-dir":         "prometheus-dir prometheus-multiproc-dir",
		"metrics-socket":      "metrics-port metrics-address prometheus-port",
		"pidfile":             "pid",
		"processes":           "procs num-procs nproc instances worker-processes worker-count workers-count process-count",
		"procname-prefix":     "prefix",
		"reload-on-rss":       "max-memory memory-limit max-rss rss",
		"socket":              "bind host port address server-address listen-address listen-port http-port",
		"socket-timeout":      "idle-timeout read-timeout write-timeout",
		"static-map":          "static static-files alias",
		"stats":               "stats-port",
		"threads":             "thread-count cores cpus",
		"tls-cert":            "cert certfile certificate ssl-cert ssl-certificate ssl-certfile tls",
		"tls-key":             "key keyfile ssl-key ssl-certificate-key private-key ssl-keyfile",
		"touch-reload":        "reload-on-touch py-reload auto-reload",
		"trusted-proxies":     "forwarded-allow-ips proxy-allow-ips set-real-ip-from proxies real-ip",
		"uid":                 "user username user-name run-as",
		"worker-reload-mercy": "graceful-timeout mercy",
	} {
		for word := range strings.FieldsSeq(words) {
			names[word] = key
		}
	}
	return names
}
