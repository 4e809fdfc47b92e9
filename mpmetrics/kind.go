package mpmetrics

import dto "github.com/prometheus/client_model/go"

// metricType is the type of all metrics in a file.
type metricType uint8

const (
	counterType metricType = iota
	gaugeType
	histogramType
	summaryType
	metricTypes int = iota
)

func (t metricType) String() string {
	return [metricTypes]string{"counter", "gauge", "histogram", "summary"}[t]
}

func (t metricType) dto() dto.MetricType {
	return [metricTypes]dto.MetricType{
		dto.MetricType_COUNTER, dto.MetricType_GAUGE, dto.MetricType_HISTOGRAM, dto.MetricType_SUMMARY,
	}[t]
}

// reservedLabel is the label that exposition itself sets on metrics of a type.
func reservedLabel(t metricType) string {
	return [metricTypes]string{gaugeType: "pid", histogramType: "le", summaryType: "quantile"}[t]
}

// lineNames are the names that begin the lines of a family.
func lineNames(t metricType, family string) []string {
	switch t {
	case histogramType:
		return []string{family + "_bucket", family + "_sum", family + "_count"}
	case summaryType:
		return []string{family + "_sum", family + "_count"}
	}
	return []string{family}
}

// Mode says how the values that several processes give to one gauge become one value on the page.
// The modes are those of prometheus_client. The live ones leave out processes that are gone.
type Mode uint8

// Modes of gauges.
const (
	ModeAll            Mode = iota // each process's value, with the label pid
	ModeLiveAll                    // the same of living processes
	ModeMin                        // the smallest
	ModeLiveMin                    // the smallest of living processes
	ModeMax                        // the largest
	ModeLiveMax                    // the largest of living processes
	ModeSum                        // the sum
	ModeLiveSum                    // the sum of living processes
	ModeMostRecent                 // the one that was set last, by the clock of the machine
	ModeLiveMostRecent             // the one that was set last by a living process
	modes              int  = iota

	computed = Mode(modes) // by the reader: in no file
)

// String is the mode as names of files have it: livesum.
func (m Mode) String() string {
	if int(m) >= modes {
		return "computed"
	}
	return [modes]string{
		"all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent", "livemostrecent",
	}[m]
}

// live reports whether values of dead processes do not count.
func (m Mode) live() bool { return m%2 == 1 }

// merge is the mode without regard to who lives.
func (m Mode) merge() Mode { return m &^ 1 }

// kind is what all metrics in a file have in common. The mode of all but gauges is 0.
type kind struct {
	typ  metricType
	mode Mode
}

func (k kind) String() string {
	if k.typ == gaugeType {
		return k.mode.String() + " gauge"
	}
	return k.typ.String()
}

func (k kind) prefix() string {
	if k.typ == gaugeType {
		return "gauge_" + k.mode.String() + "_"
	}
	return k.typ.String() + "_"
}

// live reports whether a file of this kind does not count when its process is gone.
func (k kind) live() bool { return k.typ == gaugeType && k.mode.live() }

// perProcess reports whether each process's value is a series of its own.
func (k kind) perProcess() bool { return k.typ == gaugeType && k.mode.merge() == ModeAll }
