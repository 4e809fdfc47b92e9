package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// path is the path of a file or a directory. A relative one is resolved against dir.
func path(field *string, dir string) scalar[string] {
	parse := func(text string) (string, error) { return resolve(dir, text) }
	return scalar[string]{field: field, name: "path", parse: parse, format: asIs, optional: true}
}

// latePath is a path that is resolved by resolveLate, when the process's directory is known.
func latePath(field *string) value {
	parse := func(text string) (string, error) { return text, nil }
	return scalar[string]{field: field, name: "path", parse: parse, format: asIs, optional: true}
}

func paths(field *[]string, dir string) value {
	parse := func(text string) (string, error) {
		if text == "" {
			return "", errEmpty
		}
		return resolve(dir, text)
	}
	return list[string]{field: field, name: "path", parse: parse, format: asIs}
}

// socketPath is the path of a unix socket.
func socketPath(field *string, dir string) value {
	s := path(field, dir)
	s.parse = func(text string) (string, error) {
		if hasScheme(text) {
			return "", fmt.Errorf("%s is not a path: %s", quoted(text), withoutScheme(text))
		}
		resolved, err := resolve(dir, text)
		if err == nil {
			err = checkSocketPath(resolved)
		}
		return resolved, err
	}
	return s
}

// resolve returns a clean absolute path. An empty one, which means none, stays empty.
func resolve(dir, path string) (string, error) {
	switch {
	case path == "":
		return "", nil
	case filepath.IsAbs(path):
		return filepath.Clean(path), nil
	case path == "~" || strings.HasPrefix(path, "~/"):
		return "", fmt.Errorf("%s would be a directory with that name: use $(HOME) or an absolute path", quoted("~"))
	case dir == "":
		return "", fmt.Errorf("%s is not absolute", quoted(path))
	}
	return filepath.Join(dir, path), nil
}

// databasePath is the path of a SQLite database, possibly written as a URL. An empty text means none, so that the command line
// can override a file's value. It is resolved by resolveLate.
func databasePath(field *string) value {
	parse := func(text string) (string, error) {
		if text == "" {
			return "", nil
		}
		return parseDatabase(text)
	}
	return scalar[string]{field: field, name: "path", parse: parse, format: asIs, optional: true}
}

// parseDatabase returns PATH for PATH and sqlite://PATH, without decoding anything. It refuses what was meant as a database of
// another kind, which here would be a file with an odd name.
func parseDatabase(text string) (string, error) {
	file := text
	if scheme, rest, ok := strings.Cut(text, "://"); ok && !strings.ContainsRune(scheme, '/') {
		// The error leaves out the rest, which may hold a password.
		if scheme != "sqlite" {
			return "", fmt.Errorf("%s: only sqlite is supported: use a path, or sqlite://PATH", quoted(scheme+"://"))
		}
		if strings.ContainsRune(rest, '?') {
			return "", errors.New("sqlite:// takes no parameters: use sqlite://PATH without a question mark")
		}
		file = rest
	}
	name := file[strings.LastIndexByte(file, '/')+1:]
	switch {
	case file == "":
		return "", errEmpty
	case strings.Contains(name, ":memory:"):
		return "", fmt.Errorf("%s is in memory, where worker processes cannot share it: use a path", quoted(text))
	case strings.HasPrefix(file, "file:") || strings.HasPrefix(file, "sqlite:"):
		return "", fmt.Errorf("%s is a URI: use a path, or sqlite://PATH", quoted(text))
	case name == "" || name == "." || name == "..":
		return "", fmt.Errorf("%s is a directory: use the path of a file", quoted(text))
	}
	return file, nil
}

// RuntimeDir returns the directory for the files of a running master: its control socket, and its metrics if no directory is set.
// It may not exist.
func RuntimeDir(uid int, getenv func(name string) string) string {
	if uid == 0 {
		return "/run/multiproc"
	}
	// The specification of the variable says to ignore a relative path.
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "multiproc")
	}
	return "/tmp/multiproc-" + strconv.Itoa(uid)
}

// controlName returns the file name of the control socket of an ini file: readable, and different for every file and section.
func controlName(ini, section string) string {
	spec := ini
	if section != "" {
		spec += ":" + section
	}
	const readable = 32 // bytes; the path of a socket must be short
	name := strings.TrimSuffix(filepath.Base(ini), filepath.Ext(ini))
	if len(name) > readable {
		name = strings.ToValidUTF8(name[:readable], "")
	}
	sum := sha256.Sum256([]byte(spec))
	return fmt.Sprintf("%s-%x.sock", name, sum[:4])
}

// PrivateMetricsDir returns the metrics directory of a server without the key metrics-dir: it is beside its control socket.
func PrivateMetricsDir(control string) string {
	return strings.TrimSuffix(control, ".sock") + ".metrics"
}
