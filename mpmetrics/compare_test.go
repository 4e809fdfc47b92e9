package mpmetrics_test

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/mpmetrics"
)

// TestCompare compares the rows of each conformance directory with the page. Counts on the page must be the sums of the columns.
func TestCompare(t *testing.T) {
	goldens, err := filepath.Glob("../testdata/conformance/*/*.prom")
	if err != nil || len(goldens) != 20 {
		t.Fatalf("%d golden texts, %v; want 20", len(goldens), err)
	}
	for _, golden := range goldens {
		dir := strings.TrimSuffix(golden, ".prom")
		in := look(t, dir, mpmetrics.InspectorOptions{})
		var columns [][]*mpmetrics.File
		for _, p := range in.Processes {
			var files []*mpmetrics.File
			for _, f := range in.Files {
				if f.Process == p {
					files = append(files, f)
				}
			}
			columns = append(columns, files)
		}
		want, got := lines(t, scrape(t, dir)), map[string]float64{}
		for _, row := range in.Page(nil) {
			got[row.Sample] = row.Merged
		}
		if diff := cmp.Diff(want, got, equateNaN); diff != "" {
			t.Errorf("%s: Page (-page +rows):\n%s", dir, diff)
		}
		clear(got)
		perProcess := 0
		for _, row := range in.Compare(columns, nil) {
			if !row.OnPage {
				perProcess += len(row.Parts)
				continue
			}
			got[row.Sample] = row.Merged
			sum := 0.0
			for _, part := range row.Parts {
				sum += part.Value
			}
			if row.Type != "gauge" && math.Abs(sum-row.Merged) > 1e-9*math.Abs(row.Merged) {
				t.Errorf("%s: %s: the columns have %v, the page %v", dir, row.Sample, sum, row.Merged)
			}
			if !strings.HasPrefix(row.Sample, row.Name) && !strings.HasPrefix(row.Sample, `{"`) {
				t.Errorf("%s: %s has the name %s", dir, row.Sample, row.Name)
			}
		}
		for sample := range want {
			if strings.Contains(sample, `pid="`) {
				delete(want, sample)
				perProcess--
			}
		}
		if diff := cmp.Diff(want, got, equateNaN); diff != "" || perProcess != 0 {
			t.Errorf("%s: %d values per process too many (-page +merged):\n%s", dir, perProcess, diff)
		}
	}
}

// lines returns the samples of a page with their values.
func lines(t *testing.T, page []byte) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for line := range strings.Lines(string(page)) {
		if at := strings.LastIndexByte(line, ' '); line[0] != '#' {
			value, err := strconv.ParseFloat(line[at+1:len(line)-1], 64)
			check(t, err)
			found[line[:at]] = value
		}
	}
	return found
}

func TestCompareWanted(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"w1", "w2"} {
		w := newWriter(t, dir, id)
		writeSome(t, w)
	}
	in := look(t, dir, mpmetrics.InspectorOptions{})
	columns := [][]*mpmetrics.File{
		{fileNamed(t, in, "histogram_w1.db"), fileNamed(t, in, "gauge_all_w1.db")},
		{fileNamed(t, in, "histogram_w2.db"), fileNamed(t, in, "counter_w2.db"), fileNamed(t, in, "gauge_all_w2.db")},
	}
	f := func(wanted string, want ...string) {
		t.Helper()
		var got []string
		for range 2 { // nothing of one column may be left for the next
			got = nil
			for _, row := range in.Compare(columns, func(name, _ string) bool { return name == wanted }) {
				line := fmt.Sprintf("%s %v %v", row.Sample, row.OnPage, row.Merged)
				for _, p := range row.Parts {
					line += fmt.Sprintf(" %d:%v", p.Column, p.Value)
				}
				got = append(got, line)
			}
		}
		checkEqual(t, want, got, "%s", wanted)
	}
	f("took_count", "took_count true 6 0:3 1:3")
	f("took_bucket", `took_bucket{le="1.0"} true 2 0:1 1:1`, `took_bucket{le="2.0"} true 4 0:2 1:2`, `took_bucket{le="+Inf"} true 6 0:3 1:3`)
	f("took_sum", "took_sum true 22 0:11 1:11")
	f("seen_total", `seen_total{what="a"} true 4 1:2`, `seen_total{what="b\n"} true 2 1:1`)
	f("each", "each false 0 0:5 1:5")
	f("none")
}

// TestCompareBounds has columns whose histograms differ in their bounds.
func TestCompareBounds(t *testing.T) {
	dir := t.TempDir()
	bucket := func(le string, n float64) []byte {
		return with(fmt.Sprintf(`["h", "h_bucket", {"le": %q}, ""]`, le), n)
	}
	put(t, filepath.Join(dir, "histogram_1.db"), metricFile(bucket("1.0", 5), bucket("+Inf", 1)))
	put(t, filepath.Join(dir, "histogram_2.db"), metricFile(bucket("2.0", 3), bucket("+Inf", 1)))
	in := look(t, dir, mpmetrics.InspectorOptions{})
	want := map[string][]float64{
		`h_bucket{le="1.0"}`: {5, 0, 5, 5}, `h_bucket{le="2.0"}`: {5, 3, 5, 8}, `h_bucket{le="+Inf"}`: {6, 4, 6, 10},
		"h_sum": {0, 0, 0, 0}, "h_count": {6, 4, 6, 10},
	}
	got := map[string][]float64{}
	for _, row := range in.Compare([][]*mpmetrics.File{in.Files[:1], in.Files[1:], in.Files[:1]}, nil) {
		for _, p := range row.Parts {
			got[row.Sample] = append(got[row.Sample], p.Value)
		}
		got[row.Sample] = append(got[row.Sample], row.Merged)
	}
	checkEqual(t, want, got, "")
}
