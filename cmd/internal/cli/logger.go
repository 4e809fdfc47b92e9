package cli

import (
	"io"
	"log/slog"
	"time"
)

// FlushTimeout bounds how long the end of the process waits for output that nobody may be reading.
const FlushTimeout = time.Second

// NewLogger returns a logger that writes lines of the format "text" or "json".
func NewLogger(format string, w io.Writer) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
