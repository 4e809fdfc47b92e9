package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits, in characters of a name and a description, and in bytes and levels of params.
const (
	maxName        = 200
	maxDescription = 10_000
	maxParams      = 64 << 10
	maxDepth       = 100
)

// faults collects the invalid fields of one object.
type faults []FieldError

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, FieldError{field, fmt.Sprintf(format, args...)})
}

// err returns an *InvalidError, or nil if there are no faults.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &InvalidError{f}
}

// text checks a text, which is stored as given, and its length in characters.
func (f *faults) text(field, value string, most int) {
	switch {
	case !utf8.ValidString(value):
		f.add(field, "is not valid UTF-8")
	case strings.ContainsRune(value, 0):
		f.add(field, "contains a NUL character")
	case len(value) > most && utf8.RuneCountInString(value) > most:
		f.add(field, "has more than %d characters", most)
	}
}

func (f *faults) name(field, value string) {
	if strings.TrimSpace(value) == "" {
		f.add(field, "is empty")
		return
	}
	if utf8.ValidString(value) && strings.IndexFunc(value, visible) < 0 {
		f.add(field, "has no visible character")
		return
	}
	// Names that look alike would be confused in lists and in metrics.
	trimmed := strings.TrimSpace(value)
	if c, _ := utf8.DecodeRuneInString(trimmed); unseen(c) {
		f.add(field, "begins with U+%04X, which is invisible", c)
		return
	}
	if c, _ := utf8.DecodeLastRuneInString(trimmed); unseen(c) && !endsEmoji(c) {
		f.add(field, "ends with U+%04X, which is invisible", c)
		return
	}
	f.text(field, value, maxName)
}

// visible reports whether a character is visible: neither a space nor a control or format character, nor one that renderers
// ignore by default.
func visible(c rune) bool {
	const brailleBlank = '\u2800'
	return unicode.IsGraphic(c) && !unicode.IsSpace(c) && c != brailleBlank &&
		!unicode.In(c, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// unseen reports whether a character is neither visible nor a space nor a control character.
func unseen(c rune) bool { return !visible(c) && !unicode.IsSpace(c) && !unicode.IsControl(c) }

// endsEmoji reports whether an invisible character may be the last of an emoji, whose look it changes.
func endsEmoji(c rune) bool {
	const firstTag, lastTag = '\U000e0020', '\U000e007f'
	return unicode.Is(unicode.Variation_Selector, c) || firstTag <= c && c <= lastTag
}

// params checks that a text is a JSON object. Its depth is limited because parsers limit it, SQLite's to 1,000 levels.
func (f *faults) params(field string, value json.RawMessage) {
	switch {
	case len(value) > maxParams:
		f.add(field, "has more than %d bytes", maxParams)
	case !utf8.Valid(value) || !json.Valid(value) || strings.TrimLeft(string(value), " \t\r\n")[0] != '{':
		f.add(field, "is not a JSON object")
	case depth(value) > maxDepth:
		f.add(field, "has more than %d nested levels", maxDepth)
	}
}

// depth returns the number of nested levels of valid JSON.
func depth(value []byte) int {
	now, most := 0, 0
	for inString, i := false, 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '"':
			inString = !inString
		case inString:
			if c == '\\' {
				i++
			}
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}
