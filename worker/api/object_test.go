package api

import (
	"strings"
	"testing"
)

// TestHostileObjects: the search for faults in an object is bounded.
func TestHostileObjects(t *testing.T) {
	for name, member := range map[string]string{"unknown": `"":0,`, "known": `"api":0,`, "escaped": `"~/ %":0,`} {
		body := "{" + strings.Repeat(member, maxBody/len(member)-1)
		v, err := parse([]byte(body[:len(body)-1] + "}"))
		if err != nil {
			t.Fatal(err)
		}
		var f faults
		n := testing.AllocsPerRun(1, func() {
			f = faults{}
			readTransactions(v, &f)
		})
		if !f.full() || n > 20*maxFaults {
			t.Errorf("%s: %d faults, %v allocations", name, f.found, n)
		}
	}
}

// TestHostileArrays: the search for faults in an array is bounded.
func TestHostileArrays(t *testing.T) {
	v, err := parse([]byte("[" + strings.Repeat("0,", maxBody/2-1) + "0]"))
	if err != nil {
		t.Fatal(err)
	}
	var f faults
	if list := readTransactions(v, &f); len(list) != 0 || f.found != maxFaults+1 {
		t.Errorf("%d transactions, %d faults", len(list), f.found)
	}
}
