package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

func unixSocket(path string) Socket { return Socket{Name: "http", Network: "unix", Address: path} }

// withUmask sets the umask for the rest of the test.
func withUmask(t *testing.T, mask int) {
	t.Helper()
	before := syscall.Umask(mask)
	t.Cleanup(func() { syscall.Umask(before) })
}

func inodeAt(t *testing.T, path string) osfile.ID {
	t.Helper()
	id, err := osfile.IdentifyNoFollow(path)
	check(t, err)
	return id
}

func TestUnixStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	c := proctest.Start(t, "listen")
	if got := c.Ask("open unix " + path); got != "open "+path {
		t.Fatal(got)
	}
	before := inodeAt(t, path)
	if _, err := NewSockets(nil).Open([]Socket{unixSocket(path)}); !errors.Is(err, ErrInUse) {
		t.Errorf("Open while another process listens: %v", err)
	}
	if now := inodeAt(t, path); now != before {
		t.Errorf("the file of the other process was %v, is %v", before, now)
	}
	c.Kill()
	if now := inodeAt(t, path); now != before {
		t.Fatalf("the killed process left %v, want %v", now, before)
	}
	set := open(t, NewSockets(nil), unixSocket(path))
	connect(t, "unix", path)
	acceptOne(t, descriptors(t, set, 1)[0])
}

func TestUnixInUse(t *testing.T) {
	dir := t.TempDir()
	full := open(t, NewSockets(nil), Socket{Network: "unix", Address: dir + "/full", Backlog: 1})
	for range 2 { // one more than the backlog can wait
		connect(t, "unix", dir+"/full")
	}
	if got := queueLengths(t, descriptors(t, full, 1)...); got[0] != 2 {
		t.Fatalf("%d connections wait", got)
	}
	datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: dir + "/datagrams", Net: "unixgram"})
	check(t, err)
	defer datagrams.Close()
	abstract := fmt.Sprintf("@%s-%d", t.Name(), os.Getpid())
	open(t, NewSockets(nil), unixSocket(abstract))
	for _, address := range []string{dir + "/full", dir + "/datagrams", abstract} {
		if _, err := NewSockets(nil).Open([]Socket{unixSocket(address)}); !errors.Is(err, ErrInUse) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// Anything but a stale socket is never removed.
func TestUnixForeignFiles(t *testing.T) {
	dir := t.TempDir()
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/stale", Net: "unix"})
	check(t, err)
	stale.SetUnlinkOnClose(false)
	check(t, stale.Close())
	check(t, os.WriteFile(dir+"/file", []byte("content"), 0o600))
	check(t, os.Mkdir(dir+"/dir", 0o700))
	check(t, os.Symlink(dir+"/stale", dir+"/link"))
	check(t, os.Symlink(dir+"/missing", dir+"/dangling"))
	check(t, unix.Mkfifo(dir+"/fifo", 0o600))
	for _, name := range []string{"file", "dir", "link", "dangling", "fifo"} {
		path := filepath.Join(dir, name)
		before := inodeAt(t, path)
		_, err := NewSockets(nil).Open([]Socket{unixSocket(path)})
		if err == nil || errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "not a socket") {
			t.Errorf("%s: %v", name, err)
		}
		if now := inodeAt(t, path); now != before {
			t.Errorf("%s was %v, is %v", name, before, now)
		}
	}
	if content, err := os.ReadFile(dir + "/file"); string(content) != "content" {
		t.Errorf("the file has %q, %v", content, err)
	}
}

func TestUnixMode(t *testing.T) {
	dir := t.TempDir()
	for _, umask := range []int{0, 0o022, 0o077} {
		withUmask(t, umask)
		for _, mode := range []fs.FileMode{0o600, 0o660, 0o666, 0o777} {
			path := filepath.Join(dir, fmt.Sprintf("%o-%o", umask, mode))
			s := unixSocket(path)
			s.Mode = &mode
			open(t, NewSockets(nil), s)
			if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|mode {
				t.Errorf("umask %o: mode %v, want %v (%v)", umask, info.Mode(), mode, err)
			}
			// From the first moment.
			early := path + "-early"
			fd, err := bindUnix(early, &mode)
			check(t, err)
			if info, err := os.Lstat(early); err != nil || info.Mode().Perm()&^mode != 0 {
				t.Errorf("umask %o: mode %v before chmod, wider than %v (%v)", umask, info.Mode(), mode, err)
			}
			check(t, unix.Close(fd))
		}
		path := filepath.Join(dir, fmt.Sprintf("%o", umask))
		open(t, NewSockets(nil), unixSocket(path))
		if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o777&^fs.FileMode(umask) {
			t.Errorf("umask %o: mode %v (%v)", umask, info.Mode(), err)
		}
	}
}

