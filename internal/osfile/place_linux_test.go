package osfile_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

// Users of these tests, besides root.
const (
	service  = 65534 // the user that the process continues as
	stranger = 65533
)

const secret = "root's secret\n"

// yard is a directory with those of several users in it:
//
//	root/       root's, with the file secret and the directory inner
//	service/    the service user's, with its file data
//	stranger/   another user's
//	sticky/     everybody's, as /tmp
//	open/       everybody's, without the sticky bit
//	group/      root's, which a group can write to
type yard struct {
	t   *testing.T
	dir string
}

func newYard(t *testing.T) yard {
	t.Helper()
	proctest.Root(t)
	y := yard{t, t.TempDir()}
	for _, dir := range []string{filepath.Dir(y.dir), y.dir} {
		y.must(os.Chmod(dir, 0o755))
	}
	for _, d := range []struct {
		name     string
		mode     fs.FileMode
		uid, gid int
	}{
		{"root", 0o755, 0, 0},
		{"root/inner", 0o755, 0, 0},
		{"service", 0o755, service, service},
		{"stranger", 0o777, stranger, stranger},
		{"sticky", 0o777 | fs.ModeSticky, 0, 0},
		{"sticky/roots", 0o755, 0, 0},
		{"open", 0o777, 0, 0},
		{"group", 0o775, 0, 4},
	} {
		path := y.path(d.name)
		y.must(errors.Join(os.Mkdir(path, 0o700), os.Chown(path, d.uid, d.gid), os.Chmod(path, d.mode)))
	}
	y.file("root/secret", 0, 0o600)
	y.file("root/readable", 0, 0o644)
	y.file("service/data", service, 0o600)
	return y
}

func (y yard) path(name string) string { return filepath.Join(y.dir, name) }

func (y yard) must(err error) {
	y.t.Helper()
	if err != nil {
		y.t.Fatal(err)
	}
}

func (y yard) file(name string, uid int, mode fs.FileMode) {
	y.t.Helper()
	path := y.path(name)
	y.must(errors.Join(os.WriteFile(path, []byte(secret), mode), os.Chown(path, uid, uid), os.Chmod(path, mode)))
}

func (y yard) link(name, to string, uid int) {
	y.t.Helper()
	if !strings.HasPrefix(to, "/") {
		to = y.path(to)
	}
	y.must(errors.Join(os.Symlink(to, y.path(name)), os.Lchown(y.path(name), uid, uid)))
}

// mustBeUntouched checks what is root's and what is only the service user's.
func (y yard) mustBeUntouched() {
	y.t.Helper()
	for name, uid := range map[string]uint32{"root/secret": 0, "root/readable": 0, "service/data": service} {
		content, err := os.ReadFile(y.path(name))
		var st unix.Stat_t
		y.must(errors.Join(err, unix.Stat(y.path(name), &st)))
		if string(content) != secret || st.Uid != uid {
			y.t.Errorf("%s has %q and belongs to user %d", name, content, st.Uid)
		}
	}
	for name, want := range map[string]int{"root": 3, "root/inner": 0} {
		if entries, err := os.ReadDir(y.path(name)); err != nil || len(entries) != want {
			y.t.Errorf("%s has %v, %v", name, entries, err)
		}
	}
}

// appendTo opens a file as a log is opened and writes to it.
func appendTo(path string, owner *osfile.User) error {
	place, err := osfile.Follow(path, owner)
	if err != nil {
		return err
	}
	defer place.Close()
	fd, err := place.Open(unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT, 0o644)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte("line\n"))
	return errors.Join(err, unix.Close(fd))
}

var serviceUser = &osfile.User{UID: service, GID: service, Groups: []int{service}}

