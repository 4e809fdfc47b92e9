package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// What files can include at most. A file that includes itself is told anyway; these stop a few files that multiply.
const (
	maxIncludes = 256 // in all
	maxDepth    = 16  // of files that include files
)

// inclusion is a section that is being read.
type inclusion struct {
	name    string // of the file, as faults call it
	path    string // absolute
	section string // empty: the usual ones
	uwsgi   bool   // it is the one that uWSGI reads
	entries []entry
}

// String is what would be given to read it.
func (i inclusion) String() string {
	if i.section == "" {
		return printable(i.name)
	}
	return printable(i.name + ":" + i.section)
}

// splitSpec takes "path:section" apart. A section has no slash, so that a path may have a colon before one.
func splitSpec(spec string) (path, section string) {
	colon := strings.LastIndexByte(spec, ':')
	if colon < 0 || strings.ContainsRune(spec[colon:], '/') {
		return spec, ""
	}
	return spec[:colon], spec[colon+1:]
}

// include reads what a line of the file being read asks for. A path is relative to that file; without a path it is
// another section of it.
func (r *reader) include(spec string, origin Origin) {
	from := r.chain[len(r.chain)-1]
	name, section := splitSpec(spec)
	if name == "" && section == "" {
		r.fault(origin, "which file?")
		return
	}
	to := inclusion{name: from.name, path: from.path, section: section}
	if name != "" {
		// Never empty: the including file has a path.
		to.path, _ = resolve(filepath.Dir(from.path), name)
		to.name = name
		if !filepath.IsAbs(name) {
			to.name = filepath.Join(filepath.Dir(from.name), name)
		}
	}
	same := func(i inclusion) bool { return i.path == to.path && i.section == to.section }
	switch r.included++; {
	case slices.ContainsFunc(r.chain, same):
		r.fault(origin, "includes itself: %s", r.chainTo(to))
	case len(r.chain) == maxDepth:
		r.fault(origin, "more than %d files deep: %s", maxDepth, r.chainTo(to))
	case r.included == maxIncludes+1:
		r.fault(origin, "more than %d inclusions", maxIncludes)
	case r.included > maxIncludes:
		// It was said.
	default:
		r.read(to, origin)
	}
}

// chainTo names what is being read, from the first, and what would be next.
func (r *reader) chainTo(to inclusion) string {
	var names []string
	for _, i := range r.chain {
		names = append(names, i.String())
	}
	return strings.Join(append(names, to.String()), " -> ")
}
