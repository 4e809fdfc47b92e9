package proc

import (
	"testing"

	"multiproc/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{"drop": dropChild, "invoked": invokedChild, "program": programChild})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
