package dir

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// TestTakeInRemovedDirectory: a directory that was removed after it was opened is an error, not an endless loop.
func TestTakeInRemovedDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	d, err := OpenWritable(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Take("w1", Holder{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that the directory does not exist", err)
	}
}
