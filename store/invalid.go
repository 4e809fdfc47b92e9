package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// InvalidError is the error of something that cannot be stored: all its invalid fields, of which there is at least one.
type InvalidError struct{ Fields []FieldError }

// FieldError is the problem of a field, such as "is empty", which follows the field's name, such as "amount".
type FieldError struct{ Field, Problem string }

// Error returns all problems in one line.
func (e *InvalidError) Error() string {
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Field + ": " + f.Problem
	}
	return strings.Join(texts, "; ")
}

// What the texts of an entity may have at most: characters of a name and of a description, bytes and depth of params.
const (
	maxName        = 200
	maxDescription = 10_000
	maxParams      = 64 << 10
	maxDepth       = 100
)

// faults gathers what is wrong with the fields of one thing.
type faults []FieldError

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, FieldError{field, fmt.Sprintf(format, args...)})
}

// err is nil if nothing was found.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	return &InvalidError{f}
}

// text finds fault with what is no text, or too long in characters. It is stored as given.
func (f *faults) text(field, value string, most int) {
	switch {
	case !utf8.ValidString(value):
		f.add(field, "is not valid UTF-8")
	case strings.ContainsRune(value, 0):
		f.add(field, "has a NUL character")
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
	// Two names that look alike would be two series of metrics.
	trimmed := strings.TrimSpace(value)
	if c, _ := utf8.DecodeRuneInString(trimmed); unseen(c) {
		f.add(field, "begins with U+%04X, which one does not see", c)
		return
	}
	if c, _ := utf8.DecodeLastRuneInString(trimmed); unseen(c) && !endsEmoji(c) {
		f.add(field, "ends with U+%04X, which one does not see", c)
		return
	}
	f.text(field, value, maxName)
}

// visible is whether a character shows, also beside others: no space, control or format, and none that is there to be ignored.
func visible(c rune) bool {
	const brailleBlank = '\u2800'
	return unicode.IsGraphic(c) && !unicode.IsSpace(c) && c != brailleBlank &&
		!unicode.In(c, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// unseen is whether a character is neither visible nor a space, nor a control.
func unseen(c rune) bool { return !visible(c) && !unicode.IsSpace(c) && !unicode.IsControl(c) }

// endsEmoji is whether a character that one does not see may be the last of an emoji, and then tells how that looks.
func endsEmoji(c rune) bool {
	const firstTag, lastTag = '\U000e0020', '\U000e007f'
	return unicode.Is(unicode.Variation_Selector, c) || firstTag <= c && c <= lastTag
}

// params finds fault with what is no JSON object, or one too large or too deep for those who read it.
func (f *faults) params(field string, value json.RawMessage) {
	switch {
	case len(value) > maxParams:
		f.add(field, "has more than %d bytes", maxParams)
	case !utf8.Valid(value) || !json.Valid(value) || strings.TrimLeft(string(value), " \t\r\n")[0] != '{':
		f.add(field, "is not a JSON object")
	case depth(value) > maxDepth:
		f.add(field, "is nested more than %d deep", maxDepth)
	}
}

// depth is how deep valid JSON is nested.
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
