package mpmetrics

import dto "github.com/prometheus/client_model/go"

// Mode says how the values that several processes give to one gauge become one value on the page. The modes are those of
// prometheus_client. The live ones leave out the values of dead processes.
type Mode gaugeMode

// Modes of gauges.
const (
	ModeAll            = Mode(gaugeAll)            // each process's value, with its id in the label pid
	ModeLiveAll        = Mode(gaugeLiveAll)        // the same for live processes
	ModeMin            = Mode(gaugeMin)            // the smallest value
	ModeLiveMin        = Mode(gaugeLiveMin)        // the smallest value of live processes
	ModeMax            = Mode(gaugeMax)            // the largest value
	ModeLiveMax        = Mode(gaugeLiveMax)        // the largest value of live processes
	ModeSum            = Mode(gaugeSum)            // the sum
	ModeLiveSum        = Mode(gaugeLiveSum)        // the sum over live processes
	ModeMostRecent     = Mode(gaugeMostRecent)     // the value set last, by the machine's clock
	ModeLiveMostRecent = Mode(gaugeLiveMostRecent) // the value set last by a live process
)

// String returns the mode as file names have it, as in livesum.
func (m Mode) String() string { return gaugeMode(m).String() }

// dtoType returns the type as client_golang has it.
func dtoType(t metricType) dto.MetricType {
	return [metricTypes]dto.MetricType{
		dto.MetricType_COUNTER, dto.MetricType_GAUGE, dto.MetricType_HISTOGRAM, dto.MetricType_SUMMARY,
	}[t]
}

// reservedLabel returns the label that exposition itself sets on metrics of a type, or "".
func reservedLabel(t metricType) string {
	return [metricTypes]string{gaugeType: "pid", histogramType: "le", summaryType: "quantile"}[t]
}

// lineNames returns the names that begin the lines of a family on the page.
func lineNames(t metricType, family string) []string {
	switch t {
	case histogramType:
		return []string{family + "_bucket", family + "_sum", family + "_count"}
	case summaryType:
		return []string{family + "_sum", family + "_count"}
	}
	return []string{family}
}
