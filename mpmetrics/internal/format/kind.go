package format

// Type is the type of all metrics in a file.
type Type uint8

// Metric types.
const (
	Counter Type = iota
	Gauge
	Histogram
	Summary
	Types int = iota // their number
)

// String returns the type as file names and TYPE lines have it: counter, gauge, histogram, summary.
func (t Type) String() string {
	return [Types]string{"counter", "gauge", "histogram", "summary"}[t]
}

// Mode determines how the values that several processes give to one gauge are merged.
type Mode uint8

// Modes of gauges. Each is followed by its live form, in which values of dead processes do not count.
const (
	All Mode = iota
	LiveAll
	Min
	LiveMin
	Max
	LiveMax
	Sum
	LiveSum
	MostRecent
	LiveMostRecent
	Modes int = iota // their number

	Computed = Mode(Modes) // of a gauge that the reader computes and no file holds
)

// String returns the mode as file names have it, as in livesum.
func (m Mode) String() string {
	if int(m) >= Modes {
		return "computed"
	}
	return [Modes]string{
		"all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent", "livemostrecent",
	}[m]
}

// Live reports whether values of dead processes do not count.
func (m Mode) Live() bool { return m%2 == 1 }

// Base returns the mode without regard to live processes: Sum for LiveSum and Sum.
func (m Mode) Base() Mode { return m &^ 1 }

// Kind has the properties that all metrics in a file share. The mode is 0 unless the type is gauge.
type Kind struct {
	Type Type
	Mode Mode
}

// String returns the kind for messages: "counter", "livesum gauge".
func (k Kind) String() string {
	if k.Type == Gauge {
		return k.Mode.String() + " gauge"
	}
	return k.Type.String()
}

// Prefix returns the part of a file's name before the id, as in gauge_livesum_.
func (k Kind) Prefix() string {
	if k.Type == Gauge {
		return "gauge_" + k.Mode.String() + "_"
	}
	return k.Type.String() + "_"
}

// Live reports whether a file of this kind does not count once its process is dead.
func (k Kind) Live() bool { return k.Type == Gauge && k.Mode.Live() }

// PerProcess reports whether each process's value is a series of its own.
func (k Kind) PerProcess() bool { return k.Type == Gauge && k.Mode.Base() == All }
