package mpmetrics_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

)

// equateNaN makes NaN equal to itself.
var equateNaN = cmpopts.EquateNaNs()

// equateSums lets sums of up to four floats differ by the order in which they are added up: prometheus_client's is that
// of the directory it was run in, which a copy does not keep. Every other number is one that a process wrote.
var equateSums = cmpopts.EquateApprox(4*0x1p-53, 0)

// TestConformance holds what the Collector exposes for directories that prometheus_client wrote against the text
// that prometheus_client exposes for them.
func TestConformance(t *testing.T) {
	goldens, err := filepath.Glob("../testdata/conformance/*/*.prom")
	if err != nil || len(goldens) != 20 {
		t.Fatalf("%d golden texts, %v; want 20", len(goldens), err)
	}
	for _, golden := range goldens {
		dir := strings.TrimSuffix(golden, ".prom")
		t.Run(strings.TrimPrefix(dir, "../testdata/conformance/"), func(t *testing.T) {
			text, err := os.ReadFile(golden)
			check(t, err)
			want := parsePage(t, text)
			if diff := cmp.Diff(want, parsePage(t, scrape(t, dir)), equateNaN, equateSums); diff != "" {
				t.Errorf("page differs (-prometheus_client +mpmetrics):\n%s", diff)
			}
		})
	}
}
