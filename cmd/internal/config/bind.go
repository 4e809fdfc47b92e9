package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// binder binds every key to its field.
type binder struct {
	remarks
	sys     *system
	table   *table
	config  *Config
	origins map[string][]Origin // of each value of a key, by the name of the key; none for the default
	tried   map[string]bool     // keys that are set, even if wrongly
	used    map[string]bool     // keys used by a %(key)
	unknown []assignment

	speaksHTTP bool // uWSGI speaks it at socket, too
}

func newBinder(sys *system, keys *table, used, tried map[string]bool) *binder {
	return &binder{
		sys:     sys,
		table:   keys,
		config:  newConfig(keys),
		origins: map[string][]Origin{},
		tried:   tried,
		used:    used,
	}
}

// newConfig returns a Config with the defaults of the table. Other defaults depend on the rest; see setDefaults.
func newConfig(t *table) *Config {
	c := new(Config)
	for _, k := range t.keys {
		if k.Default == "" {
			continue
		}
		if err := k.bind(target{c, new(system)}).set(k.Default); err != nil {
			panic(fmt.Sprintf("BUG: default of %s: %v", k.Name, err))
		}
	}
	return c
}

// assign sets the keys of the files and then those of the command line, which replace them.
func (b *binder) assign(files, commandLine []assignment) {
	replaced := map[string]bool{}
	for _, a := range commandLine {
		if k, ok := b.table.find(a.Key); ok && !k.adds {
			replaced[k.Name] = true
		}
	}
	scratch := new(Config) // values that are replaced are checked too
	seen := map[string]Origin{}
	b.speaksHTTP = slices.ContainsFunc(files, func(a assignment) bool {
		return (a.Key == "protocol" || a.Key == "socket-protocol") && strings.HasPrefix(a.Value, "http")
	})
	for _, a := range files {
		k, ok := b.find(a)
		if !ok {
			continue
		}
		if at, ok := seen[k.Name]; ok && !k.Repeatable && !a.conditional {
			b.note(a.Origin, "%s replaces the value from %s", a.Key, at)
		}
		seen[k.Name] = a.Origin
		if replaced[k.Name] || a.conditional {
			b.set(scratch, k, a)
		} else {
			b.set(b.config, k, a)
		}
	}
	for _, a := range commandLine {
		if k, ok := b.find(a); ok {
			b.set(b.config, k, a)
		}
	}
	b.noteLate(files)
}

// assignPresets sets keys that neither the files nor the command line set, even wrongly.
func (b *binder) assignPresets(presets []Setting) {
	set := maps.Clone(b.tried)
	for _, p := range presets {
		a := assignment{Setting: p}
		if k, ok := b.find(a); ok && !set[k.Name] {
			b.set(b.config, k, a)
		}
	}
}

// find returns the key of an assignment. If there is none, it reports the reason.
func (b *binder) find(a assignment) (Key, bool) {
	k, ok := b.table.find(a.Key)
	switch {
	case ok && a.Placeholder:
		b.fault(a.Origin, "%s is a key, so it cannot be a placeholder", a.Key)
		return k, false
	case ok && k.template && strings.Contains(a.Value, "%("):
		b.note(a.Origin, "%s is ignored: it is a template of uWSGI's, where %s can be %s", a.Key, k.Name, k.Kind)
		return k, false
	case ok:
		if a.Key != k.Name {
			b.note(a.Origin, "%s is another name of %s", a.Key, k.Name)
		}
		if a.uwsgi && a.Key == "socket" && !b.speaksHTTP {
			b.note(a.Origin, "socket speaks HTTP, not uWSGI's protocol: use proxy_pass instead of uwsgi_pass in nginx")
		}
		if a.uwsgi && k.Kind == kindAddress {
			b.noteAddress(a)
		}
		return k, true
	}
	switch theirs, ok := b.table.verdict(a.Key, a.Value); {
	case !ok:
		b.unknown = append(b.unknown, a) // strict may be set later
	case theirs.Refused:
		b.fault(a.Origin, "%s is not supported: %s", a.Key, theirs.Reason)
	default:
		b.note(a.Origin, "%s is ignored: %s", a.Key, theirs.Reason)
	}
	return Key{}, false
}