// TestPlaceRefuses checks that root makes and changes nothing that the user may not, wherever that user's links lead.
func TestPlaceRefuses(t *testing.T) {
	for name, row := range map[string]struct {
		prepare func(y yard)
		path    string
		owner   *osfile.User
		want    string
	}{
		"link to a file": {
			func(y yard) { y.link("service/log", "root/secret", service) }, "service/log", serviceUser, "permission denied for user 65534",
		},
		"link to a new file": {
			func(y yard) { y.link("service/log", "root/new", service) }, "service/log", serviceUser, "permission denied for user 65534",
		},
		"link to a directory": {
			func(y yard) { y.link("service/logs", "root/inner", service) }, "service/logs/log", serviceUser, "permission denied for user 65534",
		},
		"link that root has made": {
			func(y yard) { y.link("service/log", "root/readable", 0) }, "service/log", serviceUser, "permission denied for user 65534",
		},
		"hard link": {
			func(y yard) { y.must(os.Link(y.path("root/readable"), y.path("service/log"))) }, "service/log", serviceUser, "permission denied for user 65534",
		},
		"pipe without a reader": {
			func(y yard) {
				y.must(errors.Join(unix.Mkfifo(y.path("service/log"), 0o600), os.Chown(y.path("service/log"), service, service)))
			}, "service/log", serviceUser, "no such device or address",
		},
		"relative link": {
			func(y yard) { y.must(os.Symlink("../root/secret", y.path("service/log"))) }, "service/log", serviceUser, "permission denied for user 65534",
		},
		"links in a circle": {
			func(y yard) { y.link("service/a", "service/b", service); y.link("service/b", "service/a", service) }, "service/a", serviceUser, "too many",
		},
		"link of a stranger to the user's file": {
			func(y yard) { y.link("sticky/log", "service/data", stranger) }, "sticky/log", serviceUser, "symbolic link of user 65533",
		},
		"directory link of a stranger": {
			func(y yard) { y.link("open/logs", "service", stranger) }, "open/logs/data", serviceUser, "symbolic link of user 65533",
		},
		"hard link of a stranger to the user's file": {
			func(y yard) { y.must(os.Link(y.path("service/data"), y.path("open/log"))) }, "open/log", serviceUser, "second name",
		},
		"file of a stranger": {
			func(y yard) { y.file("sticky/log", stranger, 0o666) }, "sticky/log", serviceUser, "belongs to user 65533",
		},
		"link in a group's directory": {
			func(y yard) { y.link("group/log", "root/new", service) }, "group/log", serviceUser, "permission denied for user 65534",
		},
		"file of root in a group's directory": {
			func(y yard) { y.file("group/log", 0, 0o644) }, "group/log", serviceUser, "permission denied for user 65534",
		},
		"no owner, link": {
			func(y yard) { y.link("stranger/log", "root/secret", stranger) }, "stranger/log", nil, "symbolic link of user 65533",
		},
		"no owner, link to a directory": {
			func(y yard) { y.link("stranger/logs", "root/inner", stranger) }, "stranger/logs/log", nil, "symbolic link of user 65533",
		},
		"no owner, hard link": {
			func(y yard) { y.must(os.Link(y.path("root/secret"), y.path("stranger/log"))) }, "stranger/log", nil, "second name",
		},
		"no owner, file of a stranger": {
			func(y yard) { y.file("sticky/log", stranger, 0o666) }, "sticky/log", nil, "belongs to user 65533",
		},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			row.prepare(y)
			if err := appendTo(y.path(row.path), row.owner); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %s", err, row.want)
			}
			y.mustBeUntouched()
			if err := appendTo(y.path("root/ours"), row.owner); err != nil { // the thread has root's rights again
				t.Error(err)
			}
		})
	}
}

// TestPlaceOwner checks the owners of files that are opened, new and existing ones.
func TestPlaceOwner(t *testing.T) {
	y := newYard(t)
	y.file("service/old", service, 0o600)
	y.file("root/old", 0, 0o600)
	y.link("root/link", "service/linked", 0)
	y.link("service/own", "service/owned", service)
	for name, row := range map[string]struct {
		owner *osfile.User
		want  uint32
	}{
		"root/new":         {serviceUser, service},
		"root/old":         {serviceUser, service},
		"root/link":        {serviceUser, service},
		"service/new":      {serviceUser, service},
		"service/old":      {serviceUser, service},
		"service/own":      {serviceUser, service},
		"sticky/new":       {serviceUser, service},
		"sticky/roots/new": {serviceUser, service},
		"open/new":         {serviceUser, service},
		"group/new":        {serviceUser, service},
		"root/roots":       {nil, 0},
		"stranger/roots":   {nil, 0},
		"sticky/ours":      {nil, 0},
	} {
		for range 2 { // when it exists, too
			if err := appendTo(y.path(name), row.owner); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		var st unix.Stat_t
		y.must(unix.Stat(y.path(name), &st))
		if st.Uid != row.want || st.Gid != row.want {
			t.Errorf("%s belongs to user %d, group %d, want %d", name, st.Uid, st.Gid, row.want)
		}
	}
	if err := appendTo(os.DevNull, serviceUser); err != nil {
		t.Error(err)
	}
	var st unix.Stat_t
	if y.must(unix.Stat(os.DevNull, &st)); st.Uid != 0 {
		t.Errorf("%s was given away", os.DevNull)
	}
}

// exchange swaps two entries all the time, until it is stopped.
func (y yard) exchange(a, b string) (stop func()) {
	stopping, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stopping:
				stopped <- nil
				return
			default:
			}
			if err := unix.Renameat2(unix.AT_FDCWD, y.path(a), unix.AT_FDCWD, y.path(b), unix.RENAME_EXCHANGE); err != nil {
				stopped <- err
				return
			}
		}
	}()
	return func() {
		y.t.Helper()
		close(stopping)
		y.must(<-stopped)
	}
}

