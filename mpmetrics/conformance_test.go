package mpmetrics_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// equateNaN makes NaN equal to NaN.
var equateNaN = cmpopts.EquateNaNs()

// equateSums lets sums of up to four floats differ by their order: prometheus_client's is that of its directory, which a copy
// does not keep. Every other number is one that a process wrote.
var equateSums = cmpopts.EquateApprox(4*0x1p-53, 0)

// TestConformance compares the page of directories that prometheus_client wrote with the page that prometheus_client itself
// makes of them.
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
			if diff := cmp.Diff(want, pageOfDir(t, dir), equateNaN, equateSums); diff != "" {
				t.Errorf("page differs (-prometheus_client +mpmetrics):\n%s", diff)
			}
		})
	}
}
