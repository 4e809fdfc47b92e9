package dir

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiproc/internal/proctest"
)

// TestRootStaysOnItsPath: another user redirects the path of a metrics directory to a directory of root's.
func TestRootStaysOnItsPath(t *testing.T) {
	proctest.Root(t)
	const stranger = 65533
	base := t.TempDir()
	theirs, roots := filepath.Join(base, "theirs"), filepath.Join(base, "roots")
	link := filepath.Join(theirs, "link")
	err := errors.Join(
		os.Mkdir(theirs, 0o700), os.Mkdir(roots, 0o700), os.Chown(theirs, stranger, stranger),
		os.Symlink(roots, link), os.Lchown(link, stranger, stranger),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(link, "metrics"), filepath.Join(link, "a", "b", "metrics")} {
		if _, err := OpenWritable(path, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "symbolic link of user 65533") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if entries, err := os.ReadDir(roots); err != nil || len(entries) > 0 {
		t.Errorf("root's directory has %v, %v", entries, err)
	}
}
