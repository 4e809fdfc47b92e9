package mpmetrics

import "runtime/debug"

// tries bounds how often a reading begins anew because files are cut short under it.
const tries = 3

// reading is one reading of the directory for all who asked before it began.
type reading struct {
	done     chan struct{}
	holders  int32
	snapshot *snapshot
}

// read gives a snapshot that was read after the call began. The caller must release it.
func (c *Collector) read() *snapshot {
	c.mu.Lock()
	r := c.pending
	if r != nil {
		r.holders++
		c.mu.Unlock()
		<-r.done
		return r.snapshot
	}
	r = &reading{done: make(chan struct{}), holders: 1}
	c.pending = r
	c.mu.Unlock()

	c.directory.Lock()
	defer c.directory.Unlock()
	defer close(r.done)
	c.mu.Lock()
	c.pending = nil // who comes from here on wants a later one
	c.mu.Unlock()
	r.snapshot = c.readDirectory()
	r.snapshot.holders.Store(r.holders)
	return r.snapshot
}

func (c *Collector) release(s *snapshot) {
	if s.holders.Add(-1) == 0 {
		c.snapshots.Put(s)
	}
}

func (c *Collector) readDirectory() *snapshot {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	s, ok := c.snapshots.Get().(*snapshot)
	if !ok {
		s = &snapshot{}
	}
	for try := 1; ; try++ {
		changed, fault := c.refresh()
		if changed || c.plan == nil {
			c.makePlan(fault)
		}
		cut := c.plan.readInto(s)
		if len(cut) == 0 {
			return s
		}
		// What was cut short since it was looked at is in part missing: once more, and in the end without it.
		for _, source := range cut {
			source.unmap()
			if try == tries {
				source.faults = []*Fault{source.fault(ReasonDamaged, errShrunk)}
			}
		}
		c.plan = nil
		if try == tries {
			c.makePlan(fault)
			c.plan.readInto(s)
			return s
		}
	}
}

func (c *Collector) makePlan(fault *Fault) {
	c.plan = makePlan(c.order, fault)
	c.tell(c.plan.faults)
	c.prune()
}
