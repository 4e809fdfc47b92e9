package master

import (
	"testing"

	"multiproc/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{
		"generation": generationChild,
		"master":     masterChild,
		"pidfile":    pidfileChild,
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
