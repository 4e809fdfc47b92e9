package mpmetrics

import "runtime/debug"

// tries bounds how often a reading begins anew because files are cut short under it.
const maxReads = 3

// reading is one reading of the directory for all who asked before it began.
type collection struct {
	done    chan struct{}
	holders int32
	values  *values
}

// read gives a snapshot that was read after the call began. The caller must release it.
func (c *Collector) acquire() *values {
	c.mu.Lock()
	r := c.pending
	if r != nil {
		r.holders++
		c.mu.Unlock()
		<-r.done
		return r.values
	}
	r = &collection{done: make(chan struct{}), holders: 1}
	c.pending = r
	c.mu.Unlock()

	c.directory.Lock()
	defer c.directory.Unlock()
	defer close(r.done)
	c.mu.Lock()
	c.pending = nil // who comes from here on wants a later one
	c.mu.Unlock()
	r.values = c.readFiles()
	r.values.holders.Store(r.holders)
	return r.values
}

func (c *Collector) release(s *values) {
	if s.holders.Add(-1) == 0 {
		c.valuesPool.Put(s)
	}
}

func (c *Collector) readFiles() *values {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	s, ok := c.valuesPool.Get().(*values)
	if !ok {
		s = &values{}
	}
	for try := 1; ; try++ {
		changed, fault := c.refresh()
		if changed || c.layout == nil {
			c.updateLayout(fault)
		}
		cut := c.layout.read(s)
		if len(cut) == 0 {
			return s
		}
		// What was cut short since it was looked at is in part missing: once more, and in the end without it.
		for _, source := range cut {
			source.unmap()
			if try == maxReads {
				source.faults = []*Fault{source.fault(ReasonDamaged, errShrunk)}
			}
		}
		c.layout = nil
		if try == maxReads {
			c.updateLayout(fault)
			c.layout.read(s)
			return s
		}
	}
}

func (c *Collector) updateLayout(fault *Fault) {
	c.layout = newPageLayout(c.order, fault)
	c.logFaults(c.layout.faults)
	c.prune()
}
