package mpmetrics_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// TestWriterBytes repeats the updates behind the files that prometheus_client wrote, in the order of their entries. The files
// must be the same, to the byte. Of times it only compares whether they are set.
func TestWriterBytes(t *testing.T) {
	files, err := filepath.Glob("../testdata/conformance/h16/*/*.db")
	check(t, err)
	cases := map[string]bool{
		"basic": true, "histograms": true, "names": true, "escapes": true, "growth": true, "gauges": true,
	}
	replayed := 0
	for _, file := range files {
		if !cases[filepath.Base(filepath.Dir(file))] {
			continue
		}
		replayed++
		t.Run(strings.TrimPrefix(file, "../testdata/conformance/h16/"), func(t *testing.T) {
			prefix, id := splitFileName(t, filepath.Base(file))
			golden := readWritten(t, file)
			dir := t.TempDir()
			w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
			check(t, err)
			defer w.Close()
			r := replay{t: t, w: w}
			r.do(prefix, golden.entries)
			got := readWritten(t, filepath.Join(dir, filepath.Base(file)))

			if prefix == "gauge_livesum" { // it begins with the Writer's own gauge
				own := got.entries[0]
				if own.key != `["multiproc_metric_series_unshared", "multiproc_metric_series_unshared", {}, `+
					`"Series kept in the memory of processes because their metric files have no room."]` {
					t.Errorf("first entry is %s", own.key)
				}
				got.bytes = slices.Delete(got.bytes, 8, own.end)
				binary.LittleEndian.PutUint32(got.bytes, uint32(got.used-(own.end-8)))
				got.bytes = append(got.bytes, make([]byte, own.end-8)...)
			}
			if strings.HasSuffix(prefix, "mostrecent") {
				for i, e := range golden.entries {
					set := got.entries[i].time
					if (e.time != 0) != (set != 0) {
						t.Errorf("entry %d was set at %v, want %v", i, set, e.time)
					}
					copy(got.bytes[e.end-8:e.end], golden.bytes[e.end-8:e.end])
				}
			}
			checkBytes(t, golden.bytes, got.bytes)
		})
	}
	if replayed != 42 {
		t.Errorf("%d files were compared, want 42", replayed)
	}
}

// TestValueAtTheOldEnd makes entries whose values lie just before, around and just after the end of the file, which then
// grows. It is also the end of a mapping.
func TestValueAtTheOldEnd(t *testing.T) {
	at := map[int]bool{}
	for n := 65_400; n < 65_500; n += 4 {
		dir := t.TempDir()
		w := newWriter(t, dir, "w1")
		v := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"l"}))
		label := strings.Repeat("x", n)
		v.WithLabelValues(label).Add(1)
		v.WithLabelValues("y").Add(2)
		v.WithLabelValues(label).Add(3)
		checkSamples(t, map[string]float64{
			fmt.Sprintf("c_total{l=%q}", label): 4, `c_total{l="y"}`: 2, unshared: 0,
		}, pageOfDir(t, dir))
		at[readWritten(t, filepath.Join(dir, "counter_w1.db")).entries[0].end-16] = true
	}
	for _, value := range []int{1<<16 - 16, 1<<16 - 8, 1 << 16} {
		if !at[value] {
			t.Errorf("no value was at %d, only at %v", value, slices.Sorted(maps.Keys(at)))
		}
	}
}

func checkBytes(t *testing.T, want, got []byte) {
	t.Helper()
	if len(want) != len(got) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			from, to := max(0, i-50), min(i+100, len(want), len(got))
			t.Fatalf("differs from offset %d on:\n got %q\nwant %q", i, got[from:to], want[from:to])
		}
	}
}

// observations has the observations of each series of the histograms and summaries, by family and sum: a file does not show
// them.
var observations = map[string][]float64{
	"latency_seconds 7e+09": {7 * 0.004, 7 * 0.03, 7 * 0.3, 7 * 2, 7 * 3, 7 * 18.48, 7e9},
	"latency_seconds 8e+09": {8 * 0.004, 8 * 0.03, 8 * 0.3, 8 * 2, 8 * 3, 8 * 18.48, 8e9},
	"latency_seconds 0.005": {0.005},
	"size_bytes 50":         {50},
	"d_seconds 1":           {1},
	"work_seconds 8.25":     {7, 1.25},
	"work_seconds 9.25":     {8, 1.25},
}

// replay makes the metrics of the entries of a file.
type replay struct {
	t *testing.T
	w *mpmetrics.Writer

	counters   map[string]*prometheus.CounterVec
	gauges     map[string]*prometheus.GaugeVec
	histograms map[string]*prometheus.HistogramVec
	summaries  map[string]*prometheus.SummaryVec
}

