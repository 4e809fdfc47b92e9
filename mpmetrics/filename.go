package mpmetrics

import (
	"regexp"
	"strings"
)

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
		for int(n.mode) < gaugeModes && n.mode.String() != mode {
			n.mode++
		}
		if int(n.mode) == gaugeModes {
			return fileName{}, false
		}
		n.id = id
	default:
		return fileName{}, false
	}
	return n, n.id != ""
}

// validID reports whether an id is one that every reader of the directory takes: letters, digits, dots and dashes. An
// underscore would break prometheus_client.
func validID(id string) bool { return idPattern.MatchString(id) }

var idPattern = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
