package config

import (
	"slices"
	"strings"
	"unicode"
)

// contents are the texts of files in @(file). They may be secret, and a path may be a mistake, so no fault, no note and
// no list of settings shows them.
type contents struct {
	texts []string
	keys  map[string]bool   // names of the keys whose value has one
	in    map[Origin]string // the keys of these values, by their places
}

// concealed stands for a text.
const concealed = "@(…)"

// add records the value of an assignment.
func (c *contents) add(name string, a assignment, texts []string) {
	if c.keys == nil {
		c.keys, c.in = map[string]bool{}, map[Origin]string{}
	}
	c.keys[name], c.in[a.Origin] = true, printable(a.Key)
	c.texts = append(c.texts, texts...)
	slices.SortStableFunc(c.texts, func(a, b string) int { return len(b) - len(a) }) // a text may be a part of another
}

// hide returns the remark without the texts.
func (c *contents) hide(r Remark) Remark {
	r.Message = c.replace(r.Message)
	if key, has := c.in[r.Origin]; has && c.quotes(r.Message) {
		r.Message = key + ": the value with the text of a file, " + concealed + ", does not fit"
	}
	return r
}

// conceal returns the setting without the texts.
func (c *contents) conceal(e Effective) Effective {
	if _, has := c.in[e.Origin]; !has {
		e.Value = c.replace(e.Value)
		return e
	}
	before := e.Value
	for _, text := range c.texts {
		if text != "" {
			e.Value = strings.ReplaceAll(e.Value, text, concealed)
		}
	}
	if e.Value == before || c.quotes(e.Value) {
		e.Value = concealed // numbers and paths are formatted
	}
	return e
}

// replace replaces the texts in a message about something else, except short ones, which can match by chance.
func (c *contents) replace(message string) string {
	const long = 8
	for _, text := range c.texts {
		if len(text) >= long {
			message = strings.ReplaceAll(message, text, concealed)
		}
	}
	return message
}

// quotes reports whether a message has a word of a text: a value is not always quoted as a whole.
func (c *contents) quotes(message string) bool {
	const long, enough = 3, 16 // bytes; messages cut off long values
	other := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for _, text := range c.texts {
		for word := range strings.FieldsFuncSeq(text, other) {
			if len(word) >= long && strings.Contains(message, word[:min(len(word), enough)]) {
				return true
			}
		}
	}
	return false
}
