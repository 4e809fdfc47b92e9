package proc

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxErrorLine bounds the line by which a failure is told, in bytes.
const maxErrorLine = 300

// goroutineDump is what Go programs write first when QUIT ends them.
const goroutineDump = "SIGQUIT: quit\n"

// FirstError is the line of a failed program's output that tells best why it failed; empty where none does.
//
// That is how a Python traceback ends, or else the first line that sounds like an error, or else the last one. What the
// program has logged below a warning is none of these. The line is short, printable text.
func FirstError(output []byte) string {
	if i := bytes.Index(output, []byte(goroutineDump)); i >= 0 {
		output = output[:i] // what follows is where it was when it was ended, not why
	}
	var lines []outputLine
	for line := range bytes.Lines(output) {
		if l := parseOutputLine(strings.TrimRightFunc(string(line), unicode.IsSpace)); l.text != "" && !l.unimportant {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return ""
	}
	best := len(lines) - 1
	if i, ok := tracebackEnd(lines); ok {
		best = i
	} else if i := slices.IndexFunc(lines, outputLine.soundsLikeError); i >= 0 {
		best = i
	}
	return Printable(lines[best].text)
}

// outputLine is a line of a program's output. Of one that log/slog has written, the text is the message and the error.
type outputLine struct {
	text        string
	unimportant bool // logged below a warning
	failure     bool // logged as an error
}

func (l outputLine) soundsLikeError() bool {
	text := strings.ToLower(l.text)
	return l.failure || slices.ContainsFunc([]string{
		"error", "fatal", "panic", "fail", "exception", "cannot", "can't", "unable", "denied", "no such",
	}, func(sound string) bool { return strings.Contains(text, sound) })
}

// tracebackEnd finds the line in which the last traceback names the exception: the first that is not indented.
func tracebackEnd(lines []outputLine) (int, bool) {
	for begin, line := range slices.Backward(lines) {
		if !strings.Contains(line.text, "Traceback (most recent call last):") {
			continue
		}
		end := slices.IndexFunc(lines[begin+1:], func(l outputLine) bool { return !strings.HasPrefix(l.text, " ") })
		return begin + 1 + end, end >= 0
	}
	return 0, false
}

func parseOutputLine(line string) outputLine {
	var fields map[string]string
	switch {
	case strings.HasPrefix(line, "time="), strings.HasPrefix(line, "level="):
		fields = parseTextLog(line)
	case strings.HasPrefix(line, "{"):
		fields = parseJSONLog(line)
	}
	level, message := fields[slog.LevelKey], fields[slog.MessageKey]
	if level == "" || message == "" {
		return outputLine{text: line}
	}
	for _, key := range []string{"error", "err"} {
		if fields[key] != "" {
			message += ": " + fields[key]
		}
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return outputLine{text: line}
	}
	return outputLine{message, l < slog.LevelWarn, l >= slog.LevelError}
}

// parseTextLog reads fields as slog.TextHandler writes them, as far as they can be read.
func parseTextLog(line string) map[string]string {
	fields := map[string]string{}
	for line != "" {
		key, rest, _ := strings.Cut(line, "=")
		value, err := strconv.QuotedPrefix(rest)
		if err == nil {
			rest = rest[len(value):]
			value, _ = strconv.Unquote(value) // QuotedPrefix has found nothing wrong
		} else {
			value, _, _ = strings.Cut(rest, " ")
			rest = rest[len(value):]
		}
		fields[key] = value
		line = strings.TrimPrefix(rest, " ")
	}
	return fields
}

// parseJSONLog reads the fields that are text of a line as slog.JSONHandler writes it.
func parseJSONLog(line string) map[string]string {
	var values map[string]any
	if json.Unmarshal([]byte(line), &values) != nil {
		return nil
	}
	fields := map[string]string{}
	for key, value := range values {
		if text, ok := value.(string); ok {
			fields[key] = text
		}
	}
	return fields
}

// Plain makes one line of any text, with nothing in it that a terminal obeys.
func Plain(text string) string {
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

// Printable is plain, and short.
func Printable(text string) string {
	const more = "…"
	if text = Plain(text); len(text) <= maxErrorLine {
		return text
	}
	end := maxErrorLine - len(more)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}