// TestPlaceOfChangingPath swaps a directory and a link to root's all the time.
func TestPlaceOfChangingPath(t *testing.T) {
	y := newYard(t)
	y.must(errors.Join(os.Mkdir(y.path("service/logs"), 0o700), os.Chown(y.path("service/logs"), service, service)))
	y.link("service/other", "root/inner", service)
	stop := y.exchange("service/logs", "service/other")
	results := map[bool]int{}
	for i := range proctest.Rounds(500, 20000) {
		place, err := osfile.Locate(y.path(fmt.Sprintf("service/logs/%d", i)), serviceUser)
		if err != nil {
			results[false]++
			continue
		}
		fd, _, err := place.Mkdir(0o700)
		results[err == nil]++
		if err == nil {
			err = errors.Join(place.Give(fd), unix.Close(fd))
		} else {
			err = nil
		}
		y.must(errors.Join(err, place.Close()))
	}
	stop()
	if results[true] == 0 || results[false] == 0 {
		t.Logf("the race was not close: %v", results)
	}
	y.mustBeUntouched()
}

// TestPlacePath checks that Path leads to the opened directory even after others have replaced it.
func TestPlacePath(t *testing.T) {
	y := newYard(t)
	y.must(errors.Join(os.Mkdir(y.path("service/run"), 0o755), os.Chown(y.path("service/run"), service, service)))
	for name, plain := range map[string]bool{"root/inner/s": true, "service/s": true, "sticky/s": true, "service/run/s": false} {
		place, err := osfile.Locate(y.path(name), nil)
		y.must(err)
		defer place.Close()
		if got := place.Path() == y.path(name); got != plain {
			t.Errorf("%s: %s", name, place.Path())
		}
		if plain {
			continue
		}
		y.must(os.Rename(y.path("service/run"), y.path("service/moved")))
		y.link("service/run", "root", service)
		y.must(os.Mkdir(place.Path(), 0o755))
		if _, err := os.Lstat(y.path("service/moved/s")); err != nil {
			t.Error(err)
		}
	}
	y.mustBeUntouched()
}

// TestPlaceRemoves removes a file after its directory was moved and replaced by a link.
func TestPlaceRemoves(t *testing.T) {
	y := newYard(t)
	y.must(errors.Join(os.Mkdir(y.path("service/run"), 0o755), os.Chown(y.path("service/run"), service, service)))
	place, err := osfile.Locate(y.path("service/run/secret"), serviceUser)
	y.must(err)
	defer place.Close()
	fd, err := place.Open(unix.O_RDWR|unix.O_CREAT, 0o644)
	y.must(err)
	defer unix.Close(fd)
	id, err := osfile.IdentifyFD(fd)
	y.must(err)
	y.must(os.Rename(y.path("service/run"), y.path("service/moved")))
	y.link("service/run", "root", service)
	y.must(place.Remove(id))
	y.mustBeUntouched()
	if _, err := os.Lstat(y.path("service/moved/secret")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was not removed: %v", err)
	}
	y.must(place.Remove(id)) // there is none
}

// TestDescriptors checks the paths that stand for a descriptor of this process, directly or through links.
func TestDescriptors(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "log")
	if err := os.Symlink("/dev/stderr", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2, "/dev/fd/1": 1, "/dev//fd/17": 17, "/proc/self/fd/2": 2,
		fmt.Sprintf("/proc/%d/fd/1", os.Getpid()): 1, "/proc/thread-self/fd/1": 1, link: 2,
		os.DevNull: -1, "/proc/1/fd/1": -1, "/dev/fd/x": -1, dir: -1,
	} {
		place, err := osfile.Follow(path, nil)
		if err != nil {
			if want >= 0 {
				t.Errorf("%s: %v", path, err)
			}
			continue
		}
		if fd, ok := place.Descriptor(); fd != want || ok != (want >= 0) {
			t.Errorf("%s is descriptor %d, %t; want %d", path, fd, ok, want)
		}
		if err := place.Close(); err != nil {
			t.Error(err)
		}
	}
}
