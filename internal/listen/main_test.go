package listen

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{"drop": dropChild, "listen": listenChild})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A user without privileges, whether it is in /etc/passwd or not.
const nobodyUID, nobodyGID = 65534, 65533

func drop() error {
	return errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobodyGID), syscall.Setuid(nobodyUID))
}

// dropChild drops privileges and reports what it can still do with its sockets.
func dropChild(args []string) error {
	switch args[0] {
	case "port":
		if err := drop(); err != nil {
			return err
		}
		_, err := NewSockets(nil).Open([]Socket{{Name: "http", Network: "tcp", Address: ":80"}})
		fmt.Println(err)
		return proctest.UntilStopped()
	case "unix":
		return dropWithUnixSocket(args[1])
	case "reuse-port":
		return dropWithReusePort(args[1] == "chown")
	}
	return fmt.Errorf("no such test: %s", args[0])
}

func dropWithUnixSocket(path string) error {
	set, err := NewSockets(nil).Open([]Socket{unixSocket(path)})
	if err != nil {
		return err
	}
	if err := errors.Join(drop(), set.Close(true)); err != nil {
		return err
	}
	fmt.Println("closed")
	return proctest.UntilStopped()
}

func dropWithReusePort(chown bool) error {
	s := NewSockets(nil)
	set, err := s.Open([]Socket{shared()})
	if err != nil {
		return err
	}
	if chown {
		if err := s.Chown(nobodyUID, nobodyGID); err != nil {
			return err
		}
	}
	if err := drop(); err != nil {
		return err
	}
	_, _, err = set.Descriptors(2)
	switch {
	case errors.Is(err, ErrInUse):
		fmt.Println("in use")
	case err != nil:
		return err
	default:
		fmt.Println("slot 2 is open")
	}
	return errors.Join(proctest.UntilStopped(), set.Close(true))
}
