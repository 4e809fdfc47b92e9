package mpmetrics

import "runtime/debug"

// maxReads bounds how often the directory is read again because files are truncated meanwhile.
const maxReads = 3

// collection is one reading of the directory, for all callers that asked before it began.
type collection struct {
	done    chan struct{}
	holders int32 // callers so far
	values  *values
}

// acquire returns values that were read after the call began. The caller must release them.
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
	c.pending = nil // callers from now on need a newer reading
	c.mu.Unlock()
	r.values = c.readFiles()
	r.values.holders.Store(r.holders)
	return r.values
}

func (c *Collector) release(v *values) {
	if v.holders.Add(-1) == 0 {
		c.valuesPool.Put(v)
	}
}

func (c *Collector) readFiles() *values {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	v, ok := c.valuesPool.Get().(*values)
	if !ok {
		v = &values{}
	}
	for try := 1; ; try++ {
		changed, fault := c.refresh()
		if changed || c.layout == nil {
			c.updateLayout(fault)
		}
		truncated := v.read(c.layout)
		if len(truncated) == 0 {
			return v
		}
		// Part of the values of truncated files is missing: read again, and in the end without these files.
		for _, s := range truncated {
			s.unmap()
			if try == maxReads {
				s.faults = []*Fault{s.fault(ReasonDamaged, errTruncated)}
			}
		}
		c.layout = nil
		if try == maxReads {
			c.updateLayout(fault)
			v.read(c.layout)
			return v
		}
	}
}

func (c *Collector) updateLayout(fault *Fault) {
	c.layout = newPageLayout(c.order, fault)
	c.logFaults(c.layout.faults)
	c.prune()
}
