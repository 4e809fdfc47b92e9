package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable is a text of somebody else's that goes to a terminal: a path, say.
func printable(text string) string {
	if unprintable(text, "") != "" {
		return strconv.Quote(text)
	}
	return text
}

// quoted is such a text within a message. Long ones are cut.
func quoted(text string) string {
	const enough = 80
	if runes := []rune(text); len(runes) > enough {
		return strconv.Quote(string(runes[:enough])) + "…"
	}
	return strconv.Quote(text)
}

// unprintable says what in a text is no text, or nothing. The control characters in allowed may be in it.
func unprintable(text, allowed string) string {
	for i, r := range text {
		switch {
		case r == 0:
			return "a NUL byte"
		case r == utf8.RuneError:
			if _, width := utf8.DecodeRuneInString(text[i:]); width == 1 {
				return fmt.Sprintf("byte 0x%02x, which is no UTF-8", text[i])
			}
		case unicode.IsControl(r) && !strings.ContainsRune(allowed, r):
			return fmt.Sprintf("the control character %U", r)
		}
	}
	return ""
}