func (r *replay) do(prefix string, entries []writtenEntry) {
	r.t.Helper()
	r.counters = map[string]*prometheus.CounterVec{}
	r.gauges = map[string]*prometheus.GaugeVec{}
	r.histograms = map[string]*prometheus.HistogramVec{}
	r.summaries = map[string]*prometheus.SummaryVec{}
	for i := 0; i < len(entries); {
		e := entries[i]
		switch {
		case prefix == "counter":
			family(r.t, r.counters, e, func(labels []string) (*prometheus.CounterVec, error) {
				return r.w.NewCounterVec(prometheus.CounterOpts{Name: e.sample, Help: e.help}, labels)
			}).With(e.labels).Add(e.value)
			i++
		case strings.HasPrefix(prefix, "gauge_"):
			family(r.t, r.gauges, e, func(labels []string) (*prometheus.GaugeVec, error) {
				mode := modeNamed(r.t, strings.TrimPrefix(prefix, "gauge_"))
				return r.w.NewGaugeVec(prometheus.GaugeOpts{Name: e.family, Help: e.help}, mode, labels)
			}).With(e.labels).Set(e.value)
			i++
		case prefix == "histogram":
			i++
			var bounds []float64
			for ; i < len(entries) && entries[i].sample == e.family+"_bucket"; i++ {
				le, err := strconv.ParseFloat(entries[i].labels["le"], 64)
				if err != nil {
					r.t.Fatal(err)
				}
				bounds = append(bounds, le)
			}
			h := family(r.t, r.histograms, e, func(labels []string) (*prometheus.HistogramVec, error) {
				return r.w.NewHistogramVec(prometheus.HistogramOpts{Name: e.family, Help: e.help, Buckets: bounds}, labels)
			}).With(e.labels)
			r.observe(h, e, e.value)
		case prefix == "summary":
			s := family(r.t, r.summaries, e, func(labels []string) (*prometheus.SummaryVec, error) {
				return r.w.NewSummaryVec(prometheus.SummaryOpts{Name: e.family, Help: e.help}, labels)
			}).With(e.labels)
			r.observe(s, e, entries[i+1].value)
			i += 2
		default:
			r.t.Fatalf("files of type %s cannot be replayed", prefix)
		}
	}
}

// observe makes the observations with this sum, to six digits.
func (r *replay) observe(o prometheus.Observer, e writtenEntry, sum float64) {
	r.t.Helper()
	if sum == 0 {
		return
	}
	known := fmt.Sprintf("%s %.6g", e.family, sum)
	if observations[known] == nil {
		r.t.Fatalf("no observations for %s", known)
	}
	for _, v := range observations[known] {
		o.Observe(v)
	}
}

// family finds or makes the vector of an entry. The names of its labels are in reverse order, which must not matter.
func family[V any](t *testing.T, made map[string]V, e writtenEntry, newVec func(labels []string) (V, error)) V {
	t.Helper()
	if _, ok := made[e.family]; !ok {
		labels := slices.Sorted(maps.Keys(e.labels))
		slices.Reverse(labels)
		v, err := newVec(labels)
		check(t, err)
		made[e.family] = v
	}
	return made[e.family]
}

func modeNamed(t *testing.T, name string) mpmetrics.Mode {
	t.Helper()
	for mode := mpmetrics.ModeAll; mode <= mpmetrics.ModeLiveMostRecent; mode++ {
		if mode.String() == name {
			return mode
		}
	}
	t.Fatalf("no mode %s", name)
	return 0
}

// writtenFile is a metric file as parsed by an independent reader.
type writtenFile struct {
	bytes   []byte
	used    int
	entries []writtenEntry
}

type writtenEntry struct {
	key            string
	family, sample string
	labels         prometheus.Labels
	help           string
	value, time    float64
	end            int // offset
}

func readWritten(t *testing.T, path string) writtenFile {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	f := writtenFile{bytes: b, used: int(binary.LittleEndian.Uint32(b))}
	for pos := 8; pos < f.used; {
		n := int(binary.LittleEndian.Uint32(b[pos:]))
		e := writtenEntry{key: string(b[pos+4 : pos+4+n])}
		dec := json.NewDecoder(strings.NewReader(e.key))
		parts := []any{&e.family, &e.sample, &e.labels, &e.help}
		if err := dec.Decode(&parts); err != nil {
			t.Fatalf("%s: %q: %v", path, e.key, err)
		}
		value := pos + 4 + n + 8 - (n+4)%8
		if pad := b[pos+4+n : value]; len(bytes.Trim(pad, " ")) > 0 {
			t.Errorf("%s: padding is %q", path, pad)
		}
		e.value = math.Float64frombits(binary.LittleEndian.Uint64(b[value:]))
		e.time = math.Float64frombits(binary.LittleEndian.Uint64(b[value+8:]))
		e.end = value + 16
		f.entries = append(f.entries, e)
		pos = e.end
	}
	return f
}

func splitFileName(t *testing.T, name string) (prefix, id string) {
	t.Helper()
	name = strings.TrimSuffix(name, ".db")
	i := strings.LastIndexByte(name, '_')
	if i < 0 {
		t.Fatalf("%s is not the name of a metric file", name)
	}
	return name[:i], name[i+1:]
}
