package store

import (
	"testing"

	"multiproc/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{
		"insert": insertChild, "loop": loopChild, "migrate": migrateChild, "crash": crashChild,
	})
}

// check fails the test if there is an error.
func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
