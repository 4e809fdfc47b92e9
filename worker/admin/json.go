package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// objectProblem says why a text is not a JSON object, and where; empty: it is one.
func objectProblem(text string) string {
	var value json.RawMessage
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		syntax, ok := errors.AsType[*json.SyntaxError](err)
		if !ok {
			return "is not JSON: " + err.Error()
		}
		at, problem := max(0, int(syntax.Offset)-1), syntax.Error() // the offset is that of the next byte
		if strings.HasPrefix(problem, "unexpected end") {
			at = len(text)
		} else if c, _ := utf8.DecodeRuneInString(text[at:]); c >= utf8.RuneSelf && c != utf8.RuneError {
			problem = fmt.Sprintf("the character %q (U+%04X) is not allowed outside strings", c, c)
		}
		before := text[:min(at, len(text))]
		line := strings.Count(before, "\n") + 1
		column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
		return fmt.Sprintf("is not JSON: line %d, column %d: %s", line, column, problem)
	}
	if strings.TrimLeft(text, " \t\r\n")[0] != '{' {
		return "is not a JSON object: it must begin with { and end with }"
	}
	return ""
}
