package config

import (
	"strings"

	"github.com/xrash/smetrics"
)

// table is the table of keys, indexed.
type table struct {
	keys     []Key
	byName   map[string]int // index of a key, by its name and its aliases
	exact    map[string]IgnoredKey
	prefixes []IgnoredKey // names without the star
	names    []string     // for suggestions
}

func newTable() *table {
	t := &table{
		keys:   Keys(),
		byName: map[string]int{},
		exact:  map[string]IgnoredKey{},
		names:  []string{"ini", "include", "set"}, // not keys: they take effect where they stand
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
			t.exact[k.Name] = k
		}
	}
	return t
}

// find returns the key with a name or an alias.
func (t *table) find(name string) (Key, bool) {
	i, ok := t.byName[name]
	if !ok {
		return Key{}, false
	}
	return t.keys[i], true
}

// canonical returns the name of the key with an alias, and any other text unchanged.
func (t *table) canonical(name string) string {
	if k, ok := t.find(name); ok {
		return k.Name
	}
	return name
}

// ignored returns the row of a key of uWSGI's that is ignored.
func (t *table) ignored(name string) (IgnoredKey, bool) {
	if k, ok := t.exact[name]; ok {
		return k, true
	}
	for _, k := range t.prefixes {
		if strings.HasPrefix(name, k.Name) {
			return k, true
		}
	}
	return IgnoredKey{}, false
}

// nearest returns the candidate that word most likely stands for, or nothing.
func nearest(word string, candidates []string) string {
	word = strings.ReplaceAll(strings.ToLower(word), "_", "-")
	best, least := "", 1+max(2, len(word)/4) // a quarter may be wrong, and two letters may be swapped
	for _, candidate := range candidates {
		if d := smetrics.WagnerFischer(word, candidate, 1, 1, 1); d < min(least, len(word)) {
			best, least = candidate, d
		}
	}
	return best
}

// suggestion returns the end of a message about an unknown word, if there is a word like it.
func suggestion(word, dashes string, candidates []string) string {
	if best := nearest(word, candidates); best != "" {
		return ": did you mean " + dashes + best + "?"
	}
	return ""
}
