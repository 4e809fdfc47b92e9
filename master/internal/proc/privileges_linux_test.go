package proc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

// nobody is a user without privileges, whether it is in /etc/passwd or not.
var nobody = Privileges{UID: 65534, GID: 65533, Groups: []int{65533, 12345}}

// asNobody starts a child without privileges. It may not search the directory of this program, which is why the program is started
// by a descriptor.
func asNobody(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	exe, err := os.Executable()
	check(t, err)
	program, err := ResolveProgram(exe)
	check(t, err)
	t.Cleanup(func() { check(t, program.Close()) })
	return func(cmd *exec.Cmd) {
		cmd.Path = program.exec()
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: uint32(nobody.UID), Gid: uint32(nobody.GID)},
		}
	}
}

func TestDrop(t *testing.T) {
	proctest.Root(t)
	c := proctest.Start(t, "drop", "report")
	// The ids of all threads.
	if got, want := c.Line(), "65534 65534 65534 65534, 65533 65533 65533 65533, 12345 65533"; got != want {
		t.Errorf("ids %s, want %s", got, want)
	}
	for _, want := range []string{"setuid: operation not permitted", "seteuid: operation not permitted", "setgid: operation not permitted", "setgroups: operation not permitted"} {
		if got := c.Line(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := c.Line(); got != "dumpable 0" {
		t.Errorf("other processes of the user may inspect it: %s", got)
	}
	if got := c.Line(); !strings.HasPrefix(got, "usage {") {
		t.Errorf("it cannot inspect itself: %s", got)
	}
	if got := c.Line(); got != "started by nobody" {
		t.Errorf("a program that it starts reports %q", got)
	}
	c.Stop()
}

func TestDropRefuses(t *testing.T) {
	proctest.Root(t)
	for _, p := range []Privileges{{UID: -1, GID: 1}, {UID: 1, GID: -1}} {
		if err := Drop(p); err == nil || !strings.Contains(err.Error(), "negative") {
			t.Errorf("%+v: %v", p, err)
		}
	}
	c := proctest.StartWith(t, asNobody(t), "drop", "again")
	if got := c.Line(); got != "drop privileges to user 65534, group 65533: <nil>" {
		t.Errorf("Drop to the same user: %s", got)
	}
	if got := c.Line(); got != "drop privileges to user 1, group 65533: setgroups: operation not permitted" {
		t.Errorf("Drop to another user: %s", got)
	}
	c.Stop()

	// A change of the user does not remove the capability to change it.
	for _, gid := range []string{"0", "1"} {
		c = proctest.StartWith(t, func(cmd *exec.Cmd) {
			asNobody(t)(cmd)
			cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SETUID, unix.CAP_SETGID}
		}, "drop", "capable", gid)
		if got := c.Line(); got != "drop privileges to user 1, group "+gid+": they can be regained" {
			t.Error(got)
		}
		c.Stop()
	}
}

// dropChild drops privileges and reports the result.
func dropChild(args []string) error {
	switch args[0] {
	case "report":
		return dropAndReport()
	case "again":
		fmt.Printf("drop privileges to user 65534, group 65533: %v\n", Drop(nobody))
		other := nobody
		other.UID = 1
		fmt.Println(Drop(other))
		return proctest.UntilStopped()
	case "capable":
		gid, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		fmt.Println(Drop(Privileges{UID: 1, GID: gid, Groups: []int{gid}}))
		return proctest.UntilStopped()
	}
	return fmt.Errorf("no such test: %s", args[0])
}

func dropAndReport() error {
	for range 4 { // start threads
		release := make(chan struct{})
		defer close(release)
		started := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(started)
			<-release
		}()
		<-started
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := ResolveProgram(exe)
	if err != nil {
		return err
	}
	if err := Drop(nobody); err != nil {
		return err
	}
	identity, err := threadsIdentity()
	if err != nil {
		return err
	}
	fmt.Println(identity)
	fmt.Println(os.NewSyscallError("setuid", syscall.Setuid(0)))
	fmt.Println(os.NewSyscallError("seteuid", syscall.Seteuid(0)))
	fmt.Println(os.NewSyscallError("setgid", syscall.Setgid(0)))
	fmt.Println(os.NewSyscallError("setgroups", syscall.Setgroups([]int{0})))
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil {
		return err
	}
	fmt.Println("dumpable", dumpable)
	u, err := ReadUsage(os.Getpid())
	if err != nil {
		return err
	}
	fmt.Println("usage", u)
	if err := startProgram(program, 3, "started by nobody"); err != nil {
		return err
	}
	return proctest.UntilStopped()
}

// threadsIdentity returns the ids of the user and the groups, which all threads must share.
func threadsIdentity() (string, error) {
	paths, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		return "", err
	}
	if len(paths) < 5 {
		return "", fmt.Errorf("only the threads %v", paths)
	}
	all := ""
	for _, path := range paths {
		status, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		var one []string
		for line := range strings.Lines(string(status)) {
			for _, name := range []string{"Uid:", "Gid:", "Groups:"} {
				if value, ok := strings.CutPrefix(line, name); ok {
					one = append(one, strings.Join(strings.Fields(value), " "))
				}
			}
		}
		identity := strings.Join(one, ", ")
		if all != "" && identity != all {
			return "", fmt.Errorf("one thread has the ids %s, another %s", all, identity)
		}
		all = identity
	}
	return all, nil
}
