package server

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"multiproc/internal/osfile"
)

// TestRuntimeDirectoryFollowsTheUmask: a server that drops root's privileges must also be able to pass through the directory,
// whatever the umask and whatever mode the directory has.
func TestRuntimeDirectoryFollowsTheUmask(t *testing.T) {
	dropped := &osfile.User{UID: 65534, GID: 65534}
	for mask, want := range map[int]struct{ kept, passed fs.FileMode }{
		0o077: {0o700, 0o711}, 0o027: {0o750, 0o751}, 0o022: {0o755, 0o755}, 0: {0o755, 0o755},
	} {
		path := filepath.Join(t.TempDir(), "multiproc")
		makes := func(in *instance, want fs.FileMode) {
			t.Helper()
			before := syscall.Umask(mask)
			err := in.makeRuntimeDir(path)
			syscall.Umask(before)
			if info, failed := os.Stat(path); err != nil || failed != nil || info.Mode().Perm() != want {
				t.Errorf("umask %03o: %v, %v, %v; want %v", mask, info.Mode(), err, failed, want)
			}
		}
		makes(&instance{}, want.kept)
		if os.Getuid() == 0 {
			makes(&instance{owner: dropped}, want.passed)
		}
	}
}
