package config

import (
	"fmt"
	"path/filepath"
)

// path is that of a file or a directory. A relative one is resolved against dir.
type path struct {
	field *string
	dir   string
}

func (p path) kind() string    { return "path" }
func (p path) texts() []string { return present(*p.field) }

func (p path) set(text string) error {
	resolved, err := resolve(p.dir, text)
	if err == nil {
		*p.field = resolved
	}
	return err
}

// laterPath is a path that is resolved once it is known against what.
type laterPath struct{ field *string }

func (p laterPath) kind() string    { return "path" }
func (p laterPath) texts() []string { return present(*p.field) }

func (p laterPath) set(text string) error {
	*p.field = text
	return nil
}

// pathList is any number of paths.
type pathList struct {
	field *[]string
	dir   string
}

func (p pathList) kind() string    { return "path" }
func (p pathList) texts() []string { return *p.field }

func (p pathList) set(text string) error {
	if text == "" {
		return errEmpty
	}
	resolved, err := resolve(p.dir, text)
	if err == nil {
		*p.field = append(*p.field, resolved)
	}
	return err
}

// socketPath is the path of a unix socket.
type socketPath struct{ path }

func (s socketPath) set(text string) error {
	resolved, err := resolve(s.dir, text)
	if err != nil {
		return err
	}
	if err := checkSocketPath(resolved); err != nil {
		return err
	}
	*s.field = resolved
	return nil
}

// resolve gives a clean absolute path. An empty one, which stands for none, stays empty.
func resolve(dir, path string) (string, error) {
	switch {
	case path == "":
		return "", nil
	case filepath.IsAbs(path):
		return filepath.Clean(path), nil
	case dir == "":
		return "", fmt.Errorf("%s is not absolute", quoted(path))
	}
	return filepath.Join(dir, path), nil
}
