package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// reader reads files, and what they include, into one list of assignments.
type reader struct {
	sys         *System
	table       *table
	parsed      map[string]*file // by absolute path
	found       bool             // there is a file that could be opened
	shown       []string         // what faults call the files, in the order of reading
	assignments []assignment
	given       map[string]string // what the command line sets, by the name of the key
	above       map[string]string // what the files have set so far, likewise
	broken      map[string]bool   // keys whose value has a fault that was told
	used        map[string]bool   // what stands in a %(key)
	chain       []inclusion       // what is being read, from the first
	included    int
	incomplete  bool // a file is missing, and with it nobody knows what
	faults      []Fault
	notes       []Note
}

func newReader(sys *System, keys *table) *reader {
	return &reader{
		sys:    sys,
		table:  keys,
		parsed: map[string]*file{},
		given:  map[string]string{},
		above:  map[string]string{},
		broken: map[string]bool{},
		used:   map[string]bool{},
	}
}

func (r *reader) fault(origin Origin, format string, args ...any) {
	r.faults = append(r.faults, Fault{origin, fmt.Sprintf(format, args...)})
}

func (r *reader) note(origin Origin, format string, args ...any) {
	r.notes = append(r.notes, Note{origin, fmt.Sprintf(format, args...)})
}

// top reads a file of the command line.
func (r *reader) top(spec string) {
	name, section := splitSpec(spec)
	path, err := resolve(r.sys.Dir, name)
	if err != nil || path == "" {
		r.fault(Origin{}, "%s is no ini file", quoted(spec))
		return
	}
	r.read(inclusion{name: name, path: path, section: section}, Origin{Place: name})
}

// read reads a section. What is wrong with the file as a whole is said of asked, who wants it.
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
	if !r.choose(f, &i, asked) {
		r.incomplete = true
		return
	}
	r.chain = append(r.chain, i)
	for _, e := range i.entries {
		r.entry(e)
	}
	r.chain = r.chain[:len(r.chain)-1]
}

// parse gives nil where the file cannot be read.
func (r *reader) parse(i inclusion, asked Origin) *file {
	opened, err := r.sys.Open(i.path)
	if err != nil {
		what := ""
		if asked.Place != i.name || asked.Line != 0 {
			what = printable(i.path) + " "
		}
		r.fault(asked, "%scannot be opened: %v", what, cause(err))
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
	a := assignment{key: e.key, value: e.value, alone: e.alone, uwsgi: in.uwsgi, origin: Origin{in.name, e.line}}
	if err := a.unwrap(); err != nil {
		r.fault(a.origin, "%v", err)
		return
	}
	value, ok := r.expand(a, in.path)
	if !ok {
		return
	}
	a.value = value
	if a.key == "ini" || a.key == "include" {
		r.include(a.value, a.origin)
		return
	}
	name := r.table.canonical(a.key)
	r.above[name] = a.text()
	delete(r.broken, name)
	r.assignments = append(r.assignments, a)
}

// The sections that are read where nobody asks for another one. The first that is there wins.
const (
	ownSection   = "multiproc"
	uwsgiSection = "uwsgi"
)

// choose finds the entries of the section to read, and reports whether there is one.
func (r *reader) choose(f *file, i *inclusion, asked Origin) (ok bool) {
	if i.section != "" {
		i.uwsgi = i.section == uwsgiSection
		if i.entries, _, ok = f.find(i.section); !ok {
			r.fault(asked, "no section %s in %s: %s", printable("["+i.section+"]"), printable(i.name), f.inventory())
		}
		return ok
	}
	theirs, theirLine, isTheirs := f.find(uwsgiSection)
	own, ownLine, isOwn := f.find(ownSection)
	switch {
	case isOwn:
		i.entries = own
		if isTheirs {
			r.note(Origin{i.name, theirLine}, "[%s] is not read: [%s] stands in line %d", uwsgiSection, ownSection, ownLine)
		}
	case isTheirs:
		i.entries, i.uwsgi = theirs, true
	default:
		r.fault(asked, "no section [%s] or [%s] in %s: %s", ownSection, uwsgiSection, printable(i.name), f.inventory())
		return false
	}
	return true
}

// expand reports whether the value could be expanded. Those of ignored keys need not: they may be of a dialect of
// their own.
func (r *reader) expand(a assignment, ini string) (string, bool) {
	x := expander{sys: r.sys, ini: ini, lookup: r.lookup}
	value, err := x.expand(a.value)
	if err == nil {
		return value, true
	}
	if _, ignored := r.table.ignored(a.key); ignored {
		return "", true
	}
	if k, ok := r.table.find(a.key); ok && k.lenient {
		return a.value, true
	}
	r.broken[r.table.canonical(a.key)] = true
	if !errors.Is(err, errBroken) {
		r.faults = append(r.faults, a.fault(err))
	}
	return "", false
}

// errBroken is met by who uses the value of a key that has a fault: one line for both is enough.
var errBroken = errors.New("a key with a fault is used")

// lookup gives the value of a key for %(key): that of the command line, or else the last one above.
func (r *reader) lookup(key string) (string, error) {
	r.used[key] = true
	name := r.table.canonical(key)
	if value, ok := r.given[name]; ok {
		return value, nil
	}
	if r.broken[name] {
		return "", errBroken
	}
	if value, ok := r.above[name]; ok {
		return value, nil
	}
	mark := quoted("%(" + key + ")")
	if strings.ContainsAny(key, " \t") {
		return "", fmt.Errorf("%s is no key: there is no arithmetic, and %%%%( stands for %%(", mark)
	}
	if len(r.chain) > 0 {
		for _, e := range r.chain[len(r.chain)-1].entries {
			if r.table.canonical(e.key) == name {
				return "", fmt.Errorf("%s is set in line %d: it must stand above", mark, e.line)
			}
		}
	}
	return "", fmt.Errorf("%s is not set above, and %%%%( stands for %%(", mark)
}

// commandLine takes the settings of the command line, before any file is read.
func (r *reader) commandLine(settings []Setting) []assignment {
	var assignments []assignment
	for _, s := range settings {
		a := assignment{key: s.Key, value: s.Value, alone: s.Alone, placeholder: s.Placeholder, origin: s.Origin}
		value, ok := r.expand(a, "")
		if !ok {
			continue
		}
		a.value = value
		r.given[r.table.canonical(a.key)] = a.text()
		assignments = append(assignments, a)
	}
	return assignments
}
