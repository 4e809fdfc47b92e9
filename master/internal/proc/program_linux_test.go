package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

// copyExecutable copies this program.
func copyExecutable(t *testing.T, to string) {
	t.Helper()
	exe, err := os.Executable()
	check(t, err)
	from, err := os.Open(exe)
	check(t, err)
	defer from.Close()
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700)
	check(t, err)
	_, err = io.Copy(file, from)
	check(t, errors.Join(err, file.Close()))
}

// replace renames a new file to path, as a deployment does.
func replace(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	check(t, os.WriteFile(path+".new", []byte(content), mode))
	check(t, os.Rename(path+".new", path))
}

// startProgram starts the program with this number of descriptors and waits for its exit. The program prints a line.
func startProgram(p *Program, descriptors int, line string) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	files := []uintptr{osfile.FD(null), 1, 2}
	for len(files) < descriptors {
		files = append(files, osfile.FD(null))
	}
	pid, err := syscall.ForkExec(p.exec(), []string{"program", line}, &syscall.ProcAttr{
		Env:   append(os.Environ(), proctest.RoleEnv("program")...),
		Files: files,
	})
	if err != nil {
		return err
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil || status != 0 {
		return fmt.Errorf("program: status %#x, %w", uint32(status), err)
	}
	return nil
}

// programChild prints its argument, or with the arguments "start PATH" the path of a program, which it starts when it is stopped.
func programChild(args []string) error {
	if args[0] != "start" {
		fmt.Println(args[0])
		return nil
	}
	p, err := ResolveProgram(args[1])
	if err != nil {
		return err
	}
	fmt.Println(p.Path)
	if err := proctest.UntilStopped(); err != nil {
		return err
	}
	return errors.Join(startProgram(p, 600, "old code"), p.Close())
}

// An old generation keeps its code after the file was replaced, also with more descriptors than usual.
func TestProgramIsPinned(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "release")
	copyExecutable(t, path)
	link := filepath.Join(dir, "current")
	check(t, os.Symlink("release", link))
	c := proctest.Start(t, "program", "start", link)
	if got := c.Line(); got != path {
		t.Errorf("path %s", got)
	}
	replace(t, path, "new", 0o700)
	if got := c.Stop(); !slices.Equal(got, []string{"old code"}) {
		t.Errorf("it printed %q", got)
	}

	p, err := ResolveProgram(link)
	check(t, err)
	defer func() { check(t, p.Close()) }()
	if got, err := os.ReadFile(p.exec()); err != nil || string(got) != "new" {
		t.Errorf("the next generation opens %d bytes of another file (%v)", len(got), err)
	}
}

func TestProgramDescriptor(t *testing.T) {
	exe, err := os.Executable()
	check(t, err)
	p, err := ResolveProgram(exe)
	check(t, err)
	if p.fd < 512 {
		t.Errorf("descriptor %d may collide with a worker's", p.fd)
	}
	check(t, startProgram(p, 3, ""))
	check(t, p.Close())
	if _, err := os.Stat(p.exec()); err == nil {
		t.Error("the file is open after Close")
	}
}

func TestResolveProgramRefuses(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(dir+"/text", nil, 0o600))
	check(t, os.Symlink(dir+"/missing", dir+"/dangling"))
	before := len(proctest.Descriptors(os.Getpid()))
	for name, cause := range map[string]string{
		"missing": "no such file or directory", "dangling": "no such file or directory", "text": "permission denied", ".": "not a regular file",
	} {
		path := filepath.Join(dir, name)
		if p, err := ResolveProgram(path); err == nil {
			t.Errorf("%s: no error, and %v on Close", name, p.Close())
		} else if err.Error() != "find program "+path+": "+cause {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := len(proctest.Descriptors(os.Getpid())); after != before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
}

func TestInvoked(t *testing.T) {
	exe, err := os.Executable()
	check(t, err)
	dir := t.TempDir()
	link := filepath.Join(dir, "multiproc")
	check(t, os.Symlink(exe, link))
	f := func(argv0, workingDir, path, want string) {
		t.Helper()
		c := proctest.StartWith(t, func(cmd *exec.Cmd) {
			cmd.Args[0] = argv0
			cmd.Dir = workingDir
			cmd.Env = append(cmd.Env, "PATH="+path)
		}, "invoked")
		if got := c.Line(); got != want {
			t.Errorf("%s in %s with PATH=%s: %s, want %s", argv0, workingDir, path, got, want)
		}
		c.Stop()
	}
	elsewhere := t.TempDir()
	f(link, "", "", link)
	f("./multiproc", dir, "", link)
	f("../"+filepath.Base(dir)+"/multiproc", elsewhere, "", link)
	f("multiproc", elsewhere, "/nowhere:"+dir, link)
	f("multiproc", elsewhere, "/bin", exe)       // not found
	f("./multiproc", elsewhere, "", exe)         // not there
	f("sh", elsewhere, "/bin:/usr/bin", exe)     // another program
	f("uwsgi worker 1", elsewhere, "/bin", exe)  // a process title
	f("multiproc", dir, ".", exe)                // found in the working directory, which anybody could have prepared
	f("-"+exe, elsewhere, "/bin", exe)           // as login shells are called
	f(strings.Repeat("x", 5000), dir, "/a", exe) // longer than a path
}

func invokedChild([]string) error {
	path, err := Invoked(os.Args[0])
	if err != nil {
		return err
	}
	fmt.Println(path)
	return proctest.UntilStopped()
}
