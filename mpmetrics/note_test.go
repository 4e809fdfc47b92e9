package mpmetrics_test

import (
	"path/filepath"
	"strings"
	"testing"

	"multiproc/mpmetrics"
)

func TestNote(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "metrics")
	d, err := mpmetrics.OpenDirectory(dir, nil)
	check(t, err)
	check(t, d.Wipe())
	if note := look(t, dir, mpmetrics.InspectorOptions{}).Note; note != nil {
		t.Errorf("note %q", note)
	}
	for _, note := range []string{"first", "", strings.Repeat("x", 1<<20)} {
		check(t, d.Leave([]byte(note)))
		if got := look(t, dir, mpmetrics.InspectorOptions{}).Note; string(got) != note {
			t.Errorf("note %.10q, want %.10q", got, note)
		}
	}
	if err := d.Leave(make([]byte, 1<<20+1)); err == nil {
		t.Error("a note of more than 1 MiB is left")
	}
	put(t, filepath.Join(dir, ".mpm", "master.note"), make([]byte, 1<<20+1))
	if note := look(t, dir, mpmetrics.InspectorOptions{}).Note; note != nil {
		t.Errorf("%d bytes are read as a note", len(note))
	}
	check(t, d.Close())
	d, err = mpmetrics.OpenDirectory(dir, nil)
	check(t, err)
	check(t, d.Wipe())
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("left by the wipe: %v", got)
	}
	check(t, d.Close())
}
