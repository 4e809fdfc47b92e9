package server

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSecretSize reads a file of the maximum size and one that is larger.
func TestSecretSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, strings.Repeat("x", maxSecret))
	file, err := readSecret(path)
	if err != nil || len(file.content) != maxSecret {
		t.Errorf("of the maximum size: %d bytes, %v", len(file.content), err)
	}
	write(t, path, strings.Repeat("x", maxSecret+1))
	if _, err := readSecret(path); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("too large: %v", err)
	}
}
