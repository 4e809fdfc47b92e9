// Package proctest is the harness of tests that start real processes: a test binary that runs again in a role, a log that
// can be waited for, what /proc says of a process, and the three tiers of tests.
//
// Only tests import it. Its functions fail the test by tb.Fatal, so they must be called from the test's own goroutine unless
// they say otherwise.
package proctest
