package proctest

import (
	"os"
	"testing"
	"time"
)

// The variables that choose a tier. Without them go test runs the first one, which shows every promise once.
const (
	// LongVariable, set to 1, adds what needs other software, root or more rounds. .ci/run sets it.
	LongVariable = "MULTIPROC_TEST_LONG"
	// SoakVariable holds a duration and adds storms and runs of a million requests. It is set by hand.
	SoakVariable = "MULTIPROC_TEST_SOAK"
	// RequireVariable, set to all, turns a skip for missing software into a failure. .ci/run sets it for root.
	RequireVariable = "MULTIPROC_TEST_REQUIRE"
)

// IsLong reports whether the second tier runs.
func IsLong() bool { return os.Getenv(LongVariable) == "1" }

// Long skips a test of the second tier unless that tier runs.
func Long(tb testing.TB) {
	tb.Helper()
	if !IsLong() {
		tb.Skip("set " + LongVariable + "=1 to run it")
	}
}

// Rounds returns how often a test repeats what it repeats: short in the first tier and under -short, long in the second. It
// must not be called in a child, which has not parsed the flags of go test.
func Rounds(short, long int) int {
	if IsLong() && !testing.Short() {
		return long
	}
	return short
}

// Soak returns how long a test of the third tier runs, and skips it unless that tier runs.
func Soak(tb testing.TB) time.Duration {
	tb.Helper()
	text := os.Getenv(SoakVariable)
	if text == "" {
		tb.Skip("set " + SoakVariable + " to a duration to run it")
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		tb.Fatalf("%s: %v", SoakVariable, err)
	}
	return d
}

// Missing skips a test because the machine lacks something. If RequireVariable is set it fails the test instead, so that green
// means that every test ran.
func Missing(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv(RequireVariable) == "all" {
		tb.Fatalf("%s=all, but %s", RequireVariable, why)
	}
	tb.Skip(why)
}

// Root skips a test that needs root; see Missing.
func Root(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		Missing(tb, "it needs root")
	}
}
