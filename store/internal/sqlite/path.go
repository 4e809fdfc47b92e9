package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"multiproc/internal/osfile"
)

// Path returns the path in a path or an sqlite:// URL: all that follows the scheme, as it stands.
func Path(database string) (string, error) {
	path := strings.TrimPrefix(database, "sqlite://")
	switch scheme, _, ok := strings.Cut(path, "://"); {
	case path == "":
		return "", errors.New("no path")
	case ok: // the rest may contain a password
		return "", fmt.Errorf("%s:// is not supported, only sqlite://", scheme)
	case path == ":memory:" || strings.HasPrefix(path, "file:"):
		return "", fmt.Errorf("%q is not the path of a file that processes can share", path)
	case strings.ContainsRune(path, 0):
		return "", fmt.Errorf("NUL in the path %q", path)
	}
	return path, nil
}

// resolve returns the path of an existing file without symbolic links: all processes must use the same lock file. Root follows no
// links of other users, but uses their files, as in the commands for a server that was started as another user.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	place, err := osfile.Follow(path, nil)
	if err == nil {
		err = place.Close()
	}
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}
