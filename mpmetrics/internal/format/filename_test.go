package format

import (
	"testing"
)

func TestParseFileName(t *testing.T) {
	for name, want := range map[string]FileName{
		"counter_1.db":                 {Kind{Type: Counter}, "1"},
		"counter_w1-1.db":              {Kind{Type: Counter}, "w1-1"},
		"counter_host_3.db":            {Kind{Type: Counter}, "host_3"},
		"summary_1.db":                 {Kind{Type: Summary}, "1"},
		"histogram_a.b.db":             {Kind{Type: Histogram}, "a.b"},
		"gauge_all_1.db":               {Kind{Gauge, All}, "1"},
		"gauge_livemostrecent_x.db":    {Kind{Gauge, LiveMostRecent}, "x"},
		"gauge_min_gauge_livemin_1.db": {Kind{Gauge, Min}, "gauge_livemin_1"},
	} {
		got, ok := ParseFileName(name)
		if !ok || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, ok, want)
		}
		if got.String() != name {
			t.Errorf("%s becomes %s", name, got)
		}
	}
	for _, name := range []string{
		"", ".db", "counter.db", "counter_.db", "counter_1", "counter_1.db.new", "Counter_1.db", "counters_1.db",
		"gauge_1.db", "gauge_all.db", "gauge_all_.db", "gauge__1.db", "gauge_bogus_1.db", "gauge_computed_1.db", "x.db",
	} {
		if got, ok := ParseFileName(name); ok {
			t.Errorf("%s passes for %+v", name, got)
		}
	}
}

func TestModes(t *testing.T) {
	for m := range Mode(Modes) {
		name := FileName{Kind{Gauge, m}, "1"}.String()
		if back, ok := ParseFileName(name); !ok || back.Mode != m {
			t.Errorf("mode %d is written %s and read as %+v, %v", m, name, back, ok)
		}
		if live := m.String()[:1] == "l"; live != m.Live() || m.Live() && m.Base() != m-1 || !m.Live() && m.Base() != m {
			t.Errorf("%s: live %v, merged as %s", m, m.Live(), m.Base())
		}
	}
}
