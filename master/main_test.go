package master

import (
	"testing"

	"multiproc/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{
		"drop":       dropChild,
		"generation": generationChild,
		"invoked":    invokedChild,
		"master":     masterChild,
		"pidfile":    pidfileChild,
		"program":    programChild,
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
