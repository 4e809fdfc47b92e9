package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// maxIncludes bounds the number of inclusions: in a chain of files that each include the next one twice, it doubles with every
// file. A file that includes itself is a fault anyway.
const maxIncludes = 256

// inclusion is a section that is being read.
type inclusion struct {
	name    string // of the file, for faults
	path    string // absolute
	written string // the path as it was given; empty for another section of the same file
	section string // empty: the usual one
	uwsgi   bool   // uWSGI reads it, too
	entries []entry
}

// String returns the argument that would read it.
func (i inclusion) String() string {
	if i.section == "" {
		return printable(i.name)
	}
	return printable(i.name + ":" + i.section)
}

// magic returns the text of a percent sign and this letter.
func (i *inclusion) magic(letter byte) string {
	dir, base := filepath.Split(i.path) // dir ends with a slash
	extension := filepath.Ext(base)
	parents := strings.FieldsFunc(dir, func(r rune) bool { return r == '/' })
	switch letter {
	case 'p':
		return i.path
	case 'd':
		return dir
	case 's': // the file's name
		return base
	case 'n': // without extension
		return strings.TrimSuffix(base, extension)
	case 'e':
		return strings.TrimPrefix(extension, ".")
	case 'o':
		return i.written
	case 'x':
		return i.section
	case 'c': // the name of its directory
		if len(parents) > 0 {
			return parents[len(parents)-1]
		}
	default: // the n-th directory from the root
		if n := int(letter - '0'); n < len(parents) {
			return parents[n]
		}
	}
	return ""
}

// splitSpec splits "path:section". A section has no slash, so a path can have a colon before one.
func splitSpec(spec string) (path, section string) {
	colon := strings.LastIndexByte(spec, ':')
	if colon < 0 || strings.ContainsRune(spec[colon:], '/') {
		return spec, ""
	}
	return spec[:colon], spec[colon+1:]
}

// reader reads files and their includes into one list of assignments.
type reader struct {
	remarks
	sys         *system
	table       *table
	parsed      map[string]*file // by absolute path
	found       bool             // a file could be opened
	shown       []string         // names of the files in faults, in reading order
	assignments []assignment
	given       map[string]string     // values from the command line, by the name of the key
	above       map[string]string     // values from the files so far, by the name of the key
	first       map[string]assignment // the first of each key in the files, by the key as it is written
	last        map[string]Origin     // of the values in above
	broken      map[string]bool       // keys whose value has a reported fault
	used        map[string]bool       // keys used by a %(key)
	chain       []inclusion           // the files being read, the first one first
	included    int
	contents    contents
	incomplete  bool // a file is missing, so any key may be
	condition   condition
	linked      map[string]bool // paths whose symbolic link is noted already
}

func newReader(sys *system, keys *table) *reader {
	return &reader{
		sys:    sys,
		table:  keys,
		parsed: map[string]*file{},
		given:  map[string]string{},
		above:  map[string]string{},
		first:  map[string]assignment{},
		last:   map[string]Origin{},
		linked: map[string]bool{},
		broken: map[string]bool{},
		used:   map[string]bool{},
	}
}

// top reads a file from the command line.
func (r *reader) top(spec string) {
	name, section := splitSpec(spec)
	path, err := resolve(r.sys.Dir, name)
	if err != nil || path == "" {
		r.fault(Origin{}, "%s is not an ini file", quoted(spec))
		return
	}
	r.read(inclusion{name: name, path: path, written: name, section: section}, Origin{Place: name})
}

// read reads a section. Faults of the file as a whole are reported at asked, which names it.
func (r *reader) read(i inclusion, asked Origin) {
	f, ok := r.parsed[i.path]
	if !ok {
		f = r.parse(i, asked)
		r.parsed[i.path] = f
	}
	if f == nil {
		return
	}
	if !slices.Contains(r.shown, i.name) {
		r.shown = append(r.shown, i.name)
	}
	if f.lost && len(f.sections) == 0 || !r.choose(f, &i, asked) {
		r.incomplete = true
		return
	}
	r.chain = append(r.chain, i)
	for _, e := range i.entries {
		r.entry(e)
	}
	r.chain = r.chain[:len(r.chain)-1]
}

// parse returns nil if the file cannot be read.
func (r *reader) parse(i inclusion, asked Origin) *file {
	opened, err := r.sys.Open(i.path)
	if err != nil {
		name := ""
		if asked.Place != i.name || asked.Line != 0 {
			name = printable(i.path) + " "
		}
		r.fault(asked, "%scannot be opened: %v", name, unread(i.written, err))
		r.incomplete = true
		return nil
	}
	defer opened.Close()
	r.found = true
	f, faults := parse(i.name, opened)
	r.faults = append(r.faults, faults...)
	r.incomplete = r.incomplete || f == nil
	return f
}

