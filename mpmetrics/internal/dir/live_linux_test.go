package dir

import (
	"errors"
	"fmt"
	"io/fs"
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

// TestForgetAbandoned removes the file of a process that exited unseen. A process that reuses the pid may make a file with the same
// inode, which must not be taken for the one that was missed.
func TestForgetAbandoned(t *testing.T) {
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
	const name = "gauge_livesum_4000001.db"
	if err := os.WriteFile(filepath.Join(d.Path(), name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.follow([]string{name}, lastTry)
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := d.Stat(name); err != nil {
		t.Errorf("%v: the process's parent had no time to remove the file", err)
	}
	l.missing[name] = missing{l.missing[name].file, time.Now().Add(-grace)}
	l.followLocked([]string{name}, lastTry)
	if _, err := d.Stat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that the file was removed", err)
	}
	if id, ok := l.missing[name]; ok {
		t.Errorf("%v is still missed", id)
	}
}
