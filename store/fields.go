package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"multiproc/internal/invisible"
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

// name checks a name as it was given, before anything is trimmed. Two names that look alike would be confused in lists, in metrics and
// in exports, so a name neither begins nor ends with an invisible character, and within it such a character must change how
// its neighbours look.
func (f *faults) name(field, value string) {
	const unseen = "U+%04X, which is invisible"
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	hidden, isHidden := hiddenWithin(value)
	switch {
	case value == "":
		f.add(field, "is empty")
	case !utf8.ValidString(value):
		f.add(field, "is not valid UTF-8")
	case len(value) > maxName && utf8.RuneCountInString(value) > maxName:
		f.add(field, "has more than %d characters", maxName)
	case strings.IndexFunc(value, visible) < 0:
		f.add(field, "has no visible character")
	case first == ' ':
		f.add(field, "begins with a space")
	case !visible(first):
		f.add(field, "begins with "+unseen, first)
	case last == ' ':
		f.add(field, "ends with a space")
	case !visible(last):
		f.add(field, "ends with "+unseen, last)
	case isHidden:
		f.add(field, "contains "+unseen, hidden)
	default:
		f.normal(field, value)
	}
}

// normal refuses a name that is not in NFC: é as one character and as e with an accent look alike.
func (f *faults) normal(field, value string) {
	if !norm.NFC.IsNormalString(value) {
		f.add(field, "is not in Unicode's normal form NFC, in which an accented letter is one character")
	}
}

func visible(c rune) bool { return !invisible.Is(c) }

// hiddenWithin returns the first invisible character of a name, apart from spaces, that does not change how the name looks.
func hiddenWithin(name string) (hidden rune, found bool) {
	before := rune(0)
	for i, c := range name {
		if !visible(c) && !unicode.Is(unicode.Zs, c) && !invisible.Joins(before, c) && !isKeycap(before, name[i:]) {
			return c, true
		}
		before = c
	}
	return 0, false
}

// isKeycap reports whether a character and the rest of the name after it begin with a keycap emoji, such as 1️⃣.
func isKeycap(before rune, rest string) bool {
	return strings.ContainsRune("0123456789#*", before) && strings.HasPrefix(rest, "\ufe0f\u20e3")
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
