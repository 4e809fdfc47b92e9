package config

import (
	"slices"
	"strconv"
	"strings"
)

// noteEnvironment reports variables that set options of uWSGI's.
func (r *reader) noteEnvironment() {
	for _, variable := range r.sys.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		option, ok := strings.CutPrefix(name, "UWSGI_")
		option = strings.ReplaceAll(strings.ToLower(option), "_", "-")
		_, own := r.table.find(option)
		theirs, _ := r.table.theirs(option)
		if ok && (own || theirs.Refused || option == "ini") {
			r.note(Origin{Place: "$" + name}, "environment variables do not set keys, as they do in uWSGI: use the ini file or a flag")
		}
	}
}

// noteReading reports a value in uWSGI's section that uWSGI reads differently.
func (b *binder) noteReading(k Key, a assignment, text string) {
	if !a.uwsgi || !isNumberOfUWSGI(k.Name) {
		return
	}
	theirs := uwsgiNumber(k.Name, text)
	v, other := k.bind(target{new(Config), b.sys}), k.bind(target{new(Config), b.sys})
	if v.set(text) == nil && other.set(theirs) == nil && slices.Equal(v.texts(), other.texts()) {
		return
	}
	b.note(a.Origin, "%s: uWSGI reads %s as %s", a.Key, quoted(text), theirs)
}

// isNumberOfUWSGI reports whether uWSGI has a key and reads its values as numbers.
func isNumberOfUWSGI(key string) bool {
	switch key {
	case "umask", "listen", "processes", "threads", "buffer-size", "limit-post", "http-timeout", "socket-timeout",
		"harakiri", "harakiri-graceful-timeout", "max-requests", "max-requests-delta",
		"max-worker-lifetime", "max-worker-lifetime-delta", "reload-on-rss", "worker-reload-mercy":
		return true
	}
	return false
}

// uwsgiNumber returns the number that uWSGI reads from a text: it stops at the first character that is not a digit, and a umask has
// three digits.
func uwsgiNumber(key, text string) string {
	if key == "umask" && len(text) < len("022") {
		return "000"
	}
	text = strings.TrimPrefix(text, "+")
	if end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		text = text[:end]
	}
	const most = 65535 // buffer-size has 16 bits
	if n, err := strconv.ParseUint(text, 10, 64); key == "buffer-size" && text != "" && (err != nil || n > most) {
		return strconv.Itoa(most)
	}
	if text == "" {
		return "0"
	}
	return text
}
