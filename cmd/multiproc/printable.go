package main

import (
	"strconv"
	"strings"
	"unicode"
)

// printable is a text of somebody else's that goes to a terminal, on one line: what is not to be seen, or would do
// something there, is written as Go does, as in \x1b.
func printable(text string) string {
	if strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case !unprintable(r):
			b.WriteRune(r)
		case r == unicode.ReplacementChar && text[i] != "\ufffd"[0]:
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[i]), 16))
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }
