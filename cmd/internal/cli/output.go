package cli

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// FlushTimeout bounds how long the end of the process waits for a reader of its output.
const FlushTimeout = time.Second

// NewLogger returns a logger that writes lines of the format "text" or "json".
func NewLogger(format string, w io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// FaultLog logs a repeated error once, until it changes or goes away. The zero value is ready to use. It is not safe for
// concurrent use.
type FaultLog struct{ last string }

// Log logs err unless the last call had the same one. A nil err ends a fault.
func (f *FaultLog) Log(log *slog.Logger, level slog.Level, message string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != f.last {
		log.Log(context.Background(), level, message, "error", text) //nolint:sloglint // the callers' messages are constant
	}
	f.last = text
}

// PrintJSON writes the value as indented JSON.
func PrintJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// Printable returns untrusted text as one line that is safe on a terminal: characters that are invisible or control the
// terminal are escaped as in Go, for example \x1b.
func Printable(text string) string {
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
