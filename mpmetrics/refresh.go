package mpmetrics

import (
	"cmp"
	"fmt"
	"slices"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// refresh brings all sources up to date and reports whether the layout must change.
func (c *Collector) refresh() (changed bool, fault *Fault) {
	failed := func(err error) (bool, *Fault) {
		c.forget()
		return true, &Fault{"", -1, ReasonDirectory, err}
	}
	d, err := dir.Open(c.path)
	if err != nil {
		return failed(err)
	}
	defer d.Close()
	st, err := d.StatSelf()
	if err != nil {
		return failed(err)
	}
	if id := osfile.IDFromStat(&st); id != c.id {
		c.forget()
		c.id = id
	}
	if changed, err = c.list(d); err != nil {
		return failed(err)
	}
	sc := &scan{dir: d, now: c.now(), strict: st.Mode&0o022 != 0, owner: st.Uid}
	alive := map[string]bool{}
	var like [format.Types * format.Modes][]entry
	for _, s := range c.order {
		if !s.foreign {
			table := &like[int(s.Type)*format.Modes+int(s.Mode)]
			changed = s.refresh(sc, &c.known[s.Type], *table) || changed
			if len(s.table) > 0 {
				*table = s.table
			}
		}
		if counts := !s.Live() || c.alive(d, s.ID, alive); counts != s.counts {
			s.counts = counts
			changed = true
		}
	}
	if c.leftOut > 0 {
		fault = &Fault{"", -1, ReasonLimit, limitError{c.maxFiles, c.leftOut}}
	}
	return changed, fault
}

// maxFiles is the number of files that are read at most. Linux allows a process 65,530 mappings, including those of the Go runtime.
const maxFiles = 1 << 15

// limitError is the error of a fault for files that are not read because there are too many.
type limitError struct{ max, leftOut int }

func (e limitError) Error() string {
	return fmt.Sprintf("too many metric files: the first %d by name are read, %d are left out", e.max, e.leftOut)
}

// list updates the sources from the directory's listing and reports whether they have changed. Of too many files it takes the
// first by name, so that all readers of the directory take the same ones.
func (c *Collector) list(d dir.Dir) (changed bool, err error) {
	leftOut := c.leftOut
	changed, err = c.listUpTo(d)
	if err == nil && c.leftOut > 0 && len(c.order) < c.maxFiles {
		// Files were removed: others follow the last one.
		c.last = ""
		changed, err = c.listUpTo(d)
	}
	return changed || c.leftOut != leftOut, err
}

// listUpTo is list for the files up to the last one by name, if there are too many.
func (c *Collector) listUpTo(d dir.Dir) (changed bool, err error) {
	c.listings++
	before := len(c.sources)
	seen := 0
	c.leftOut = 0
	err = d.List(c.dirents, func(name []byte, inode uint64, typ uint8) {
		if len(name) < len(format.FileSuffix) || string(name[len(name)-len(format.FileSuffix):]) != format.FileSuffix {
			return
		}
		if c.only != nil && !slices.Contains(c.only, string(name)) {
			return
		}
		if c.last != "" && string(name) > c.last {
			c.leftOut++
			return
		}
		seen++
		s := c.sources[string(name)]
		if s == nil || s.inode != inode || s.listed != typ {
			if s != nil {
				s.unmap()
				c.removed++
			}
			s = newSource(string(name), inode, typ)
			c.sources[s.file] = s
			changed = true
		}
		s.seen = c.listings
		if seen >= 2*c.maxFiles { // before they fill the memory
			c.takeListed()
			seen = len(c.order)
		}
	})
	if err != nil {
		return false, err
	}
	if seen != before || changed {
		changed = true
		c.takeListed()
		for _, s := range c.sources {
			if s.seen != c.listings {
				c.drop(s)
			}
		}
	}
	if c.leftOut == 0 {
		c.last = ""
	}
	return changed, nil
}

// takeListed sets the order to the sources of the current listing, and drops those that are too many.
func (c *Collector) takeListed() {
	c.order = c.order[:0]
	for _, s := range c.sources {
		if s.seen == c.listings {
			c.order = append(c.order, s)
		}
	}
	slices.SortFunc(c.order, func(a, b *source) int { return cmp.Compare(a.file, b.file) })
	if len(c.order) <= c.maxFiles {
		return
	}
	for _, s := range c.order[c.maxFiles:] {
		c.drop(s)
		c.leftOut++
	}
	clear(c.order[c.maxFiles:])
	c.order = c.order[:c.maxFiles]
	c.last = c.order[len(c.order)-1].file
}

func (c *Collector) drop(s *source) {
	s.unmap()
	delete(c.sources, s.file)
	c.removed++
}

// alive reports whether the process of an id is alive, as far as can be known. Ids without a lock file belong to other
// libraries, which remove the files of their dead processes themselves.
func (c *Collector) alive(d dir.Dir, id string, known map[string]bool) bool {
	alive, ok := known[id]
	if !ok {
		held, err := d.IsHeld(id)
		alive = held || err != nil
		known[id] = alive
	}
	return alive
}
