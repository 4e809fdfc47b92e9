package dir

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRetryMissing looks for the process of a file again for which there was no descriptor at first.
func TestRetryMissing(t *testing.T) {
	t.Parallel()
	d, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	l, err := d.FollowLive(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.mu.Lock()
	l.most = 0
	l.mu.Unlock()
	name := fmt.Sprintf("gauge_livesum_%d.db", os.Getpid())
	file, err := os.Create(filepath.Join(d.Path(), name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()

	followed := func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.files[name] != nil
	}
	l.look()
	if followed() {
		t.Fatal("the file is followed beyond the limit")
	}
	l.mu.Lock()
	l.most, l.tried = 1, time.Now().Add(-retryMissing)
	l.mu.Unlock()
	l.look()
	if !followed() {
		t.Error("the file is not followed after the retry")
	}
}
