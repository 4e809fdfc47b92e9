package mpmetrics

import (
	"regexp"
	"strings"
)

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

// Mode says how the values that several processes give to one gauge become one value on the page.
// The modes are those of prometheus_client. The live ones leave out processes that are gone.
type Mode uint8

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

func (k kind) prefix() string {
	if k.typ == gaugeType {
		return "gauge_" + k.mode.String() + "_"
	}
	return k.typ.String() + "_"
}

// live reports whether a file of this kind does not count when its process is gone.
func (k kind) live() bool { return k.typ == gaugeType && k.mode.live() }

// fileName is the name of a metric file, taken apart.
type fileName struct {
	kind
	id string // of the process
}

const fileSuffix = ".db"

func (n fileName) String() string { return n.prefix() + n.id + fileSuffix }

// parseFileName accepts any id that is not empty: other libraries choose theirs freely.
func parseFileName(name string) (fileName, bool) {
	rest, ok := strings.CutSuffix(name, fileSuffix)
	if !ok {
		return fileName{}, false
	}
	head, id, _ := strings.Cut(rest, "_")
	n := fileName{id: id}
	switch head {
	case "counter":
		n.typ = counterType
	case "histogram":
		n.typ = histogramType
	case "summary":
		n.typ = summaryType
	case "gauge":
		n.typ = gaugeType
		mode, id, _ := strings.Cut(id, "_")
		for int(n.mode) < modes && n.mode.String() != mode {
			n.mode++
		}
		if int(n.mode) == modes {
			return fileName{}, false
		}
		n.id = id
	default:
		return fileName{}, false
	}
	return n, n.id != ""
}

// validID tells the ids that every reader of the directory takes: an underscore breaks prometheus_client's.
var validID = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
