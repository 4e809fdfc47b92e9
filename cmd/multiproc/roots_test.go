package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

// TestNoRootPrivilegesRemain starts as root, with a root-only file beside the ini, and then inspects every process of the
// server: no thread has a user, group or capability of root's, no descriptor leads to a file that only root may read, and the
// processes cannot read one.
func TestNoRootPrivilegesRemain(t *testing.T) {
	t.Parallel()
	for name, ini := range map[string]string{
		"own workers": "",
		"a command":   "notify = false\ncommand = cat secret >read 2>denied; exec sleep 1000\n",
	} {
		t.Run(name, func(t *testing.T) {
			proctest.Root(t)
			s, _ := startDropping(t, ini+"uid = nobody\n", func(dir string) {
				writeRootOnly(t, filepath.Join(dir, "secret"))
				for _, name := range []string{"read", "denied"} {
					path := filepath.Join(dir, name)
					check(t, os.WriteFile(path, nil, 0o600))
					check(t, os.Chown(path, nobody, nobody))
				}
			})
			check := func() {
				t.Helper()
				pids := append(s.workers(), s.cmd.Process.Pid)
				if len(pids) != 3 {
					t.Errorf("processes %d", pids)
				}
				mustRunAsNobody(t, pids...)
				mustHoldNothingOfRoots(t, pids...)
			}
			check()
			before := s.workers()
			s.reload()
			s.awaitReplaced(before...)
			s.awaitNoneDraining()
			check()
			if ini != "" {
				awaitText(t, filepath.Join(s.dir, "denied"), "Permission denied")
				if text, err := os.ReadFile(filepath.Join(s.dir, "read")); err != nil || len(text) > 0 {
					t.Errorf("a worker has read %q, %v", text, err)
				}
			}
			s.stop()
		})
	}
}

// mustHoldNothingOfRoots checks every descriptor. A file that others may read does not count.
func mustHoldNothingOfRoots(tb testing.TB, pids ...int) {
	tb.Helper()
	for _, pid := range pids {
		descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil || len(descriptors) == 0 {
			tb.Fatalf("no descriptors of %d, %v", pid, err)
		}
		for _, fd := range descriptors {
			info, err := os.Stat(fd)
			if err != nil {
				continue // it was closed meanwhile
			}
			stat := info.Sys().(*syscall.Stat_t)
			name, _ := os.Readlink(fd)
			kept := strings.HasPrefix(name, "/") && (info.Mode().IsRegular() || info.IsDir())
			if kept && stat.Uid == 0 && info.Mode().Perm()&0o004 == 0 {
				tb.Errorf("process %d holds %s: %s, which is root's", pid, name, info.Mode())
			}
		}
	}
}

// writeRootOnly writes a file that only root may read.
func writeRootOnly(tb testing.TB, path string) {
	tb.Helper()
	check(tb, os.WriteFile(path, []byte("root's "+strconv.Itoa(os.Getpid())+"\n"), 0o600))
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.FileMode(0o600) {
		tb.Fatal(info, err)
	}
}

// awaitText waits until a file contains a text.
func awaitText(tb testing.TB, path, part string) {
	tb.Helper()
	proctest.Eventually(tb, path+" has "+part, func() bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.Contains(string(text), part)
	})
}
