package mpmetrics

import (
	"errors"
	"fmt"
	"slices"

	"multiproc/mpmetrics/internal/format"
)

// names are the exposed names of a Writer's families. Two families with one name would be one on the page.
type names map[string]*claimed

// claimed is what families of one name must agree in, as client_golang's registry has it. They must differ in the
// values of their constant labels.
type claimed struct {
	kind        format.Kind
	name        string
	help        string
	labelNames  string
	constLabels []string
}

func (n names) claim(exposed []string, c claimed) error {
	var same *claimed
	for _, name := range exposed {
		other := n[name]
		switch {
		case other == nil:
		case other.name != c.name || other.kind != c.kind:
			return fmt.Errorf("the name %s is taken by the %s %q", name, other.kind.Type, other.name)
		case other.help != c.help || other.labelNames != c.labelNames:
			return errors.New("the same name was given another help text or other labels before")
		case slices.Contains(other.constLabels, c.constLabels[0]):
			return errors.New("it exists already")
		default:
			same = other
		}
	}
	if same != nil {
		same.constLabels = append(same.constLabels, c.constLabels...)
		return nil
	}
	for _, name := range exposed {
		n[name] = &c
	}
	return nil
}

// exposedNames are all the names that a family takes on the page and in the file.
func exposedNames(t format.Type, family string) []string {
	switch t {
	case format.Counter:
		return []string{family, family + "_total"}
	case format.Gauge:
		return []string{family}
	default:
		return append(lineNames(t, family), family)
	}
}
