package format

import (
	"regexp"
	"strings"
)

// FileName is the parsed name of a metric file.
type FileName struct {
	Kind
	ID string // of the process
}

// FileSuffix ends the name of every metric file.
const FileSuffix = ".db"

// String returns the file name.
func (n FileName) String() string { return n.Prefix() + n.ID + FileSuffix }

// ParseFileName reports false if the name is not one of a metric file. It accepts any id that is not empty, since other
// libraries choose theirs freely; see ValidID.
func ParseFileName(name string) (FileName, bool) {
	rest, ok := strings.CutSuffix(name, FileSuffix)
	if !ok {
		return FileName{}, false
	}
	head, id, _ := strings.Cut(rest, "_")
	n := FileName{ID: id}
	switch head {
	case "counter":
		n.Type = Counter
	case "histogram":
		n.Type = Histogram
	case "summary":
		n.Type = Summary
	case "gauge":
		n.Type = Gauge
		mode, id, _ := strings.Cut(id, "_")
		for int(n.Mode) < Modes && n.Mode.String() != mode {
			n.Mode++
		}
		if int(n.Mode) == Modes {
			return FileName{}, false
		}
		n.ID = id
	default:
		return FileName{}, false
	}
	return n, n.ID != ""
}

// ValidID reports whether every reader of the directory takes an id: it consists of letters, digits, dots and dashes. An
// underscore would break prometheus_client.
func ValidID(id string) bool { return idPattern.MatchString(id) }

var idPattern = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
