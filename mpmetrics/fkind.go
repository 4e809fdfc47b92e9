package mpmetrics

// metricType is the type of all metrics in a file.
type metricType uint8

// Metric types.
const (
	counterType metricType = iota
	gaugeType
	histogramType
	summaryType
	metricTypes int = iota // their number
)

// String returns the type as file names and TYPE lines have it: counter, gauge, histogram, summary.
func (t metricType) String() string {
	return [metricTypes]string{"counter", "gauge", "histogram", "summary"}[t]
}

// gaugeMode says how the values that several processes give to one gauge are merged.
type gaugeMode uint8

// Modes of gauges. Each is followed by its live form, in which values of dead processes do not count.
const (
	gaugeAll gaugeMode = iota
	gaugeLiveAll
	gaugeMin
	gaugeLiveMin
	gaugeMax
	gaugeLiveMax
	gaugeSum
	gaugeLiveSum
	gaugeMostRecent
	gaugeLiveMostRecent
	gaugeModes int = iota // their number

	gaugeComputed = gaugeMode(gaugeModes) // of a gauge that the reader computes and no file holds
)

// String returns the mode as file names have it, as in livesum.
func (m gaugeMode) String() string {
	if int(m) >= gaugeModes {
		return "computed"
	}
	return [gaugeModes]string{
		"all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent", "livemostrecent",
	}[m]
}

// live reports whether values of dead processes do not count.
func (m gaugeMode) live() bool { return m%2 == 1 }

// base returns the mode that a live mode is a form of, and any other mode itself.
func (m gaugeMode) base() gaugeMode { return m &^ 1 }

// kind is what all metrics in a file have in common. The mode is 0 unless the type is gauge.
type kind struct {
	typ  metricType
	mode gaugeMode
}

// String returns the kind for messages: "counter", "livesum gauge".
func (k kind) String() string {
	if k.typ == gaugeType {
		return k.mode.String() + " gauge"
	}
	return k.typ.String()
}

// prefix returns the part of a file's name before the id, as in gauge_livesum_.
func (k kind) prefix() string {
	if k.typ == gaugeType {
		return "gauge_" + k.mode.String() + "_"
	}
	return k.typ.String() + "_"
}

// live reports whether a file of this kind does not count once its process is dead.
func (k kind) live() bool { return k.typ == gaugeType && k.mode.live() }

// perProcess reports whether each process's value is a series of its own.
func (k kind) perProcess() bool { return k.typ == gaugeType && k.mode.base() == gaugeAll }