func (b *binder) set(c *Config, k Key, a assignment) {
	b.tried[k.Name] = true
	text := a.Value
	if a.Alone {
		text = k.alone
	}
	v := k.bind(target{c, b.sys})
	before := v.texts()
	err := v.set(text)
	if a.Origin.Line != 0 && (a.Alone && text == "" || errors.Is(err, errEmpty)) {
		example := k.Kind
		if example == kindBoolean {
			example = "true"
		}
		err = fmt.Errorf("%w: use %s = %s", errEmpty, a.Key, example)
	}
	if err != nil {
		b.faults = append(b.faults, a.fault(err))
		return
	}
	b.noteComment(a)
	if k.Name != "command" && isQuoted(text) {
		b.note(a.Origin, "%s: the quotes belong to the value", a.Key)
	}
	if k.Name != "command" && strings.Contains(text, "${") {
		b.note(a.Origin, "%s: ${ belongs to the value: %s", a.Key, ownVariable)
	}
	b.noteReading(k, a, text)
	b.noteDifference(k, a)
	if c == b.config {
		b.origins[k.Name] = trace(b.origins[k.Name], a.Origin, before, v.texts())
	}
}

// noteAddress reports an address that uWSGI reads differently.
func (b *binder) noteAddress(a assignment) {
	switch colon := strings.ContainsRune(a.Value, ':'); {
	case strings.HasPrefix(a.Value, ":"):
		b.note(a.Origin, "%s: %s is on IPv6 too, in uWSGI on IPv4 only: use 0.0.0.0%[2]s for that", a.Key, a.Value)
	case colon && (strings.HasPrefix(a.Value, "/") || strings.HasPrefix(a.Value, ".") || strings.HasPrefix(a.Value, "@")):
		b.note(a.Origin, "%s: uWSGI takes a path with a colon for a TCP address", a.Key)
	}
}

// noteComment reports a text with an apparent comment in it.
func (b *binder) noteComment(a assignment) {
	if a.commented != 0 {
		b.note(a.Origin, `%s: the text from " %c" on belongs to the value: %s`, printable(a.Key), a.commented, ownLine)
	}
}

// trace returns the origins of the values after an assignment at origin, which is the origin of new and changed values, and of a
// single value even if it is the same.
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

// origin returns the last origin of a key.
func (b *binder) origin(key string) Origin {
	if origins := b.origins[key]; len(origins) > 0 {
		return origins[len(origins)-1]
	}
	return Origin{}
}

// isSet reports whether a key is set, not counting wrong values.
func (b *binder) isSet(key string) bool { return len(b.origins[key]) > 0 }

// failed reports whether a key has only wrong values: it has its default, which was not intended.
func (b *binder) failed(key string) bool { return b.tried[key] && !b.isSet(key) }

// reportUnknown reports unknown keys. It depends on strict, and on the keys that are used as placeholders.
func (b *binder) reportUnknown() {
	for _, a := range b.unknown {
		hint := b.table.suggestion(a.Key, "")
		word, value, _ := strings.Cut(a.Key, ":")
		_, own := b.table.find(word)
		_, theirs := b.table.theirs(word)
		switch {
		case commentSign(a.Key) != 0: // after a key without a value
			hint = ": " + ownLine
		case a.Alone && (own || theirs):
			hint = fmt.Sprintf(": write %s = %s", word, printable(strings.TrimSpace(value)))
		}
		switch {
		case b.used[a.Key] || a.Placeholder:
			b.note(a.Origin, "%s is a placeholder", printable(a.Key))
			b.noteComment(a)
		case b.config.Strict:
			b.fault(a.Origin, "unknown key %s%s", quoted(a.Key), hint)
		default:
			b.note(a.Origin, "unknown key %s is ignored because strict is false%s", quoted(a.Key), hint)
		}
	}
}

// effective returns the values of every key.
func (b *binder) effective() []Effective {
	var all []Effective
	for _, k := range b.table.keys {
		texts := k.bind(target{b.config, b.sys}).texts()
		if len(texts) == 0 {
			all = append(all, Effective{k.Name, "", b.origin(k.Name)})
		}
		for i, text := range texts {
			var origin Origin
			if i < len(b.origins[k.Name]) {
				origin = b.origins[k.Name][i]
			}
			all = append(all, Effective{k.Name, text, origin})
		}
	}
	return all
}

// inOrder returns a function that compares origins: files in reading order, by line, then the command line, then no origin.
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
