package master

import (
	"fmt"
	"testing"
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

func TestHistoryOfReloadsIsBounded(t *testing.T) {
	var h history
	for g := handoff.Generation(2); g < 100; g++ {
		h.reloaded(ReloadStatus{Generation: g, Outcome: RolledBack, Error: "exited"})
		h.explain(g, fmt.Sprintf("exited: error %d", g))
	}
	if len(h.reloads) != maxReloads || cap(h.reloads) > 2*maxReloads {
		t.Fatalf("%d reloads, capacity %d", len(h.reloads), cap(h.reloads))
	}
	for i, r := range h.reloads {
		g := handoff.Generation(100 - maxReloads + i)
		if r.Generation != g || r.Error != fmt.Sprintf("exited: error %d", g) {
			t.Errorf("at %d: %+v", i, r)
		}
	}
	h.explain(2, "too late") // it has been forgotten
	if last := h.reloads[maxReloads-1]; last.Error != "exited: error 99" {
		t.Errorf("%+v", last)
	}
}

// Workers run one after the other in a slot, and two at a time.
func TestHistoryOfSlots(t *testing.T) {
	m := &Master{children: map[fleet.Serial]*child{}, history: history{slots: map[handoff.Slot]past{}}}
	start := func(s fleet.Serial, slot handoff.Slot) {
		m.children[s] = &child{Process: &proc.Process{Identity: handoff.Identity{Slot: slot}}, before: m.history.started(slot)}
	}
	end := func(s fleet.Serial, slot handoff.Slot, why fleet.Reason, how fleet.Exit) {
		delete(m.children, s)
		m.remember(fleet.Ended{Serial: s, Identity: handoff.Identity{Slot: slot}, Reason: why, Exit: how})
	}
	mustBe := func(s fleet.Serial, starts int, last string) {
		t.Helper()
		before, got := m.children[s].before, ""
		if e := before.last; e != nil {
			got = e.Reason + ": " + e.How
			if age := time.Since(e.At); age < 0 || age > time.Minute {
				t.Errorf("it exited %s ago", age)
			}
		}
		if before.starts != starts || got != last {
			t.Errorf("worker %d: %d starts before it, last exit %q, want %d and %q", s, before.starts, got, starts, last)
		}
	}
	start(1, 1)
	start(2, 2)
	mustBe(1, 0, "")
	mustBe(2, 0, "")
	end(1, 1, fleet.ReasonCrash, fleet.Exit{Status: 9})
	start(3, 1)
	mustBe(3, 1, "crash: was killed by signal 9 (killed)")
	mustBe(2, 0, "")

	// A successor that fails does not belong to the history of the worker that it was to replace.
	start(4, 1)
	end(4, 1, fleet.ReasonRollback, fleet.Exit{Status: 1 << 8})
	mustBe(3, 1, "crash: was killed by signal 9 (killed)")
	start(5, 1)
	mustBe(5, 3, "rollback: exited with code 1")
	end(3, 1, fleet.ReasonReload, fleet.Exit{})
	mustBe(5, 3, "reload: exited with code 0")

	// A failure to start does not count as a start, but explains why the slot is empty.
	m.remember(fleet.Ended{Serial: 6, Identity: handoff.Identity{Slot: 2}, Reason: fleet.ReasonCrash, Exit: fleet.Exit{Err: fmt.Errorf("no\x1b[2J\nmemory")}})
	mustBe(2, 0, "")
	start(7, 2)
	mustBe(7, 1, "crash: could not be started: no\uFFFD[2J memory")
}
