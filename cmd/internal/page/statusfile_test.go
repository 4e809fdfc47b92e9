package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

func TestStatusFile(t *testing.T) {
	dir := t.TempDir()
	if s := ReadStatusFile(dir); s != nil {
		t.Errorf("read from nothing: %+v", s)
	}
	path := filepath.Join(dir, statusFile)
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte("of a master that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	for pid := range 2 {
		status := master.Status{PID: pid, Reloads: []master.ReloadStatus{{Error: "password: open sesame"}}}
		if err := WriteStatusFile(dir, StatusFile{time.Now(), status}); err != nil {
			t.Fatal(err)
		}
		s := ReadStatusFile(dir)
		if s == nil || s.Status.PID != pid || len(s.Status.Reloads) > 0 {
			t.Errorf("read %+v, want pid %d and no errors of reloads", s, pid)
		}
	}
	for _, text := range []string{"", "{}", "no JSON", `{"at": "2026-01-01T00:00:00Z"}` + strings.Repeat(" ", maxStatusFile)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if s := ReadStatusFile(dir); s != nil {
			t.Errorf("read from %.20q: %+v", text, s)
		}
	}
}

// TestStatusFileFollowsNoLink puts a symbolic link in the place of the temporary file, as another user could in a shared
// directory.
func TestStatusFileFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, statusFile)
	for _, err := range []error{
		os.WriteFile(victim, []byte("precious"), 0o600), os.Mkdir(filepath.Dir(path), 0o755), os.Symlink(victim, path+".new"),
		WriteStatusFile(dir, StatusFile{At: time.Now()}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(victim); err != nil || string(text) != "precious" {
		t.Errorf("the file that the link leads to has %.20q, %v", text, err)
	}
	if ReadStatusFile(dir) == nil {
		t.Error("no status was written")
	}
}

// TestStatusFileOfReplacedDirectory: root does not follow the links of a user who can replace the metrics directory.
func TestStatusFileOfReplacedDirectory(t *testing.T) {
	proctest.Root(t)
	dir, root := t.TempDir(), t.TempDir()
	own := filepath.Dir(filepath.Join(dir, statusFile))
	for _, err := range []error{os.Symlink(root, own), os.Chown(dir, 65534, 65534), os.Lchown(own, 65534, 65534)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	err := WriteStatusFile(dir, StatusFile{At: time.Now()})
	if entries, failed := os.ReadDir(root); err == nil || failed != nil || len(entries) > 0 {
		t.Errorf("%v; root's directory has %v, %v", err, entries, failed)
	}
}

// TestStatusWriterDoesNotBlock queues more than can be written at the moment: the newest status counts.
func TestStatusWriterDoesNotBlock(t *testing.T) {
	w := &statusWriter{newest: make(chan StatusFile, 1)}
	for pid := range 3 {
		w.put(master.Status{PID: pid})
	}
	if s := <-w.newest; s.Status.PID != 2 {
		t.Errorf("the status is of %d", s.Status.PID)
	}
}