func (r *reader) entry(e entry) {
	in := r.chain[len(r.chain)-1]
	conditional, reported := r.condition.enter(e.key)
	if reported {
		return
	}
	a := assignment{
		Setting:     Setting{Key: e.key, Value: e.value, Alone: e.alone, Origin: Origin{in.name, e.line}},
		uwsgi:       in.uwsgi,
		commented:   commentSign(e.value),
		conditional: conditional,
	}
	if in.uwsgi && a.spaced() {
		r.note(a.Origin, "%s: uWSGI takes the spaces around the second equals sign for parts of name and value", a.Key)
	}
	if err := a.unwrap(); err != nil {
		r.fault(a.Origin, "%v", err)
		return
	}
	name := r.table.canonical(a.Key)
	if conditional { // a reference to its value has no fault of its own
		defer func() { r.broken[name] = true }()
	}
	value, ok := r.expand(a)
	if !ok {
		return
	}
	a.Value = value
	if a.Key == "ini" || a.Key == "include" {
		if a.commented != 0 {
			r.faults = append(r.faults, a.fault(fmt.Errorf("%s is not a file", quoted(a.Value))))
			return
		}
		r.include(a.Value, a.Origin)
		return
	}
	r.above[name], r.last[name] = a.text(), a.Origin
	if _, ok := r.first[a.Key]; !ok {
		r.first[a.Key] = a
	}
	delete(r.broken, name)
	r.assignments = append(r.assignments, a)
}

// include reads the file that a line of the current file names. A path is relative to the current file; without a path it is
// another section of it.
func (r *reader) include(spec string, origin Origin) {
	from := r.chain[len(r.chain)-1]
	name, section := splitSpec(spec)
	if name == "" && section == "" {
		r.fault(origin, "missing file name")
		return
	}
	to := inclusion{name: from.name, path: from.path, written: name, section: section, uwsgi: from.uwsgi}
	if name != "" {
		// No error: the including file has an absolute path.
		to.path, _ = resolve(filepath.Dir(from.path), name)
		to.name = name
		if !filepath.IsAbs(name) {
			to.name = filepath.Join(filepath.Dir(from.name), name)
			if from.uwsgi && filepath.Dir(from.path) != r.sys.Dir {
				r.note(origin, "%s is relative to this file's directory, in uWSGI to the working directory", printable(name))
			}
		}
	}
	same := func(i inclusion) bool { return i.path == to.path && i.section == to.section }
	switch r.included++; {
	case slices.ContainsFunc(r.chain, same):
		r.fault(origin, "includes itself: %s", r.chainTo(to))
	case r.included == maxIncludes+1:
		r.fault(origin, "more than %d includes", maxIncludes)
	case r.included > maxIncludes:
		// reported before
	default:
		r.read(to, origin)
	}
}

// chainTo lists the files being read, the first one first, and the next one.
func (r *reader) chainTo(to inclusion) string {
	var names []string
	for _, i := range r.chain {
		names = append(names, i.String())
	}
	return strings.Join(append(names, to.String()), " -> ")
}

// The sections that are read by default. The first one that exists wins.
const (
	ownSection   = "multiproc"
	uwsgiSection = "uwsgi"
)

// choose finds the entries of the section to read and reports whether it exists.
func (r *reader) choose(f *file, i *inclusion, asked Origin) (ok bool) {
	if i.section != "" {
		i.uwsgi = i.section == uwsgiSection || i.uwsgi && i.section != ownSection
		if i.entries, _, ok = f.find(i.section); !ok {
			r.fault(asked, "no section %s in %s: %s", printable("["+i.section+"]"), printable(i.name), f.inventory())
		}
		return ok
	}
	theirs, theirLine, isTheirs := f.find(uwsgiSection)
	own, ownLine, isOwn := f.find(ownSection)
	switch {
	case isOwn:
		i.entries, i.uwsgi = own, false
		if isTheirs {
			r.note(Origin{i.name, theirLine}, "[%s] is not read, because [%s] is in line %d", uwsgiSection, ownSection, ownLine)
		}
	case isTheirs:
		i.entries, i.uwsgi = theirs, true
	default:
		r.fault(asked, "no section [%s] or [%s] in %s: %s", ownSection, uwsgiSection, printable(i.name), f.inventory())
		return false
	}
	return true
}

