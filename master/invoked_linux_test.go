package master

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"multiproc/internal/proctest"
)

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
	f("uwsgi worker 1", elsewhere, "/bin", exe)  // a title
	f("multiproc", dir, ".", exe)                // found where anybody could have put it
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
