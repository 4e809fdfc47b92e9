package proc

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxErrorLine bounds the line that explains a failure, in bytes.
const maxErrorLine = 300

// goroutineDump is the first line that Go programs write when QUIT ends them.
const goroutineDump = "SIGQUIT: quit\n"

// FirstError returns the line of a failed program's output that explains best why it failed, or "" if none does: the end of a
// Python traceback, or else the first line that looks like an error, or else the last line. Lines logged below a warning do not
// count. The result is short, printable text.
func FirstError(output []byte) string {
	if i := bytes.Index(output, []byte(goroutineDump)); i >= 0 {
		output = output[:i] // the dump shows what the program did when it was killed, not why it was
	}
	var lines []string
	traceback, failure := -1, -1
	for line := range bytes.Lines(output) {
		text, level := parseLine(strings.TrimRightFunc(string(line), unicode.IsSpace))
		if text == "" || level < slog.LevelWarn {
			continue
		}
		if failure < 0 && (level >= slog.LevelError || looksLikeError(text)) {
			failure = len(lines)
		}
		if strings.Contains(text, "Traceback (most recent call last):") {
			traceback = len(lines)
		}
		lines = append(lines, text)
	}
	if len(lines) == 0 {
		return ""
	}
	best := len(lines) - 1
	if failure >= 0 {
		best = failure
	}
	if traceback >= 0 { // the exception is in the first line after it that is not indented
		rest := lines[traceback+1:]
		if i := slices.IndexFunc(rest, func(line string) bool { return !strings.HasPrefix(line, " ") }); i >= 0 {
			best = traceback + 1 + i
		}
	}
	return Printable(lines[best])
}

func looksLikeError(line string) bool {
	line = strings.ToLower(line)
	return slices.ContainsFunc([]string{
		"error", "fatal", "panic", "fail", "exception", "cannot", "can't", "unable", "denied", "no such",
	}, func(word string) bool { return strings.Contains(line, word) })
}

// textLog matches the fields of a line of a slog.TextHandler that are used here.
var textLog = regexp.MustCompile(`(?:^| )(level|msg|err|error)=("(?:[^"\\]|\\.)*"|\S*)`)

// parseLine returns the message and the error of a line that log/slog has written as text or JSON, and any other line as it is,
// with the level of a warning.
func parseLine(line string) (text string, level slog.Level) {
	var l struct{ Level, Msg, Err, Error string }
	switch {
	case strings.HasPrefix(line, "{"):
		_ = json.Unmarshal([]byte(line), &l) // fields that are not text remain empty
	case strings.HasPrefix(line, "time="), strings.HasPrefix(line, "level="):
		into := map[string]*string{"level": &l.Level, "msg": &l.Msg, "err": &l.Err, "error": &l.Error}
		for _, field := range textLog.FindAllStringSubmatch(line, -1) {
			value, err := strconv.Unquote(field[2])
			if err != nil {
				value = field[2]
			}
			*into[field[1]] = value
		}
	}
	if l.Msg == "" || level.UnmarshalText([]byte(l.Level)) != nil {
		return line, slog.LevelWarn
	}
	for _, err := range []string{l.Error, l.Err} {
		if err != "" {
			l.Msg += ": " + err
		}
	}
	return l.Msg, level
}

// Plain returns text as one line without control characters.
func Plain(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r // a byte that is not UTF-8 comes as the replacement character
	}, text)
	return strings.TrimSpace(text)
}

// Printable returns Plain text of at most 300 bytes.
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
