// Package proctest is the harness of tests that start real processes: a test binary that runs again in a role, a log that can
// be waited for, the state of processes in /proc, and the three tiers of tests.
//
// Only tests import it. Its functions fail the test by tb.Fatal, so they must be called from the test's own goroutine unless
// they say otherwise.
package proctest

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// roleVariable makes a process of a test binary something other than a run of its tests.
const roleVariable = "MULTIPROC_TEST_ROLE"

// Role is the main function of a child: a process of the test binary that does one thing.
type Role func(args []string) error

// Main is the body of TestMain in a package whose tests start children. In a child it runs the role and exits, with 1 and the
// error on standard error if the role failed.
func Main(m *testing.M, roles map[string]Role) {
	name := os.Getenv(roleVariable)
	if name == "" {
		m.Run()
		return
	}
	err := os.Unsetenv(roleVariable) // children of a child choose a role of their own
	if role, ok := roles[name]; !ok {
		err = fmt.Errorf("no role %q", name)
	} else if err == nil {
		err = role(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // it is the main function of the child
	}
	os.Exit(0) //nolint:forbidigo // without m.Run there is no exit status that the caller could take
}

// RoleEnv returns the variables that start the test binary in a role, for tests that start processes by themselves. A
// process with the race detector in it would wait a second at its end without the second one.
func RoleEnv(role string) []string {
	return []string{roleVariable + "=" + role, "GORACE=atexit_sleep_ms=0"}
}

// SideBySide has TestMain run n parallel tests of the package at a time, unless -parallel says otherwise. By default go test
// runs one for each core, which leaves the cores idle where tests wait for processes. It must be called before m.Run.
func SideBySide(n int) error {
	return flag.Set("test.parallel", strconv.Itoa(n)) // a flag on the command line is parsed later, and wins
}
