package master

import (
	"syscall"
	"testing"
)

func TestExit(t *testing.T) {
	f := func(e exit, text string, clean bool) {
		t.Helper()
		if e.String() != text || e.clean() != clean {
			t.Errorf("%q, clean: %t; want %q, %t", e, e.clean(), text, clean)
		}
	}
	f(exit{}, "exited with code 0", true)
	f(exit{status: 3 << 8}, "exited with code 3", false)
	f(exit{status: 9}, "was killed by signal 9 (killed)", false)
	f(exit{failed: syscall.ENOENT}, "could not be started: no such file or directory", false)
}