// A user who can write to the directory must not make the master change another file.
func TestUnixModeOfReplacedFile(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	check(t, os.WriteFile(secret, nil, 0o600))
	s := NewSockets(nil)
	open(t, s, unixSocket(dir+"/s"))
	check(t, os.Remove(dir+"/s"))
	check(t, os.Symlink(secret, dir+"/s"))
	wide := unixSocket(dir + "/s")
	mode := fs.FileMode(0o666)
	wide.Mode = &mode
	if _, err := s.Open([]Socket{wide}); err == nil || !strings.Contains(err.Error(), "replaced") {
		t.Error(err)
	}
	if info, err := os.Stat(secret); err != nil || info.Mode() != 0o600 {
		t.Errorf("the other file has %v (%v)", info.Mode(), err)
	}
}

func TestUnixClose(t *testing.T) {
	dir := t.TempDir()
	f := func(name string, unlink bool, meanwhile func(path string), want bool) {
		t.Helper()
		path := filepath.Join(dir, name)
		set, err := NewSockets(nil).Open([]Socket{unixSocket(path)})
		check(t, err)
		meanwhile(path)
		check(t, set.Close(unlink))
		refuses(t, "unix", path)
		if _, err := os.Lstat(path); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("removed", true, func(string) {}, false)
	f("kept", false, func(string) {}, true)
	f("gone", true, func(path string) { check(t, os.Remove(path)) }, false)
	f("replaced", true, func(path string) {
		check(t, os.Remove(path))
		check(t, os.WriteFile(path, nil, 0o600))
	}, true)
}

func TestUnixCloseAfterDrop(t *testing.T) {
	proctest.Root(t)
	path := filepath.Join(t.TempDir(), "s") // which the new user cannot even search
	c := proctest.Start(t, "drop", "unix", path)
	if got := c.Line(); got != "closed" {
		t.Error(got)
	}
	c.Stop()
	open(t, NewSockets(nil), unixSocket(path))
}

// TestUnixUnreadableDirectory opens a socket in a directory that its owner can write to but not read, so it cannot be locked.
func TestUnixUnreadableDirectory(t *testing.T) {
	proctest.Root(t)
	const service = 65534
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o300))
	check(t, os.Chown(dir, service, service))
	s := NewSockets(nil)
	s.Owner = &osfile.User{UID: service, GID: service}
	_, err := s.Open([]Socket{unixSocket(dir + "/s")})
	if want := "lock " + dir + ": permission denied"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestUnixConcurrentMasters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	contend(t, "open unix "+path, "unix", path)
}

// Another process may hold a lock on the directory for as long as it runs.
func TestUnixLockedDirectory(t *testing.T) {
	path := t.TempDir()
	place, err := osfile.Locate(path+"/s", nil)
	check(t, err)
	defer place.Close()
	dir, err := lockDir(place, path)
	check(t, err)
	if set, err := NewSockets(nil).Open([]Socket{unixSocket(path + "/s")}); err == nil || !strings.Contains(err.Error(), "has held it for 1s") {
		t.Errorf("%v, %v", set, err)
	}
	check(t, dir.Close())
	open(t, NewSockets(nil), unixSocket(path+"/s"))
}

// TestUnixOfReplacedDirectory opens sockets as root in a directory that its owner keeps swapping with a link.
func TestUnixOfReplacedDirectory(t *testing.T) {
	proctest.Root(t)
	root, others := t.TempDir(), t.TempDir()
	run, link := filepath.Join(others, "run"), filepath.Join(others, "link")
	check(t, errors.Join(os.Mkdir(run, 0o755), os.Symlink(root, link)))
	for _, path := range []string{others, run, link} {
		check(t, os.Lchown(path, 65534, 65534))
	}
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stopping:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, run, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE)
			}
		}
	}()
	for range proctest.Rounds(300, 5000) {
		if fd, file, err := listenUnix(filepath.Join(run, "s"), nil, nil); err == nil {
			_ = file.remove() // which it refuses while the link is there
			check(t, unix.Close(fd))
		}
	}
	close(stopping)
	<-stopped
	if entries, err := os.ReadDir(root); err != nil || len(entries) != 0 {
		t.Errorf("root's directory has %v, %v", entries, err)
	}
}
