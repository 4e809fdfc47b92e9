package api

import (
	"strings"
	"testing"
)

// TestHostileObjects: what is wrong with a body is looked for up to a bound, however often it is wrong.
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

// TestHostileArrays: nor is it looked for in each element.
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
