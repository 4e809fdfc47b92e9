package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

// TestRuntimeDirectoryFollowsTheUmask: a server that drops root's privileges must also be able to pass through the directory,
// whatever the umask. A directory that the administrator has closed stays so.
func TestRuntimeDirectoryFollowsTheUmask(t *testing.T) {
	dropped := &osfile.User{UID: 65534, GID: 65534}
	for mask, want := range map[int]struct{ kept, passed fs.FileMode }{
		0o077: {0o700, 0o711}, 0o027: {0o750, 0o751}, 0o022: {0o755, 0o755}, 0: {0o755, 0o755},
	} {
		dir := t.TempDir()
		makes := func(in *instance, name string, want fs.FileMode, open bool) {
			t.Helper()
			path := filepath.Join(dir, name)
			before := syscall.Umask(mask)
			err := in.makeRuntimeDir(path)
			syscall.Umask(before)
			info, failed := os.Stat(path)
			if failed != nil {
				t.Fatal(failed)
			}
			if (err == nil) != open || info.Mode().Perm() != want {
				t.Errorf("umask %03o: %s: %v, %v; want %v", mask, name, info.Mode(), err, want)
			}
		}
		makes(&instance{}, "kept", want.kept, true)
		if os.Getuid() != 0 {
			continue
		}
		check(t, errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)))
		makes(&instance{owner: dropped}, "passed", want.passed, true)
		makes(&instance{owner: dropped}, "passed", want.passed, true)
		makes(&instance{owner: dropped}, "kept", want.kept, want.kept == want.passed)
	}
}

// TestRuntimeDirectoryBehindLink has a path through a symbolic link, such as /var/run.
func TestRuntimeDirectoryBehindLink(t *testing.T) {
	link := filepath.Join(t.TempDir(), "run")
	check(t, os.Symlink(t.TempDir(), link))
	if err := new(instance).makeRuntimeDir(link); err != nil {
		t.Error(err)
	}
}

// TestPrivateDirectoryOfAnotherUser starts a server after a change of uid: the last one could not remove its directory from root's.
func TestPrivateDirectoryOfAnotherUser(t *testing.T) {
	proctest.Root(t)
	dir := t.TempDir()
	check(t, errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755)))
	path := filepath.Join(dir, "a.metrics")
	for _, owner := range []*osfile.User{{UID: 65534, GID: 65534}, {UID: 65533, GID: 65533}, nil, {UID: 65534, GID: 65534}} {
		in := &instance{owner: owner}
		check(t, in.makeOwnDir(path))
		var st syscall.Stat_t
		if check(t, syscall.Stat(path, &st)); int(st.Uid) != in.user() {
			t.Errorf("it belongs to user %d, want %d", st.Uid, in.user())
		}
	}
	check(t, os.Mkdir(filepath.Join(path, "full"), 0o755))
	if err := new(instance).makeOwnDir(path); err == nil {
		t.Error("the directory of a running server was taken over")
	}
}
