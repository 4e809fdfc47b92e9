package master

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

func lockPidfile(t *testing.T, path string) *Pidfile {
	t.Helper()
	p, err := LockPidfile(path, nil)
	check(t, err)
	return p
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	check(t, err)
	return string(content)
}

func TestPidfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	p := lockPidfile(t, path)
	before, err := osfile.IdentifyNoFollow(path)
	check(t, err)
	for _, pid := range []int{4194304, 7} { // the second one is shorter
		check(t, p.Write(pid))
		if got := contentOf(t, path); got != strconv.Itoa(pid)+"\n" {
			t.Errorf("pid %d was written as %q", pid, got)
		}
	}
	if !before.IsAt(path) {
		t.Error("the file was replaced: its lock is worth nothing")
	}
	check(t, p.Close())
	if _, err := os.Lstat(path); err == nil {
		t.Error("the file remains")
	}
}

func TestPidfileHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	c := proctest.Start(t, "pidfile", "hold", path)
	f := func(want string) {
		t.Helper()
		before, err := os.Stat(path)
		check(t, err)
		content := contentOf(t, path)
		_, err = LockPidfile(path, nil)
		if !errors.Is(err, ErrRunning) || err.Error() != "lock pidfile "+path+": "+want {
			t.Errorf("%v, want: %s", err, want)
		}
		after, err := os.Stat(path)
		check(t, err)
		if now := contentOf(t, path); now != content || !after.ModTime().Equal(before.ModTime()) || !os.SameFile(before, after) {
			t.Errorf("the file was %q, %v and is %q, %v", content, before.ModTime(), now, after.ModTime())
		}
	}
	pid := c.Line()
	f("another process is starting with it")
	c.Ask("write")
	f("already running with pid " + pid)
	c.Kill()
	p := lockPidfile(t, path) // the file of a dead process can be taken over
	check(t, p.Write(1))
	if got := contentOf(t, path); got != "1\n" {
		t.Errorf("%q", got)
	}
	check(t, p.Close())
}

// A worker that outlives its master must not hold its pidfile.
func TestPidfileIsNotInherited(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	p := lockPidfile(t, path)
	exe, err := os.Executable()
	check(t, err)
	in, out, err := os.Pipe()
	check(t, err)
	ready, report, err := os.Pipe()
	check(t, err)
	defer ready.Close()
	pid, err := syscall.ForkExec(exe, []string{exe, "idle"}, &syscall.ProcAttr{
		Env:   append(os.Environ(), proctest.RoleEnv("pidfile")...),
		Files: []uintptr{osfile.FD(in), osfile.FD(report), 2},
	})
	check(t, err)
	check(t, in.Close())
	check(t, report.Close())
	t.Cleanup(func() {
		check(t, out.Close())
		_, err := syscall.Wait4(pid, nil, 0, nil)
		check(t, err)
	})
	_, err = bufio.NewReader(ready).ReadString('\n') // the program runs
	check(t, err)
	check(t, p.file.Close()) // as the kernel does when a process is killed
	check(t, lockPidfile(t, path).Close())
}

func TestPidfileRefuses(t *testing.T) {
	dir := t.TempDir()
	f := func(name, cause string) {
		t.Helper()
		path := filepath.Join(dir, name)
		p, err := LockPidfile(path, nil)
		if err == nil {
			t.Errorf("%s: no error, and %v on Close", name, p.Close())
		} else if !strings.HasPrefix(err.Error(), "lock pidfile "+path+": ") || !strings.Contains(err.Error(), cause) || errors.Is(err, ErrRunning) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, content := range map[string]string{
		"text": "root:x:0:0\n", "number": strings.Repeat("1", 40), "negative": "-1\n", "long": "1" + strings.Repeat(" ", 40) + "text",
	} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
		f(name, "something other than a pid")
		if got := contentOf(t, filepath.Join(dir, name)); got != content {
			t.Errorf("%s was changed to %q", name, got)
		}
	}
	check(t, os.WriteFile(dir+"/pid", []byte("12"), 0o600))
	check(t, os.Symlink(dir+"/pid", dir+"/link"))
	f("link", "symbolic link")
	check(t, unix.Mkfifo(dir+"/fifo", 0o600))
	f("fifo", "not a regular file")
	f("missing/pid", "no such file or directory")
	f(".", "is a directory")
	check(t, lockPidfile(t, dir+"/pid").Close())
}

func TestPidfileCloseReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	p := lockPidfile(t, path)
	check(t, os.Remove(path))
	other := lockPidfile(t, path) // another master, after the file was deleted by hand
	check(t, other.Write(3))
	check(t, p.Write(2))
	check(t, p.Close())
	if got := contentOf(t, path); got != "3\n" {
		t.Errorf("%q", got)
	}
	check(t, os.Remove(path))
	check(t, other.Close())
}

// The holder may remove the file after another process has opened it and before that process locks it.
func TestPidfileRemovedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	p := lockPidfile(t, path)
	other, err := openPidfile(path, nil)
	check(t, err)
	check(t, p.Close())
	if err := other.lock(); !errors.Is(err, errRemoved) {
		t.Errorf("a file that was removed was locked: %v", err)
	}
	if _, err := other.file.Stat(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file is open: %v", err)
	}
}

// Several processes lock and close one pidfile. At any time at most one holds it.
func TestPidfileConcurrentMasters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.pid")
	var children []*proctest.Child
	for range 4 {
		children = append(children, proctest.Start(t, "pidfile", "contend", path, strconv.Itoa(proctest.Rounds(25, 100))))
	}
	for _, c := range children {
		if got := c.Line(); got != "done" {
			t.Error(got)
		}
		c.Stop()
	}
}

func TestPidfileAfterDrop(t *testing.T) {
	proctest.Root(t)
	dir := t.TempDir()
	check(t, os.Chmod(filepath.Dir(dir), 0o711)) // the file can be read, but not removed
	check(t, os.Chmod(dir, 0o755))
	path := filepath.Join(dir, "master.pid")
	c := proctest.Start(t, "pidfile", "drop", path)
	if pid := c.Line(); contentOf(t, path) != pid+"\n" {
		t.Errorf("the file contains %q, want %s", contentOf(t, path), pid)
	}
	if _, err := LockPidfile(path, nil); !errors.Is(err, ErrRunning) {
		t.Errorf("the lock is lost: %v", err)
	}
	c.Stop()
	if got := contentOf(t, path); got != "" {
		t.Errorf("a file that could not be removed contains %q", got)
	}
	check(t, lockPidfile(t, path).Close())
}

func pidfileChild(args []string) error {
	switch args[0] {
	case "idle":
		fmt.Println("idle")
		return proctest.UntilStopped()
	case "contend":
		return contendForPidfile(args[1], args[2])
	}
	p, err := LockPidfile(args[1], nil)
	if err != nil {
		return err
	}
	if args[0] == "drop" {
		if err := errors.Join(Drop(Privileges{UID: 65534, GID: 65533}), p.Write(os.Getpid())); err != nil {
			return err
		}
	}
	fmt.Println(os.Getpid())
	if requests := bufio.NewScanner(os.Stdin); requests.Scan() {
		if err := p.Write(os.Getpid()); err != nil {
			return err
		}
		fmt.Println("written")
	}
	if err := proctest.UntilStopped(); err != nil {
		return err
	}
	return p.Close()
}

// contendForPidfile locks the file many times, and checks each time that no other process holds it.
func contendForPidfile(path, times string) error {
	rounds, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	for taken := 0; taken < rounds; {
		p, err := LockPidfile(path, nil)
		if errors.Is(err, ErrRunning) {
			continue
		}
		if err != nil {
			return err
		}
		taken++
		alone, err := os.OpenFile(path+".alone", os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		if err := errors.Join(alone.Close(), os.Remove(path+".alone"), p.Close()); err != nil {
			return err
		}
	}
	fmt.Println("done")
	return proctest.UntilStopped()
}
