package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// objectProblem is why a text is not one JSON object that everybody reads alike, and where, for who has typed it; empty: it is
// one. What numbers are worth is not looked at: they are kept as they are typed.
func objectProblem(text string) string {
	var value json.RawMessage
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		syntax, ok := errors.AsType[*json.SyntaxError](err)
		if !ok {
			return "is not JSON: " + err.Error()
		}
		at := max(0, int(syntax.Offset)-1) // the offset is after the byte that it fails at
		problem := syntax.Error()
		if strings.HasPrefix(problem, "unexpected end") {
			at = len(text)
		} else if c, _ := utf8.DecodeRuneInString(text[at:]); c >= utf8.RuneSelf && c != utf8.RuneError {
			problem = unseen(c)
		}
		return "is not JSON: " + where(text, at) + ": " + problem
	}
	if strings.TrimLeft(text, " \t\r\n")[0] != '{' {
		return "is not a JSON object: it has to begin with { and to end with }"
	}
	if key, at := twice(text); at > 0 {
		return fmt.Sprintf("has the key %s twice in one object: again at %s", key, where(text, at))
	}
	return ""
}

// unseen says which character is in the way that is none of JSON's; most of them look like a space, or like nothing.
func unseen(c rune) string {
	what := fmt.Sprintf("the character %q (U+%04X)", c, c)
	switch {
	case c == '\ufeff':
		what = "a byte order mark (U+FEFF), which one does not see,"
	case c == '\u00a0':
		what = "a no-break space (U+00A0)"
	case unicode.IsSpace(c), unicode.Is(unicode.Cf, c):
		what = fmt.Sprintf("the character U+%04X, which one does not see,", c)
	case strings.ContainsRune("“”„‘’«»", c):
		return fmt.Sprintf("the quote %c is none of JSON's: use \"", c)
	}
	return what + " is none that JSON has outside of strings"
}

// twice is the first key that an object of valid JSON has a second time, as it is written there, and where that ends; 0: there
// is none. Readers differ in which of the two they take.
func twice(text string) (key string, end int) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	type object struct {
		keys  map[string]bool // nil: it is an array
		value bool            // the next token is a value, or begins one
	}
	var open []object
	for {
		token, err := d.Token()
		if err != nil {
			return "", 0 // the end
		}
		if len(open) > 0 {
			in := &open[len(open)-1]
			if name, ok := token.(string); ok && in.keys != nil && !in.value {
				if in.keys[name] {
					quoted, _ := json.Marshal(name) // of a string: it cannot fail
					return string(quoted), int(d.InputOffset())
				}
				in.keys[name], in.value = true, true
				continue
			}
			in.value = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{keys: map[string]bool{}})
		case json.Delim('['):
			open = append(open, object{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

// where says to a person at which byte of a text something is: in lines and characters, both from 1 on.
func where(text string, at int) string {
	before := text[:min(at, len(text))]
	begin := strings.LastIndexByte(before, '\n') + 1
	return fmt.Sprintf("line %d, column %d", 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(before[begin:]))
}
