package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Path is the path of the database that a path or an sqlite:// URL names. In a URL the path is what follows, as it stands.
func pathOf(database string) (string, error) {
	path := strings.TrimPrefix(database, "sqlite://")
	var err error
	switch scheme, _, ok := strings.Cut(path, "://"); {
	case path == "":
		err = errors.New("no path")
	case ok: // the rest is not repeated: there may be a password in it
		err = fmt.Errorf("%s:// is not supported, only sqlite://", scheme)
	case path == ":memory:" || strings.HasPrefix(path, "file:"):
		err = fmt.Errorf("%q is not the path of a file that processes can share", path)
	case strings.ContainsRune(path, 0):
		err = fmt.Errorf("NUL in the path %q", path)
	}
	if err != nil {
		return "", fmt.Errorf("open database: %w", err)
	}
	return path, nil
}

// resolve gives the path by which SQLite knows a file that is there: all processes must mean the same lock by it.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}
