package mpmetrics

import (
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

// Mode determines how the values that several processes give to one gauge are merged on the page. The modes are those of
// prometheus_client. The live ones leave out the values of dead processes.
type Mode format.Mode

// Modes of gauges.
const (
	ModeAll            = Mode(format.All)            // each process's value, with its id in the label pid
	ModeLiveAll        = Mode(format.LiveAll)        // the same for live processes
	ModeMin            = Mode(format.Min)            // the smallest value
	ModeLiveMin        = Mode(format.LiveMin)        // the smallest value of live processes
	ModeMax            = Mode(format.Max)            // the largest value
	ModeLiveMax        = Mode(format.LiveMax)        // the largest value of live processes
	ModeSum            = Mode(format.Sum)            // the sum
	ModeLiveSum        = Mode(format.LiveSum)        // the sum over live processes
	ModeMostRecent     = Mode(format.MostRecent)     // the value set last, by the machine's clock
	ModeLiveMostRecent = Mode(format.LiveMostRecent) // the value set last by a live process
)

// String returns the mode as file names have it, as in livesum.
func (m Mode) String() string { return format.Mode(m).String() }

// dtoType returns the type as client_golang has it.
func dtoType(t format.Type) dto.MetricType {
	return [format.Types]dto.MetricType{
		dto.MetricType_COUNTER, dto.MetricType_GAUGE, dto.MetricType_HISTOGRAM, dto.MetricType_SUMMARY,
	}[t]
}

// reservedLabel returns the label that exposition itself sets on metrics of a type, or "".
func reservedLabel(t format.Type) string {
	return [format.Types]string{format.Gauge: "pid", format.Histogram: "le", format.Summary: "quantile"}[t]
}

// lineNames returns the names that begin the lines of a family on the page.
func lineNames(t format.Type, family string) []string {
	switch t {
	case format.Histogram:
		return []string{family + "_bucket", family + "_sum", family + "_count"}
	case format.Summary:
		return []string{family + "_sum", family + "_count"}
	}
	return []string{family}
}

// labelsOf are labels as client_golang has them.
func labelsOf(pairs []*dto.LabelPair) []format.Label {
	labels := make([]format.Label, len(pairs))
	for i, p := range pairs {
		labels[i] = format.Label{Name: p.GetName(), Value: p.GetValue()}
	}
	return labels
}
