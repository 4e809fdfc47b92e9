package fleet

import (
	"syscall"
	"testing"
)

func TestExit(t *testing.T) {
	f := func(e Exit, text string, clean bool) {
		t.Helper()
		if e.String() != text || e.Clean() != clean {
			t.Errorf("%q, clean: %t; want %q, %t", e, e.Clean(), text, clean)
		}
	}
	f(Exit{}, "exited with code 0", true)
	f(Exit{Status: 3 << 8}, "exited with code 3", false)
	f(Exit{Status: 9}, "was killed by signal 9 (killed)", false)
	f(Exit{Err: syscall.ENOENT}, "could not be started: no such file or directory", false)
}
