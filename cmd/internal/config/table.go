package config

import "strings"

// table is the table of keys, made ready for looking things up.
type table struct {
	keys     []Key
	byName   map[string]int // index of a key for its name and each of its aliases
	leftOut  map[string]IgnoredKey
	prefixes []IgnoredKey // without the star
	names    []string     // for suggestions
}

func newTable() *table {
	t := &table{
		keys:    Keys(),
		byName:  map[string]int{},
		leftOut: map[string]IgnoredKey{},
		names:   []string{"ini", "include", "set"}, // which are no keys: they act where they stand
	}
	for i, k := range t.keys {
		t.byName[k.Name] = i
		t.names = append(t.names, k.Name)
		for _, alias := range k.Aliases {
			t.byName[alias] = i
			t.names = append(t.names, alias)
		}
	}
	for _, k := range Ignored() {
		if prefix, ok := strings.CutSuffix(k.Name, "*"); ok {
			k.Name = prefix
			t.prefixes = append(t.prefixes, k)
		} else {
			t.leftOut[k.Name] = k
		}
	}
	return t
}

// find gives the key of a name or an alias.
func (t *table) find(name string) (Key, bool) {
	i, ok := t.byName[name]
	if !ok {
		return Key{}, false
	}
	return t.keys[i], true
}

// canonical gives the name of a key for an alias, and leaves other texts alone.
func (t *table) canonical(name string) string {
	if k, ok := t.find(name); ok {
		return k.Name
	}
	return name
}

// ignored gives the row of uWSGI's key, where it is one that is ignored.
func (t *table) ignored(name string) (IgnoredKey, bool) {
	if k, ok := t.leftOut[name]; ok {
		return k, true
	}
	for _, k := range t.prefixes {
		if strings.HasPrefix(name, k.Name) {
			return k, true
		}
	}
	return IgnoredKey{}, false
}
