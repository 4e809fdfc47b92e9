package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSecondServer starts a second server by mistake that needs something of the first one's. It exits with a code of its own
// and a line that names what is taken, and has touched nothing.
func TestSecondServer(t *testing.T) {
	dir := t.TempDir()
	unixSocket, abstract := filepath.Join(dir, "http.sock"), "@"+t.Name()+strconv.Itoa(os.Getpid())
	metrics, pidfile := filepath.Join(dir, "metrics"), filepath.Join(dir, "multiproc.pid")
	health := freeAddress(t)
	first := startServer(t, "socket = "+freeAddress(t)+"\nsocket = "+unixSocket+"\nsocket = "+abstract+
		"\nhealth = "+health+"\nprocesses = 2\npidfile = "+pidfile+"\nmetrics-dir = "+metrics+"\nenv = PROMETHEUS_MULTIPROC_DIR="+metrics+"\n")
	first.mustHavePidfile(pidfile)

	for _, second := range []struct{ name, ini, want string }{
		{"all of it", "socket = " + first.address + "\npidfile = " + pidfile + "\nmetrics-dir = " + metrics + "\n", pidfile},
		{"pidfile", "socket = 127.0.0.1:0\npidfile = " + pidfile + "\n", pidfile},
		{"address", "socket = " + first.address + "\n", first.address},
		{"another address and this one", "socket = 127.0.0.1:0\nsocket = " + first.address + "\n", first.address},
		{"all addresses of the port", "socket = :" + first.address[strings.LastIndex(first.address, ":")+1:] + "\n", "address already in use"},
		{"unix socket", "socket = " + unixSocket + "\n", unixSocket},
		{"abstract socket", "socket = " + abstract + "\n", abstract},
		{"health", "socket = 127.0.0.1:0\nhealth = " + health + "\n", health},
		{"metrics directory", "socket = 127.0.0.1:0\nmetrics-dir = " + metrics + "\nenv = PROMETHEUS_MULTIPROC_DIR=" + metrics + "\n", metrics},
		{"control socket", "socket = 127.0.0.1:0\ncontrol = " + first.control() + "\n", first.control()},
		{"metrics directory without a master", "master = false\nsocket = 127.0.0.1:0\nmetrics-dir = " + metrics +
			"\nenv = PROMETHEUS_MULTIPROC_DIR=" + metrics + "\n", metrics},
		{"address without a master", "master = false\nsocket = " + first.address + "\n", first.address},
	} {
		t.Run(second.name, func(t *testing.T) {
			before := tree(t, dir)
			home := t.TempDir()
			ini := "[multiproc]\n" + second.ini
			if !strings.Contains(ini, "control = ") {
				ini += "control = " + filepath.Join(home, "control.sock") + "\n"
			}
			if !strings.Contains(ini, "metrics-dir = ") {
				ini += "metrics-dir = " + filepath.Join(home, "metrics") + "\n"
			}
			path := filepath.Join(home, "multiproc.ini")
			check(t, os.WriteFile(path, []byte(ini), 0o600))
			_, stderr, code := first.run("--ini", path)
			if code != 4 {
				t.Errorf("exit code %d, want 4", code)
			}
			lines := strings.Split(strings.TrimSpace(stderr), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "multiproc: ") || !strings.Contains(last, second.want) {
				t.Errorf("the last line does not name %s: %q", second.want, last)
			}
			t.Log(lines[len(lines)-1])
			if strings.Contains(stderr, "worker started") {
				t.Errorf("it has started workers:\n%s", stderr)
			}
			if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
				t.Errorf("it has changed: -before +after:\n%s", diff)
			}
			entries, err := os.ReadDir(home)
			check(t, err)
			for _, entry := range entries {
				if entry.Name() != "multiproc.ini" {
					t.Errorf("%s is left in the second one's own directory", entry.Name())
				}
			}
			for range 5 {
				first.wantVisit(http.StatusOK, "/readyz", "")
			}
		})
	}
	for _, address := range []string{unixSocket, abstract} {
		mustAnswer(t, "unix", address, "/", http.StatusOK)
	}
	if reason := first.unready(t, health); reason != "" {
		t.Errorf("the first one is not ready: %s", reason)
	}
	first.stop()
	if fileExists(pidfile) {
		t.Error("the pidfile is left")
	}
}

// tree returns the content of a directory by name: inodes, and contents of the files that are not written all the time, as
// metric files and the master's status file are.
func tree(tb testing.TB, dir string) map[string]string {
	tb.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == "master.note" || entry.Name() == "master.note.new" {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		stat := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprintf("%s inode %d owner %d", info.Mode(), stat.Ino, stat.Uid)
		if info.Mode().IsRegular() && !strings.HasSuffix(path, ".db") {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %q", content)
		}
		found[path] = text
		return nil
	})
	check(tb, err)
	return found
}

// A private metrics directory is removed with the server, except for files that are not the server's.
func TestPrivateMetricsDirectory(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		dir := t.TempDir()
		private := filepath.Join(dir, "control.metrics")
		keep := filepath.Join(private, "keep.txt")
		if foreign {
			check(t, errors.Join(os.Mkdir(private, 0o700), os.WriteFile(keep, nil, 0o600)))
		}
		s := startServer(t, "socket = 127.0.0.1:0\n", func(o *serverOptions) { o.dir, o.args = dir, []string{"--metrics-dir="} })
		if _, err := os.Stat(filepath.Join(private, "counter_master.db")); err != nil {
			t.Errorf("the metrics are not there: %v", err)
		}
		s.stop()
		entries, err := os.ReadDir(private)
		if _, kept := os.Stat(keep); foreign && (kept != nil || len(entries) != 1) || !foreign && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("foreign=%t: left: %v %v", foreign, entries, err)
		}
	}
}
