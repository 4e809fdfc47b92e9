package master

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain makes one line of any text, with nothing in it that a terminal obeys.
func plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r // a byte that is no text comes as the replacement character
	}, text)
	return strings.TrimSpace(text)
}

// printable is plain, and short.
func printable(text string) string {
	const more = "…"
	if text = plain(text); len(text) <= maxErrorLine {
		return text
	}
	end := maxErrorLine - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}
