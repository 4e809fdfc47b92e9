package mpmetrics

import (
	"cmp"
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
			if s.image != nil {
				sc.mapped++
			}
		}
		if counts := !s.Live() || c.alive(d, s.ID, alive); counts != s.counts {
			s.counts = counts
			changed = true
		}
	}
	return changed, nil
}

// list updates the sources from the directory's listing and reports whether it has changed.
func (c *Collector) list(d dir.Dir) (changed bool, err error) {
	c.listings++
	before := len(c.sources)
	seen := 0
	err = d.List(c.dirents, func(name []byte, inode uint64, typ uint8) {
		if len(name) < len(format.FileSuffix) || string(name[len(name)-len(format.FileSuffix):]) != format.FileSuffix {
			return
		}
		if c.only != nil && !slices.Contains(c.only, string(name)) {
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
	})
	if err != nil {
		return false, err
	}
	if seen != before || changed {
		changed = true
		c.order = c.order[:0]
		for name, s := range c.sources {
			if s.seen != c.listings {
				s.unmap()
				delete(c.sources, name)
				c.removed++
				continue
			}
			c.order = append(c.order, s)
		}
		slices.SortFunc(c.order, func(a, b *source) int { return cmp.Compare(a.file, b.file) })
	}
	return changed, nil
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
