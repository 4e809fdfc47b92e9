package admin

import "strings"

// Browsers cannot send every text that there can be: the value of an input has no line breaks, and those of a textarea become
// CR LF. What only looks changed for that stays as it is.

// sentLine is what of a text somebody has typed into an input, if the text was what stood in it before.
func sentLine(before, sent string) string {
	if strings.NewReplacer("\r", "", "\n", "").Replace(before) == sent {
		return before
	}
	return sent
}

// sentText is the same of a textarea.
func sentText(before, sent string) string {
	sent = oneBreak(sent)
	if oneBreak(before) == sent {
		return before
	}
	return sent
}

func oneBreak(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}
