package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// objectProblem is why a text is no JSON object, and where, for who has typed it; empty: it is one.
func objectProblem(text string) string {
	var value any
	err := json.Unmarshal([]byte(text), &value)
	if err == nil {
		if _, ok := value.(map[string]any); !ok {
			return "is not a JSON object: it has to begin with { and to end with }"
		}
		return ""
	}
	syntax, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return "is not JSON: " + err.Error()
	}
	at := max(0, int(syntax.Offset)-1) // the offset is after the byte that it fails at
	if strings.HasPrefix(syntax.Error(), "unexpected end") {
		at = len(text)
	}
	line, column := position(text, at)
	return fmt.Sprintf("is not JSON: line %d, column %d: %s", line, column, syntax)
}

// position is where a byte of a text is, in lines and characters, both from 1 on.
func position(text string, at int) (line, column int) {
	before := text[:min(at, len(text))]
	begin := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[begin:])
}
