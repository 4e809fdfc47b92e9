package mpmetrics

import "testing"

func TestParseFileName(t *testing.T) {
	for name, want := range map[string]fileName{
		"counter_1.db":                 {kind{typ: counterType}, "1"},
		"counter_w1-1.db":              {kind{typ: counterType}, "w1-1"},
		"counter_host_3.db":            {kind{typ: counterType}, "host_3"},
		"summary_1.db":                 {kind{typ: summaryType}, "1"},
		"histogram_a.b.db":             {kind{typ: histogramType}, "a.b"},
		"gauge_all_1.db":               {kind{gaugeType, gaugeAll}, "1"},
		"gauge_livemostrecent_x.db":    {kind{gaugeType, gaugeLiveMostRecent}, "x"},
		"gauge_min_gauge_livemin_1.db": {kind{gaugeType, gaugeMin}, "gauge_livemin_1"},
	} {
		got, ok := parseFileName(name)
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
		if got, ok := parseFileName(name); ok {
			t.Errorf("%s passes for %+v", name, got)
		}
	}
}