// expand reports whether the value could be expanded. Values of uWSGI's keys need not be: some have their own syntax.
func (r *reader) expand(a assignment) (string, bool) {
	hidden := false
	x := expander{sys: r.sys, lookup: func(key string) (string, error) {
		hidden = hidden || r.contents.keys[r.table.canonical(key)]
		return r.lookup(key, a)
	}}
	if len(r.chain) > 0 {
		x.first, x.ini = &r.chain[0], &r.chain[len(r.chain)-1]
	}
	value, err := x.expand(a.Value)
	if hidden || len(x.files) > 0 {
		r.contents.add(r.table.canonical(a.Key), a, x.files)
	}
	_, theirs := r.table.theirs(a.Key)
	switch k, ok := r.table.find(a.Key); {
	case err == nil:
		r.noteReferences(a, x)
		return value, true
	case theirs || ok && k.template:
		return a.Value, true
	}
	r.broken[r.table.canonical(a.Key)] = true
	if !errors.Is(err, errBroken) {
		r.faults = append(r.faults, a.fault(err))
	}
	return "", false
}

// noteReferences reports references that uWSGI replaces by another text.
func (r *reader) noteReferences(a assignment, x expander) {
	if !a.uwsgi {
		return
	}
	if x.beside {
		r.note(a.Origin, "%s: the file in @() is relative to this file's directory, in uWSGI to the working directory", printable(a.Key))
	}
	if x.escaped {
		r.note(a.Origin, "%s: a doubled sign before a parenthesis is a literal one here; uWSGI replaces the reference all the same", printable(a.Key))
	}
	if x.located {
		r.noteLink(a, filepath.Dir(x.ini.path), x.ini.path)
		r.noteLink(a, filepath.Dir(x.first.path), x.first.path)
	}
	if x.working {
		r.noteLink(a, r.sys.Dir, r.sys.Dir)
	}
}

// noteLink reports, once, a directory with a symbolic link in its path: uWSGI follows them. It leaves the path of an ini file alone if
// the file itself is a link.
func (r *reader) noteLink(a assignment, dir, path string) {
	if r.linked[path] {
		return
	}
	real, errDir := r.sys.RealPath(dir)
	file, errFile := r.sys.RealPath(path)
	if errDir != nil || errFile != nil || real == dir || path != dir && file != filepath.Join(real, filepath.Base(path)) {
		return
	}
	r.linked[path] = true
	r.note(a.Origin, "%s: the directory is %s here; uWSGI follows links, to %s", printable(a.Key), printable(dir), printable(real))
}

// errBroken means that the value uses a key with a fault, which is reported once.
var errBroken = errors.New("uses a key with a fault")

// lookup returns the value of a key for %(key) in a: from the command line, or else the last one above.
func (r *reader) lookup(key string, a assignment) (string, error) {
	r.used[key] = true
	name := r.table.canonical(key)
	if value, ok := r.given[name]; ok {
		return value, nil
	}
	if r.broken[name] || key == "_" && r.condition.open { // %(_) is the value that a loop is at
		return "", errBroken
	}
	if value, ok := r.above[name]; ok {
		switch first, ok := r.first[key]; {
		case ok && first.text() != value:
			r.note(a.Origin, "%s: %%(%s) is its last value above, from %s; uWSGI takes the first one, from %s",
				printable(a.Key), printable(key), r.last[name], first.Origin)
		case !a.uwsgi:
		case !ok:
			r.note(a.Origin, "%s: %%(%s) is the value of its other name, from %s; uWSGI does not replace it",
				printable(a.Key), printable(key), r.last[name])
		case first.Alone:
			r.note(a.Origin, "%s: %%(%s) is true; uWSGI replaces it by nothing, since %s has no value", printable(a.Key), printable(key), first.Origin)
		}
		return value, nil
	}
	mark := quoted("%(" + key + ")")
	if strings.ContainsAny(key, " \t") {
		return "", fmt.Errorf("%s is not a key: there is no arithmetic; write %%%%( for a literal %%(", mark)
	}
	if len(r.chain) > 0 {
		for _, e := range r.chain[len(r.chain)-1].entries {
			if r.table.canonical(e.key) == name {
				return "", fmt.Errorf("%s is set in line %d, but must be set above", mark, e.line)
			}
		}
	}
	return "", fmt.Errorf("%s is not set above; write %%%%( for a literal %%(", mark)
}

// commandLine expands the settings from the command line. It must run before a file is read.
func (r *reader) commandLine(settings []Setting) []assignment {
	var assignments []assignment
	for _, s := range settings {
		a := assignment{Setting: s}
		value, ok := r.expand(a)
		if !ok {
			continue
		}
		a.Value = value
		r.given[r.table.canonical(a.Key)] = a.text()
		assignments = append(assignments, a)
	}
	return assignments
}
