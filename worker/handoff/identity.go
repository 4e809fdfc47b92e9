package handoff

import (
	"fmt"
	"os"
	"strconv"
)

// Slot numbers the workers of a master, from 1 on. While a worker replaces another, two processes have the same slot.
type Slot int

// ExporterSlot is the slot of the exporter, which is no worker: it serves the metrics of workers that are another program.
const ExporterSlot Slot = 0

// Generation numbers the settings and programs with which a master has started workers, from 1 on.
type Generation int

// Identity identifies a worker.
type Identity struct {
	Slot       Slot
	ID         string     // unique among the running processes of a master: w1, or w1-1 while w1 drains; exporter
	Generation Generation // of the settings and the program that it was started with
}

// The variables that contain the identity.
const (
	slotVariable       = "MULTIPROC_SLOT"
	idVariable         = "MULTIPROC_ID"
	generationVariable = "MULTIPROC_GENERATION"
)

// identityFromEnviron returns the identity of this process, which is zero if a master did not start it.
func identityFromEnviron() (Identity, error) {
	id := os.Getenv(idVariable)
	if id == "" {
		return Identity{}, nil
	}
	slot, err := numberFromEnviron(slotVariable)
	if err != nil {
		return Identity{}, err
	}
	generation, err := numberFromEnviron(generationVariable)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Slot(slot), id, Generation(generation)}, nil
}

func numberFromEnviron(name string) (int, error) {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		return 0, fmt.Errorf("read the environment: %s: %w", name, err)
	}
	return n, nil
}

// IsExporter reports whether it is the identity of an exporter.
func (i Identity) IsExporter() bool { return i.ID != "" && i.Slot == ExporterSlot }

func (i Identity) environ() []string {
	return []string{
		slotVariable + "=" + strconv.Itoa(int(i.Slot)),
		idVariable + "=" + i.ID,
		generationVariable + "=" + strconv.Itoa(int(i.Generation)),
	}
}
