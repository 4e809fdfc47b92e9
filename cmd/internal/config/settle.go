package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// settler gives every key its value.
type settler struct {
	sys     *System
	table   *table
	config  *Config
	origins map[string][]Origin // of each value of a key, by the key's name; none where it is the default
	tried   map[string]bool     // keys that somebody set, be it wrongly
	used    map[string]bool     // what stands in a %(key)
	unknown []assignment
	faults  []Fault
	notes   []Note
}

func newSettler(sys *System, keys *table, used, tried map[string]bool) *settler {
	return &settler{
		sys:     sys,
		table:   keys,
		config:  defaults(keys),
		origins: map[string][]Origin{},
		tried:   tried,
		used:    used,
	}
}

// defaults sets what the table says; what it does not is computed at the end.
func defaults(t *table) *Config {
	c := new(Config)
	for _, k := range t.keys {
		if k.Default == "" {
			continue
		}
		if err := k.bind(target{c, new(System)}).set(k.Default); err != nil {
			panic(fmt.Sprintf("BUG: default of %s: %v", k.Name, err))
		}
	}
	return c
}

func (s *settler) fault(origin Origin, format string, args ...any) {
	s.faults = append(s.faults, Fault{origin, fmt.Sprintf(format, args...)})
}

func (s *settler) note(origin Origin, format string, args ...any) {
	s.notes = append(s.notes, Note{origin, fmt.Sprintf(format, args...)})
}

// assignAll takes what the files say, and then what the command line says, which replaces it.
func (s *settler) assignAll(files, commandLine []assignment) {
	beaten := map[string]bool{}
	for _, a := range commandLine {
		if k, ok := s.table.find(a.key); ok && !k.adds {
			beaten[k.Name] = true
		}
	}
	scratch := new(Config) // what is beaten is checked all the same
	seen := map[string]Origin{}
	for _, a := range files {
		k, ok := s.find(a)
		if !ok {
			continue
		}
		if at, ok := seen[k.Name]; ok && !k.Repeatable {
			s.note(a.origin, "%s replaces the value from %s", a.key, at)
		}
		seen[k.Name] = a.origin
		if beaten[k.Name] {
			s.set(scratch, k, a)
		} else {
			s.set(s.config, k, a)
		}
	}
	for _, a := range commandLine {
		if k, ok := s.find(a); ok {
			s.set(s.config, k, a)
		}
	}
}

// assignPresets takes what holds where neither files nor the command line have the key, be it wrongly.
func (s *settler) assignPresets(presets []Setting) {
	said := maps.Clone(s.tried)
	for _, p := range presets {
		a := assignment{key: p.Key, value: p.Value, alone: p.Alone, origin: p.Origin}
		if k, ok := s.find(a); ok && !said[k.Name] {
			s.set(s.config, k, a)
		}
	}
}

// find gives the key that is set, or says what else it is.
func (s *settler) find(a assignment) (Key, bool) {
	k, ok := s.table.find(a.key)
	switch {
	case ok && a.placeholder:
		s.fault(a.origin, "%s is a key and cannot be a placeholder", a.key)
		return k, false
	case ok:
		if a.key != k.Name {
			s.note(a.origin, "%s is another name of %s", a.key, k.Name)
		}
		if a.uwsgi && a.key == "socket" && strings.ContainsRune(a.value, '/') && !strings.HasPrefix(a.value, fdScheme) {
			s.note(a.origin, "socket speaks HTTP, not uWSGI's protocol: nginx needs proxy_pass here, not uwsgi_pass")
		}
		return k, true
	}
	if ignored, ok := s.table.ignored(a.key); ok {
		s.note(a.origin, "%s is ignored: %s", a.key, ignored.Reason)
	} else if why, refused := refusal(a.key); refused {
		s.fault(a.origin, "%s is not supported: %s", a.key, why)
	} else {
		s.unknown = append(s.unknown, a) // strict may come later
	}
	return Key{}, false
}

func (s *settler) set(c *Config, k Key, a assignment) {
	s.tried[k.Name] = true
	text := a.value
	if a.alone {
		if text = k.alone; text == "" {
			s.fault(a.origin, "%s: a value is missing: %s = %s", a.key, a.key, k.Kind)
			return
		}
	}
	v := k.bind(target{c, s.sys})
	before := v.texts()
	if err := v.set(text); err != nil {
		s.faults = append(s.faults, a.fault(err))
		return
	}
	if c == s.config {
		s.origins[k.Name] = trace(s.origins[k.Name], a.origin, before, v.texts())
	}
}

// trace gives the origins of the values after an assignment at origin: each one that is new or has changed is from
// there, and a single one is, though it may be the same as before.
func trace(origins []Origin, origin Origin, before, after []string) []Origin {
	if len(after) <= 1 {
		return []Origin{origin}
	}
	origins = slices.Clone(origins[:min(len(origins), len(before))])
	for i := range after {
		if i >= len(before) {
			origins = append(origins, origin)
		} else if after[i] != before[i] {
			origins[i] = origin
		}
	}
	return origins
}

// origin is where a key was set last, or the default.
func (s *settler) origin(key string) Origin {
	if origins := s.origins[key]; len(origins) > 0 {
		return origins[len(origins)-1]
	}
	return Origin{}
}

// isSet reports whether somebody set a key, and not wrongly.
func (s *settler) isSet(key string) bool { return len(s.origins[key]) > 0 }

// failed reports whether a key was only set wrongly: it has its default, which nobody meant.
func (s *settler) failed(key string) bool { return s.tried[key] && !s.isSet(key) }

// judgeUnknown says of each unknown key what it is, now that it is known which are used and how strict to be.
func (s *settler) judgeUnknown() {
	for _, a := range s.unknown {
		switch {
		case s.used[a.key] || a.placeholder:
			s.note(a.origin, "%s is a placeholder", printable(a.key))
		case s.config.Strict:
			s.fault(a.origin, "unknown key %s%s", quoted(a.key), suggestion(a.key, "", s.table.names))
		default:
			s.note(a.origin, "unknown key %s is ignored, because strict is false%s", quoted(a.key), suggestion(a.key, "", s.table.names))
		}
	}
}

// effective lists the value of every key.
func (s *settler) effective() []Effective {
	var all []Effective
	for _, k := range s.table.keys {
		texts := k.bind(target{s.config, s.sys}).texts()
		if len(texts) == 0 {
			all = append(all, Effective{k.Name, "", s.origin(k.Name)})
		}
		for i, text := range texts {
			var origin Origin
			if i < len(s.origins[k.Name]) {
				origin = s.origins[k.Name][i]
			}
			all = append(all, Effective{k.Name, text, origin})
		}
	}
	return all
}

// inOrder gives a function that compares origins: files in the order in which they were read, by line, then the
// command line, and then what has no origin.
func inOrder(files []string) func(a, b Origin) int {
	rank := func(o Origin) int {
		if o == (Origin{}) {
			return len(files) + 1
		}
		if i := slices.Index(files, o.Place); i >= 0 {
			return i
		}
		return len(files)
	}
	return func(a, b Origin) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Line, b.Line)) }
}
