package inspect

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// TestDiffOfDump finds no difference between a directory and its dump, in both formats and with names of any form.
func TestDiffOfDump(t *testing.T) {
	own := t.TempDir()
	w := newWriter(t, own, "w1")
	mpmetrics.Must(w.NewGaugeVec(prometheus.GaugeOpts{Name: "dotted.name", Help: "Help."}, mpmetrics.ModeAll, []string{"z", "a.b"})).
		WithLabelValues("1", "}\"\\\n").Set(2.5)
	dirs, err := filepath.Glob("../../../testdata/conformance/*/*")
	check(t, err)
	for _, dir := range append(dirs, own) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		for _, format := range []string{"text", "openmetrics"} {
			var page, out bytes.Buffer
			if stderr, err := runMetrics(t.Context(), &page, "dump", "--dir", dir, "--format", format); err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			saved := filepath.Join(t.TempDir(), "page")
			check(t, os.WriteFile(saved, page.Bytes(), 0o600))
			if stderr, err := runMetrics(t.Context(), &out, "diff", dir, saved); err != nil || out.Len() > 0 {
				t.Errorf("%s in %s: %v%s\n%s", dir, format, err, stderr, &out)
			}
		}
	}
}

// TestDiffWithoutFiles compares directories without metric files, which are likely the wrong ones.
func TestDiffWithoutFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := runMetrics(t.Context(), io.Discard, "diff", dir, dir)
	if err == nil || !strings.Contains(err.Error(), "no metric files in "+dir+": it is empty") {
		t.Errorf("error %v", err)
	}
}
