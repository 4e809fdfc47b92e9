package mpmetrics

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// TestTakeIdentityInRemovedDirectory ends with an error: the directory may be removed after it was opened.
func TestTakeIdentityInRemovedDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	dir, err := openWritable(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := takeIdentity(dir, "w1", holder{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want one that there is no such directory", err)
	}
}
