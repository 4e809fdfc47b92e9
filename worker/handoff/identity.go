package handoff

import (
	"fmt"
	"os"
	"strconv"
)

// Slot is a place for a worker, from 1 on. While one worker takes over from another, two processes carry one slot.
type Slot int

// Generation counts the settings and programs that a master has started workers with, from 1 on.
type Generation int

// Identity is who a worker is.
type Identity struct {
	Slot       Slot       // the worker's place
	ID         string     // unique among the living workers of a master: w1, or w1-1 while w1 drains
	Generation Generation // of the settings and the program that it was started with
}

// The variables of a worker's environment that say who it is.
const (
	slotVariable       = "MULTIPROC_SLOT"
	idVariable         = "MULTIPROC_ID"
	generationVariable = "MULTIPROC_GENERATION"
)

// identityFromEnviron is who this process is. A process that no master started has the zero identity. Variables that are
// there and make no sense are an error.
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

func (i Identity) environ() []string {
	return []string{
		slotVariable + "=" + strconv.Itoa(int(i.Slot)),
		idVariable + "=" + i.ID,
		generationVariable + "=" + strconv.Itoa(int(i.Generation)),
	}
}
